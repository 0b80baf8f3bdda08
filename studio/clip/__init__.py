"""The full CLIP of a base: image and text in one space, for measuring and for aesthetic gradients."""
