"""Images on request: batches, lanes, grids, comparisons, the effect of one file."""
