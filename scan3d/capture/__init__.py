"""Takes on disk: photographs, masks, and the checks they pass before anything is computed."""
