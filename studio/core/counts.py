"""A number with its noun, in agreement.

Owns: “1 image”, “3 images”, “1,200 images”. Refuses to know: every plural that is not the noun
with an s; the caller names those.
"""

from __future__ import annotations


def counted(number: float, one: str, many: str | None = None) -> str:
    """1 image, 2 images; with `many` also what takes another plural: 1 is, 2 are."""
    noun = one if number == 1 else many or f"{one}s"
    return f"{f'{number:,}'.removesuffix('.0')} {noun}"
