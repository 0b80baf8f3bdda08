"""Weights per block of the denoising network, as people write them: `IN04=0.5, OUT=0.8`.

Owns: the names, reading text, and which factor a block ends up with. Refuses to know: which blocks
a network has (`formats.blocks` computes them) and what a factor is applied to.

Names are those of block-weight tools: `BASE` (the text encoders, and what lies outside the blocks),
`IN00`…, `M00` (also `MID`), `OUT00`… of a U-Net; `IN` and `OUT` alone mean all blocks of that side.
A transformer's have the letters that its architecture's row states, e.g. `L00`….
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from studio.architectures import ARCHITECTURES
from studio.core.counts import counted
from studio.core.errors import SettingsError
from studio.settings.base import nearest

BASE, MIDDLE, INPUT, OUTPUT = "BASE", "M00", "IN", "OUT"
MOST = 10.0
# What A1111's extension for block weights calls the numbers of a list, by how many there are.
_BOTH_SIDES = [*(f"IN{k:02}" for k in range(12)), MIDDLE, *(f"OUT{k:02}" for k in range(12))]
_ORDERS = {
    12: ["BASE", "IN04", "IN05", "IN07", "IN08", "M00", "OUT00", "OUT01", "OUT02", "OUT03", "OUT04", "OUT05"],
    17: ["BASE", "IN01", "IN02", "IN04", "IN05", "IN07", "IN08", "M00", "OUT03", "OUT04", "OUT05", "OUT06", "OUT07", "OUT08", "OUT09", "OUT10", "OUT11"],
    20: [BASE, *_BOTH_SIDES[:9], *_BOTH_SIDES[12:22]],
    26: [BASE, *_BOTH_SIDES],
}  # fmt: skip
# Its presets, of 17 numbers each: which of them are 1 (or, for the last, all of them one half).
PRESETS = {
    "NONE": "0" * 17, "ALL": "1" * 17, "INS": "1" * 4 + "0" * 13, "IND": "10001110000000000",
    "INALL": "1" * 7 + "0" * 10, "MIDD": "10001111111100000", "OUTD": "10000000111100000",
    "OUTS": "10000000000011111", "OUTALL": "10000000111111111", "ALL0.5": "5" * 17,
}  # fmt: skip
_EXAMPLE = "Write names with factors (IN04=0.5, OUT=0.8), or one number per block in order."


def canonical(name: str) -> str:
    """`in4` → `IN04`, `mid` → `M00`; SettingsError names the nearest for what is no block."""
    plain = name.strip().upper()
    if plain in (BASE, MIDDLE):
        return plain
    if plain in ("MID", "M", "MIDDLE"):
        return MIDDLE
    found = re.fullmatch(rf"({'|'.join(_letters())})(\d{{1,2}})?", plain)
    if found:
        return found[1] if found[2] is None else f"{found[1]}{int(found[2]):02}"
    usual = [BASE, "MID", MIDDLE, INPUT, OUTPUT]
    usual += [f"{side}{number:02}" for side in (INPUT, OUTPUT) for number in range(12)]
    raise _unknown(name, usual)


def _letters() -> list[str]:
    """What the blocks of any architecture are called before their number."""
    rows = ARCHITECTURES.values()
    return [INPUT, OUTPUT, *(block.letters for row in rows for block in row.denoiser.blocks)]


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

    `blocks` are those of a network (`formats.blocks`); BASE comes first.
    """
    every = [BASE, *blocks]
    attention = [BASE, *(name for name, has in blocks.items() if has)]
    for names in (every, attention):
        if len(names) == len(numbers):
            return dict(zip(names, numbers, strict=True))
    raise SettingsError(
        f"{counted(len(numbers), 'number is', 'numbers are')} not one per block",
        why=f"This base has {counted(len(every), 'block')} with BASE, {len(attention)} of them with "
        "attention (or BASE).",
        remedy=_EXAMPLE,
    )


def listed(text: str) -> dict[str, float]:
    """`lbw=` of a tag: a preset's name or 12, 17, 20 or 26 numbers → a factor for every block.

    As in A1111's extension, what a list leaves out has 0: short lists count blocks with attention
    only. Lists of 12 and 20 mean SDXL's blocks. Raises SettingsError.
    """
    digits = {"0": 0.0, "1": 1.0, "5": 0.5}
    if preset := PRESETS.get(text.strip().upper()):
        numbers = [digits[digit] for digit in preset]
    elif "," not in text:
        raise SettingsError(
            f"“{text.strip()[:40]}” is no preset of block weights",
            remedy=f"Known are {', '.join(PRESETS)}, and lists of numbers.",
        )
    else:
        numbers = [_factor(part) for part in text.split(",")]
    if len(numbers) not in _ORDERS:
        raise SettingsError(
            f"{counted(len(numbers), 'block weight is', 'block weights are')} no list that is known",
            remedy="Lists have 12, 17, 20 or 26 numbers.",
        )
    everything = _ORDERS[20 if len(numbers) in (12, 20) else 26]
    given = dict(zip(_ORDERS[len(numbers)], numbers, strict=True))
    return {name: given.get(name, 0.0) for name in everything}


def factors(wanted: Mapping[str, float], blocks: Mapping[str, bool]) -> dict[str, float]:
    """The factor of BASE and of every block: its own, else its side's, else 1. SettingsError."""
    names = [BASE, *blocks]
    sides = {name: re.sub(r"\d+$", "", name) for name in names}
    known = list(dict.fromkeys([*names, INPUT, OUTPUT, *(sides[name] for name in blocks)]))
    for name in wanted:
        if name not in known:
            raise _unknown(name, known)
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
