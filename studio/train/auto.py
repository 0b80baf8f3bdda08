"""Which way of computing a step is the best here: decided from measured seconds and bytes alone.

Owns: the ways, what was measured of each, the rule. Refuses to know: torch, how anything is measured
(`calibration`), processors by name.

A way other than the machine's usual one is taken only when it is faster by `MARGIN` in the median of
pairs and in the least of all rounds: where a busy machine blurs the two, everything stays as usual.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from studio.core.record import Filed, Record

MARGIN = 0.03
"""By how much a way must be faster than the usual one. A choice is at most so much slower than the best."""
SLACK = 1.25
"""Beside what is kept for the backward pass, a pass needs room for what it works on."""
SPARE = 0.9
"""Of the memory at hand: the rest is for samples and other programs."""

Precision = Literal["fp32", "fp16", "bf16"]


class Way(Record):
    """How a step is computed."""

    precision: Precision
    attention: str
    channels_last: bool = False

    @property
    def named(self) -> str:
        """`bf16, sdpa-fp32, channels last`."""
        return ", ".join(
            [self.precision, self.attention, *(["channels last"] if self.channels_last else [])]
        )


class Timing(Record):
    """What was measured of one way."""

    way: Way
    seconds: tuple[float, ...] = ()
    """Of each round; the usual way was measured in the same rounds."""
    weights: int = 0
    """Bytes of the base in this precision."""
    kept: int = 0
    """Bytes that a backward pass over the measured batch keeps."""
    checkpointed: int | None = None
    """The same with gradient checkpointing; None where nobody asked."""

    @property
    def least(self) -> float:
        """Seconds of the fastest round."""
        return min(self.seconds)


class Calibration(Filed):
    """What was measured once on this machine for one kind of run; kept, and used again."""

    key: str = ""
    """What must be the same for it to be used again."""
    device: str = ""
    """What the processor or the GPU calls itself."""
    threads: int = 0
    torch: str = ""
    method: str = ""
    base: str = ""
    resolution: int = 0
    """Pixels, of the run that asked."""
    side: int = 0
    """Pixels, of what was measured."""
    batch: int = 0
    """Images, of what was measured."""
    measured_at: float = 0.0
    """Seconds since 1970."""
    took: float = 0.0
    """Seconds."""
    added: int = 0
    """Bytes of what training adds to the base: weights, gradients, moments."""
    timings: tuple[Timing, ...] = ()
    """The usual way first."""
    untried: str = ""
    """Why some ways were not measured; empty where all were."""


class Asked(Record):
    """What a person has left to Auto, and what not; None is left to it."""

    precision: Precision | None = None
    attention: str | None = None
    channels_last: bool | None = None
    checkpointing: bool | None = None
    batch: int = 1
    """Images at once."""
    resolution: int = 0
    """Pixels."""
    split: bool = True
    """Whether a batch may be taken in parts."""

    def allows(self, way: Way) -> bool:
        """Whether a way is what was asked for."""
        return all(
            wanted is None or wanted == has
            for wanted, has in (
                (self.precision, way.precision),
                (self.attention, way.attention),
                (self.channels_last, way.channels_last),
            )
        )


class Choice(Record):
    """What a run computes with, and what was measured beside it."""

    way: Way
    checkpointing: bool = False
    parts: int = 1
    """Parts that a batch is taken in, their gradients added up."""
    usual: Way
    """What the machine would have taken without measuring."""
    speed: float | None = None
    """Times as fast as the usual way; None where it is the usual way."""
    seconds: tuple[float, float] | None = None
    """Of a measured pass: this way's and the usual one's."""
    needs: int = 0
    """Bytes, about."""
    memory: int | None = None
    """Bytes at hand; None where nobody knows."""
    fits: bool = True


def faster(timing: Timing, usual: Timing) -> float:
    """Times as fast as the usual way: the lower of what the pairs' median and the least rounds say."""
    ratios = sorted(b / a for a, b in zip(timing.seconds, usual.seconds, strict=False))
    middle = len(ratios) // 2
    median = ratios[middle] if len(ratios) % 2 else (ratios[middle - 1] + ratios[middle]) / 2
    return min(median, usual.least / timing.least)


def decide(found: Calibration, asked: Asked, memory: int | None = None) -> Choice | None:
    """The fastest way that was asked for and fits; None where none of these was measured.

    `memory` are the bytes a run may use in all. Where no way fits, a batch is taken in parts, then
    activations are recomputed, then both.
    """
    allowed = [timing for timing in found.timings if asked.allows(timing.way) and timing.seconds]
    if not allowed:
        return None
    usual = allowed[0]
    for checkpointing, parts in _savings(asked):
        fitting = [
            timing
            for timing in allowed
            if memory is None
            or _needs(found, timing, asked, checkpointing, parts) <= memory * SPARE
        ]
        if fitting:
            return _chosen(found, asked, fitting, usual, (checkpointing, parts, memory, True))
    checkpointing, parts = _savings(asked)[-1]
    least = min(allowed, key=lambda one: _needs(found, one, asked, checkpointing, parts))
    return _chosen(found, asked, [least], usual, (checkpointing, parts, memory, False))


def _savings(asked: Asked) -> list[tuple[bool, int]]:
    """(checkpointing, parts) in the order of what they cost in time."""
    whole = [n for n in range(1, asked.batch + 1) if not asked.batch % n] if asked.split else [1]
    if asked.checkpointing is not None:
        return [(asked.checkpointing, parts) for parts in whole]
    return [(False, parts) for parts in whole] + [(True, parts) for parts in whole]


def _chosen(
    found: Calibration,
    asked: Asked,
    fitting: Sequence[Timing],
    usual: Timing,
    how: tuple[bool, int, int | None, bool],
) -> Choice:
    checkpointing, parts, memory, fits = how
    best = max(fitting, key=lambda one: faster(one, usual))
    if usual in fitting and faster(best, usual) < 1 + MARGIN:
        best = usual
    return Choice(
        way=best.way,
        checkpointing=checkpointing,
        parts=parts,
        usual=usual.way,
        speed=None if best is usual else round(faster(best, usual), 3),
        seconds=None if best is usual else (best.least, usual.least),
        needs=_needs(found, best, asked, checkpointing, parts),
        memory=memory,
        fits=fits,
    )


def _needs(
    found: Calibration, timing: Timing, asked: Asked, checkpointing: bool, parts: int
) -> int:
    """Bytes of a run: the base, what training adds, and what a pass over one part keeps."""
    kept = timing.kept
    if checkpointing:
        kept = timing.checkpointed if timing.checkpointed is not None else kept // 3
    more = asked.batch / parts / found.batch * (asked.resolution / found.side) ** 2
    return round(timing.weights + found.added + SLACK * kept * more)
