"""How near two ways of computing the same numbers must come.

Owns: the tolerance, which follows the values and the arithmetic: single precision keeps 24 bits, a
sum over a few hundred products loses some of them, and how many depends on the order in which a
processor's kernels add. So the bound is a share of the largest value, never a fixed number: 1e-5
of a weight of 0.1 is a real difference, 1e-5 of an activation of 40 is one rounding. Formulas
that give each value by itself keep its own relative error: those stay with `assert_close`.
"""

from __future__ import annotations

import torch
from torch import Tensor

ROUNDING = 1e-5  # about 80 roundings of the largest value
OF_A_STEP = 2e-3  # of the rate: AdamW divides a gradient by its size, so a small one counts in full
HALF = 2e-3  # four roundings of half precision (11 bits): files that hold it


def assert_near(actual: Tensor, expected: Tensor, share: float = ROUNDING) -> None:
    """`actual` differs from `expected` by at most `share` of its largest value; shapes are equal."""
    assert expected.numel(), "nothing to compare"
    actual, expected = actual.detach(), expected.detach()
    largest = float(expected.abs().max())
    torch.testing.assert_close(actual, expected, rtol=0, atol=share * largest, equal_nan=False)
