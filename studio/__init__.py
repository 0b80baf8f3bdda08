"""Concept Studio: teach Stable Diffusion a concept five ways, stack the files, measure which is best."""

__version__ = "0.1.0"
