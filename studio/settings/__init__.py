"""Every setting of the studio, declared once: training, generation, lanes, grids."""
