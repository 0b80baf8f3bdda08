"""Prompts that no training image shows, found in captions or made from a few scenes.

Owns: when a prompt counts as new. Refuses to know: folders, measures.

A checkpoint that has learned its images instead of their concept shows on such prompts first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from studio.core.spread import spread

MOST = 8
# Scenes that most bases know, in the manner of DreamBooth's evaluation (Ruiz et al. 2022).
SCENES = (
    "in the jungle", "in the snow", "on the beach", "on a cobblestone street", "on top of a wooden floor",
    "with a city in the background", "with a mountain in the background", "floating on top of water",
    "at night", "under water",
)  # fmt: skip


def new_prompts(
    held_out: Sequence[str], training: Sequence[str], phrase: str, most: int = MOST
) -> list[str]:
    """At most `most` different prompts: held-out captions with a word that no training caption has, evenly
    spread; where these are fewer than four, also `phrase` in scenes that none names; and at last other
    held-out captions."""
    seen = {word for caption in training for word in _words(caption)}
    known = {" ".join(caption.split()) for caption in training}
    own = [text for text in dict.fromkeys(" ".join(one.split()) for one in held_out) if text]
    new = [text for text in own if set(_words(text)) - seen]
    found = spread(new, most)
    if len(found) < 4 and phrase:
        made = [f"{phrase} {scene}" for scene in SCENES if set(_words(scene)) - seen]
        found += made[: max(0, 4 - len(found))]
    rest = [text for text in own if text not in found and text not in known]
    return found + spread(rest, max(0, min(4, most) - len(found)))


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())
