"""What goes into every captioner and comes out of it: an image in RGB on white, words on one line.

Owns: these two. Refuses to know: which captioner looks. Imports no torch.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

_THOUGHTS = re.compile(r"^\s*<think>.*?</think>", re.DOTALL)


def opaque(image: Image) -> Image:
    """The image in RGB; what lies behind a cut-out is white, for it is no part of it."""
    if "A" not in image.getbands():
        return image.convert("RGB")
    from PIL import Image as pillow

    white = pillow.new("RGBA", image.size, "white")
    return pillow.alpha_composite(white, image.convert("RGBA")).convert("RGB")


def plain(answer: str) -> str:
    """An answer on one line, without what a model thought before it."""
    return " ".join(_THOUGHTS.sub("", answer).split())
