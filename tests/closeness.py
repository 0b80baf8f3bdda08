"""Comparing numbers that two ways of computing gave: tolerances that follow the values' size."""

from __future__ import annotations

import torch


def near(actual: torch.Tensor, expected: torch.Tensor, relative: float = 1e-5) -> None:
    """Every difference is at most `relative` times the largest value that is expected.

    Sums over many products round differently on every processor, and their error follows the size
    of the summands, so a fixed absolute tolerance would hold on one machine and not on another.
    """
    actual, expected = actual.detach(), expected.detach()
    assert actual.shape == expected.shape, (tuple(actual.shape), tuple(expected.shape))
    largest = float(expected.abs().max()) if expected.numel() else 0.0
    torch.testing.assert_close(
        actual, expected, rtol=relative, atol=relative * largest, check_dtype=False
    )
