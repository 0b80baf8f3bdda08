"""Which adapter is better, and how that is known: the same noise for everybody, and measures.

Owns: comparisons, their measures and reports. Refuses to know: training, the page.
Importing this package, `record` and `report` imports no torch.
"""
