"""How Auto's decision reads: what a run computes with, why, and how to say otherwise.

Owns: the sentences. Refuses to know: who measures and decides.
"""

from __future__ import annotations

import time

from studio.core.counts import counted
from studio.train.auto import Calibration, Choice, Way

OVERRIDE = "Set precision, attention or channels last yourself to override it."
SHORT = "Auto: nothing was measured, because the run takes about {} s in all; it computes as usual here."
FAILED = "Auto: it could not be measured what computes fastest here; the run computes as usual."
UNKNOWN = (
    "Auto: precision, attention and memory layout are as usual here; nobody has measured yet what is "
    "faster. “Measure first” on the page, or `train --check`, does."
)


def sentence(found: Calibration, choice: Choice) -> str:
    """What was chosen with its numbers."""
    parts = [f"Auto: {_chosen(found, choice)}.", *_memory(choice)]
    if found.untried:
        parts.append(f"Not all was tried: {found.untried}.")
    return " ".join([*parts, OVERRIDE])


def _chosen(found: Calibration, choice: Choice) -> str:
    when = time.strftime("%Y-%m-%d", time.localtime(found.measured_at))
    what = f"{counted(found.batch, 'image')} of {found.side} px"
    where = f"measured on {when} on {found.device}, {counted(found.threads, 'thread')}"
    if choice.speed is None or choice.seconds is None:
        others = [row for row in found.timings if row.way != choice.way and row.seconds]
        against = f", {counted(len(others), 'other way')} no faster" if others else ""
        return f"{_said(choice.way)}, as usual here{against} ({what}, {where})"
    own, usual = choice.seconds
    return (
        f"{_said(choice.way)}: {choice.speed:.2g} × as fast as {_said(choice.usual)} here, "
        f"{_seconds(own)} against {_seconds(usual)} for {what}, forward and backward ({where})"
    )


def _said(way: Way) -> str:
    layout = "channels last" if way.channels_last else "channels first"
    return f"{way.precision} with {way.attention} attention and {layout}"


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value >= 10 else f"{value:.2g} s"


def _memory(choice: Choice) -> list[str]:
    if choice.memory is None:
        return []
    told = f"about {_gigabytes(choice.needs)} of {_gigabytes(choice.memory)}"
    if not choice.fits:
        return [
            f"Even so the run may need more memory than there is ({told}): choose a smaller resolution, a "
            "fused backward pass or an 8-bit optimizer."
        ]
    saved = []
    if choice.parts > 1:
        saved.append(f"a batch is taken in {counted(choice.parts, 'part')}")
    if choice.checkpointing:
        saved.append("activations are recomputed")
    return [f"So that it fits into memory ({told}), {' and '.join(saved)}."] if saved else []


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
