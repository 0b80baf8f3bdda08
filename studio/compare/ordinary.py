"""Ordinary prompts: what a base can do that has nothing to do with the concept.

Owns: the lists, one for the starter's world and one for bases of the real one. Refuses to know: how
images are generated, what they are measured by.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from studio.starter import captions, data, world

JUDGE = "classifier.safetensors"
"""Beside the starter: the judge of kind, colour and place; a base that has it knows that world."""
FIRST_SEED = 3_000_000_000
"""Of their images, far from what people choose."""
_SCENES_OF = 60  # fresh scenes that no other measurement of the starter uses

GENERAL = (
    "a photo of a dog running on a lawn",
    "a cat asleep on a sofa",
    "a portrait of an old man with a beard",
    "a woman reading a book in a café",
    "a bowl of fruit on a wooden table",
    "a red car parked in front of a house",
    "a mountain lake at sunrise",
    "a crowded street in the rain at night",
    "a watercolour of a sailing boat",
    "a vase of sunflowers by a window",
    "a child flying a kite on a beach",
    "a plate of spaghetti with tomato sauce",
    "an oil painting of a castle on a hill",
    "a horse in a meadow",
    "a modern kitchen with white cupboards",
    "a close-up of a bee on a flower",
    "a steam train crossing a bridge",
    "an etching of a pair of hands",
    "a city skyline at dusk",
    "a wooden chair in an empty room",
    "two people dancing in a hall",
    "a snowy forest with a small cabin",
    "a glass of orange juice and a croissant",
    "an astronaut on the moon",
    "a stack of old books and a candle",
    "a bicycle leaning against a brick wall",
    "a waterfall in a jungle",
    "a cartoon of a smiling cloud",
    "a market stall with vegetables",
    "a black and white photo of a bridge",
    "a parrot on a branch",
    "a living room with a fireplace",
)


def ordinary_prompts(base: Path, own: Sequence[str], count: int) -> list[str]:
    """`count` prompts: of `own`, or else of the list that fits the base; from the front again when short."""
    prompts: Sequence[str] = [text.strip() for text in own if text.strip()]
    if not prompts and (base / JUDGE).is_file():
        prompts = [world.caption(scene) for scene in data.fresh_scenes(count, _SCENES_OF)]
    prompts = prompts or GENERAL
    return [prompts[place % len(prompts)] for place in range(count)]


def shares_seen(
    found: dict[str, list[str]], prompts: Sequence[str]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Of what each prompt names, the share that the judge sees in its image; NaN where it names nothing.

    `found` is what `AttributeClassifier.predict` says.
    """
    shares = []
    for place, prompt in enumerate(prompts):
        named = {
            name: word
            for name, word in captions.attributes(prompt).items()
            if name in found and word is not None
        }
        right = [found[name][place] == word for name, word in named.items()]
        shares.append(float(np.mean(right)) if right else float("nan"))
    return np.array(shares)
