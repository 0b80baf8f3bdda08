"""A comparison as one zip, and opened again elsewhere."""
