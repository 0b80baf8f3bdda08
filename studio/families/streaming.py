"""Frozen weights that stay in main memory and are uploaded block by block, ahead of their use.

Owns: the blocks, what of them is on the device, and guessing which comes next. Refuses to know: what a
block means, layers, training. Nothing is ever copied back: a weight is frozen.

The weights of a block lie in one buffer (in pinned memory where the device is a GPU), so a block is one
copy. While one is computed with, the next is on its way on a stream of its own; which one that is was
seen the time before, going forward and backward alike. At most two are on the device. On a CPU the same
happens with copies in memory, which saves nothing: it is there to be tried without a GPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from studio.families.frozen_kinds import Parts
from studio.families.frozen_weight import Held

BLOCK_BYTES = 64 << 20
"""A block is complete when it holds so much; a larger weight is a block by itself."""
_ALIGNED = 64  # bytes, as torch aligns its own memory


@dataclass(frozen=True)
class _View:
    """Where a tensor lies in its block's buffer."""

    start: int
    shape: torch.Size
    dtype: torch.dtype

    def of(self, buffer: Tensor) -> Tensor:
        size = self.shape.numel() * self.dtype.itemsize
        return buffer[self.start : self.start + size].view(self.dtype).view(self.shape)


class Stream:
    """The blocks of one base, for one device. `add` weights in the order of the network, then `seal`."""

    def __init__(self, device: torch.device, block_bytes: int = BLOCK_BYTES) -> None:
        self.device, self.block_bytes = device, block_bytes
        self._gpu = device.type == "cuda"
        self._uploads: Any = torch.cuda.Stream(device) if self._gpu else None
        self._buffers: list[Tensor] = []
        self._filling: list[tuple[_View, Tensor]] = []
        self._filled = 0
        self._here: dict[int, tuple[Tensor, Any]] = {}
        """Block → its buffer on the device, and what says that it has arrived."""
        self._after: dict[tuple[int, int], int] = {}
        """(block before, block) → the block that came after these the last time."""
        self._recent = (-1, -1)
        self.uploads = self.guessed = 0
        """Blocks uploaded, and how many of them ahead of their use."""

    def add(self, parts: Parts) -> Held:
        """Takes what is stored of a weight; returns what gives it on the device. Reads from it work
        once its block is complete."""
        views = []
        for part in parts:
            views.append(_View(self._filled, part.shape, part.dtype))
            self._filling.append((views[-1], part))
            self._filled += -(-part.nbytes // _ALIGNED) * _ALIGNED
        held = partial(self._held, len(self._buffers), tuple(views))
        if self._filled >= self.block_bytes:
            self.seal()
        return held

    def seal(self) -> None:
        """Completes the last block."""
        if not self._filling:
            return
        buffer = torch.empty(self._filled, dtype=torch.uint8, pin_memory=self._gpu)
        for view, part in self._filling:
            view.of(buffer).copy_(part)
        self._buffers.append(buffer)
        self._filling, self._filled = [], 0

    @property
    def nbytes(self) -> int:
        """Of all blocks, in main memory."""
        return sum(buffer.nbytes for buffer in self._buffers)

    @property
    def on_device(self) -> int:
        """Blocks that are on the device now."""
        return len(self._here)

    def _held(self, block: int, views: Sequence[_View]) -> Parts:
        buffer = self._arrived(block)
        return tuple(view.of(buffer) for view in views)

    def _arrived(self, block: int) -> Tensor:
        before, current = self._recent
        if block != current:
            self._after[before, current] = block
            self._recent = (current, block)
            ahead = self._after.get(self._recent)
            for other in set(self._here) - {block, ahead}:
                del self._here[other]
            if block not in self._here:
                self._upload(block)
            if ahead is not None and ahead not in self._here:
                self._upload(ahead)
                self.guessed += 1
        buffer, arrival = self._here[block]
        if self._gpu:
            computing = torch.cuda.current_stream(self.device)
            computing.wait_event(arrival)
            buffer.record_stream(computing)  # it is freed when what reads it now is done
        return buffer

    def _upload(self, block: int) -> None:
        self.uploads += 1
        source = self._buffers[block]
        if not self._gpu:
            self._here[block] = (source.to(self.device, copy=True), None)
            return
        with torch.cuda.stream(self._uploads):
            buffer = source.to(self.device, non_blocking=True)
            arrival = torch.cuda.Event()
            arrival.record(self._uploads)
        self._here[block] = (buffer, arrival)
