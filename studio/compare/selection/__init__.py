"""Which checkpoint of a run, at what strength."""
