"""One file per tab; each has `build(studio, page)`."""
