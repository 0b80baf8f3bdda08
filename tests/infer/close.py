"""Closeness that follows the arithmetic: an error of rounding is as large as the values around it."""

from __future__ import annotations

import torch
from torch import Tensor

_SHARE = 1e-5
"""Some eighty roundings of fp32 (2⁻²⁴ each): a processor may add up in any order."""


def assert_close(actual: Tensor, expected: Tensor) -> None:
    """Equal up to 1e-5 of the largest value: sums of large numbers leave their error in small ones."""
    largest = float(expected.detach().abs().max()) if expected.numel() else 0.0
    torch.testing.assert_close(actual, expected, rtol=_SHARE, atol=_SHARE * max(largest, 1.0))
