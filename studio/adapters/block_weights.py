"""Where and when one item of a stack acts: its range of the sampling, its factors per block.

Owns: which block a module of the loaded base lies in, what of an item's wishes has no meaning for
a kind of file, and the sentences that say so. Refuses to know: what is done to the modules.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from torch import nn

from studio.settings import block_weights

if TYPE_CHECKING:
    from studio.families.base import Base
    from studio.settings.training import StackItem


@dataclass(frozen=True)
class Span:
    """The part of a sampling in which something acts; 0 to 1 is all of it."""

    start: float = 0.0
    end: float = 1.0

    @property
    def whole(self) -> bool:
        """Whether it acts in every step."""
        return (self.start, self.end) == (0.0, 1.0)

    def covers(self, step: int, steps: int) -> bool:
        """Whether it acts in step `step` (from 0) of `steps`; boundaries round to whole steps."""
        return int(self.start * steps + 0.5) <= step < int(self.end * steps + 0.5)


ALWAYS = Span()


class BlockWeights:
    """The range and block factors of one item on one base; None is everything, always."""

    def __init__(self, base: Base, item: StackItem | None) -> None:
        """Raises SettingsError for a block that the base's denoiser does not have."""
        self._base = base
        self._span = Span(item.start, item.end) if item else ALWAYS
        self._limited = item is not None and not (item.whole and not item.blocks)
        self._blocks = dict(item.blocks) if item else {}
        self._factors = block_weights.factors(self._blocks, base.blocks()) if self._blocks else {}
        self.reads_text = False
        """Set once something is registered that changes how prompts are read."""

    def factor(self, module: nn.Module) -> float:
        """The factor of the block that a module of the base lies in."""
        if not self._factors:
            return 1.0
        return self._factors[self._places.get(id(module)) or block_weights.BASE]

    def span(self, module: nn.Module) -> Span:
        """When a change of a module acts. Text is read before the first step, hence always."""
        if not self._limited or self._span.whole:
            return ALWAYS
        if id(module) in self._places:
            return self._span
        self.reads_text = True
        return ALWAYS

    def remarks(self, text_only: bool) -> list[str]:
        """What of the item's wishes could not be followed, and why; for people."""
        said = []
        if not self._span.whole and (text_only or self.reads_text):
            what = "It" if text_only else "What it changes in the text"
            said.append(
                f"{what} acts throughout, not from {self._span.start:g} to {self._span.end:g}: "
                "prompts are read once, before the first step."
            )
        if self._blocks and text_only:
            said.append("Block weights have no meaning for it: it changes no block.")
        return said

    @cached_property
    def _places(self) -> dict[int, str | None]:
        """id of each module of the denoiser → its block; None for those outside the blocks."""
        return {
            id(module): self._base.block_of(name)
            for name, module in self._base.denoiser.named_modules()
        }
