"""Captions in the names of image files, as A1111's web UI writes them: “00012-0-a red dog.png”.

Owns: which names hold one. Refuses to know: captions that are written somewhere else.
"""

from __future__ import annotations

import re

_NAMED = re.compile(r"\d{5}-\d+-(?=.*[^\W\d_])(.+)", re.DOTALL)


def caption_in_name(stem: str) -> str | None:
    """The caption in a file's name without its ending, or None: five digits, a number, then words."""
    match = _NAMED.fullmatch(stem)
    return match[1].strip() if match else None
