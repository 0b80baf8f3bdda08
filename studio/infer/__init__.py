"""Drawing pictures: samplers, the loop around the base, and the text block that pictures carry."""
