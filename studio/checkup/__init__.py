"""What is wrong with a folder of images and captions as a training set: one table of checks."""
