"""Weights per block of the denoising network, as people write them: `IN04=0.5, OUT=0.8`.

Owns: the names, reading text, and which factor a block ends up with. Refuses to know: which blocks
a network has (`formats.ldm_names` computes them) and what a factor is applied to.

Names are those of block-weight tools: `BASE` (the text encoders, and what lies outside the blocks),
`IN00`…, `M00` (also `MID`), `OUT00`…; `IN` and `OUT` alone mean all blocks of that side.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from studio.errors import SettingsError
from studio.settings import nearest

BASE, MIDDLE, INPUT, OUTPUT = "BASE", "M00", "IN", "OUT"
MOST = 10.0
_SHAPE = re.compile(r"(IN|OUT)(\d{1,2})?")
_EXAMPLE = "Write names with factors (IN04=0.5, OUT=0.8), or one number per block in order."


def canonical(name: str) -> str:
    """`in4` → `IN04`, `mid` → `M00`; SettingsError names the nearest for what is no block."""
    plain = name.strip().upper()
    if plain in (BASE, MIDDLE):
        return plain
    if plain in ("MID", "M", "MIDDLE"):
        return MIDDLE
    if found := _SHAPE.fullmatch(plain):
        return found[1] if found[2] is None else f"{found[1]}{int(found[2]):02}"
    usual = [BASE, "MID", MIDDLE, INPUT, OUTPUT]
    usual += [f"{side}{number:02}" for side in (INPUT, OUTPUT) for number in range(12)]
    raise _unknown(name, usual)


def parse(text: str) -> dict[str, float] | list[float]:
    """Names with factors → a dictionary; nothing but numbers → a list, for `spread`.

    Raises SettingsError.
    """
    parts = [part.strip() for part in text.replace("\n", ",").split(",") if part.strip()]
    if parts and not any("=" in part or ":" in part for part in parts):
        return [_factor(part) for part in parts]
    found: dict[str, float] = {}
    for part in parts:
        name, sign, value = part.replace(":", "=").partition("=")
        if not sign:
            raise SettingsError(f"“{part[:40]}” is no block with a factor", remedy=_EXAMPLE)
        found[canonical(name)] = _factor(value)
    return found


def spread(numbers: Sequence[float], blocks: Mapping[str, bool]) -> dict[str, float]:
    """One number per block, or one per block that has attention, in the blocks' order.

    `blocks` are those of a network (`formats.ldm_names.unet_blocks`); BASE comes first.
    """
    every = [BASE, *blocks]
    attention = [BASE, *(name for name, has in blocks.items() if has)]
    for names in (every, attention):
        if len(names) == len(numbers):
            return dict(zip(names, numbers, strict=True))
    raise SettingsError(
        f"{len(numbers)} numbers are not one per block",
        why=f"This base has {len(every)} blocks with BASE, {len(attention)} of them with attention "
        "(or BASE).",
        remedy=_EXAMPLE,
    )


def factors(wanted: Mapping[str, float], blocks: Mapping[str, bool]) -> dict[str, float]:
    """The factor of BASE and of every block: its own, else its side's, else 1. SettingsError."""
    names = [BASE, *blocks]
    for name in wanted:
        if name not in (INPUT, OUTPUT, *names):
            raise _unknown(name, [*names, INPUT, OUTPUT])
    sides = {name: re.sub(r"\d+$", "", name) for name in names}
    return {name: wanted.get(name, wanted.get(sides[name], 1.0)) for name in names}


def text(wanted: Mapping[str, float]) -> str:
    """The way back: `BASE=1, IN04=0.5`."""
    return ", ".join(f"{name}={factor:g}" for name, factor in wanted.items())


def _factor(value: str) -> float:
    try:
        found = float(value)
    except ValueError:
        found = float("nan")
    if not abs(found) <= MOST:
        raise SettingsError(
            f"“{value.strip()[:40]}” is no factor of a block",
            why=f"It must be a number from −{MOST:g} to {MOST:g}.",
            remedy=_EXAMPLE,
        )
    return found


def _unknown(name: str, known: list[str]) -> SettingsError:
    close = nearest(name.strip().upper(), known)
    return SettingsError(
        f"There is no block “{name.strip()[:40]}”",
        remedy=f"Did you mean “{close}”?" if close else f"Known are: {', '.join(known)}.",
    )
