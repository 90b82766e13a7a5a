"""What skin is made of, from photographs under several known lights: albedo, normal, gloss."""
