"""Checks of sharpness, by itself and against the rest of the set.

Owns: its rows of the table and the limits. Refuses to know: how sharpness is measured
(`formats.image_look`).

Measured on the 160 images that ship (64 px): sharp ones have 6.9 and more, after a Gaussian blur of
radius 1 at most 3.4, of radius 2 at most 1.5. Photos of 256 px and more lie in the same ranges.
"""

from __future__ import annotations

from statistics import median

from studio.checkup.records import Check, Evidence, Hit

BLURRED = 2.0
SOFT = 4.0  # below it an image may be softer than the rest …
SHARE = 0.4  # … when it has less than this of the set's middle


def _blurred(seen: Evidence) -> list[Hit]:
    return _between(seen, 0.0, BLURRED)


def _soft(seen: Evidence) -> list[Hit]:
    return _between(seen, BLURRED, min(SOFT, SHARE * _middle(seen)))


def _between(seen: Evidence, low: float, high: float) -> list[Hit]:
    found = [(item.path, seen.facts[item.path]) for item in seen.info.items]
    middle = _middle(seen)
    return [
        Hit((path,), f"sharpness {known.sharpness:.1f}; the middle of the set is {middle:.1f}")
        for path, known in found
        if known.decoded and low <= known.sharpness < high
    ]


def _middle(seen: Evidence) -> float:
    found = [seen.facts[item.path].sharpness for item in seen.info.items]
    return median([sharp for sharp in found if sharp >= 0] or [0.0])


CHECKS = (
    Check(
        "blurred", "Blurred", "variance of the Laplacian, before and after blurring once more",
        "A model learns the blur too: use a sharp copy, or take them out.",
        "warning", _blurred,
    ),
    Check(
        "soft", "Softer than the rest", "the same, against the middle of the set",
        "They may be slightly out of focus or enlarged.",
        "note", _soft,
    ),
)  # fmt: skip
