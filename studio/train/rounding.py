"""Stochastic rounding of weights to bf16, so that small updates count on average.

Owns: the rounding and its random numbers, a pure function of (seed, step, tensor): a resumed run
rounds as the uninterrupted one. Refuses to know: optimizers, what the weights are.

bf16 is the upper half of fp32. Adding 16 random bits to the lower half and cutting it off rounds up
with a probability that is exactly the part cut off (Gupta et al. 2015; for bf16 weights without an
fp32 copy: Zamirai et al. 2020).
"""

from __future__ import annotations

import torch
from torch import Tensor

from studio.diffusion.seeds import generator

BITS = 16
_UPPER = -(1 << BITS)  # as int32: the half that is kept
TABLE = {"cpu": 1 << 17}  # numbers that stay in a processor's cache
TABLE_ELSEWHERE = 1 << 22  # fewer, larger kernels


class StochasticRounding:
    """Rounds the tensors of a step.

    Random bits are made once per step, as a table; each piece of a tensor flips them by a number
    of its own (xor). So any two weights have independent bits, at a hundredth of the draws.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        self.seed, self.device, self.step = seed, device, 0
        self.size = TABLE.get(device.type, TABLE_ELSEWHERE)
        self._bits = torch.empty(self.size, dtype=torch.int32, device=device)

    def begin(self, step: int) -> None:
        """Draws the table of step `step`."""
        self.step = step
        table = torch.randint(
            1 << BITS, (self.size,), dtype=torch.int32,
            generator=generator(self.seed, "rounding", step),
        )  # fmt: skip
        self.table = table.to(self.device)

    @torch.no_grad()
    def into(self, target: Tensor, values: Tensor, place: int) -> None:
        """Rounds fp32 `values` to bf16 `target`, the tensor number `place`; `values` are used up.

        Both lie in memory alike.
        """
        wide, narrow = _flat(values), _flat(target)
        count = -(-wide.numel() // self.size)
        flips = torch.randint(
            1 << BITS, (count,), generator=generator(self.seed, "rounding", self.step, place)
        ).tolist()
        for piece, flip in enumerate(flips):
            part = slice(piece * self.size, (piece + 1) * self.size)
            numbers = wide[part]
            bits, added = numbers.view(torch.int32), self._bits[: numbers.numel()]
            torch.bitwise_xor(self.table[: numbers.numel()], flip, out=added)
            bits.add_(added).bitwise_and_(_UPPER)
            narrow[part].copy_(numbers)  # exact: the lower half is zero


def _flat(tensor: Tensor) -> Tensor:
    """The numbers of a tensor without gaps, in the order in which they lie in memory."""
    return tensor.as_strided((tensor.numel(),), (1,))
