"""Blind votes on a comparison."""
