"""Several methods on one dataset: plan, cost, and the comparison that grows."""
