"""Training runs: the queue, one trainer thread, what is checked before and kept after."""
