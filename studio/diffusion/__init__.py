"""The way between images and noise: the process that a base was trained on, its noise, its samplers."""
