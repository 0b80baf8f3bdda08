"""Generating images: samplers, the loop around the base, and the text block that images carry."""
