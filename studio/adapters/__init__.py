"""What adapter files do to a base: found, attached with a strength, taken off exactly."""
