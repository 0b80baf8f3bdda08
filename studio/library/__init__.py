"""What the person has: bases, datasets, adapter files, presets, saved stacks."""
