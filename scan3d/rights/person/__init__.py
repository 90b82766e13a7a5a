"""What a person can ask for: all that is kept of them, and that it be erased."""
