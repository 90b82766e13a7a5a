"""A virtual studio: subjects, rigs and light whose truth is known exactly."""
