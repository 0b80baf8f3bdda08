"""The captioner that ships says what an image shows, through the loader of the big ones."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from studio.caption.captioner import load_captioner
from studio.caption.source import Means
from studio.starter import data, world


def test_the_starters_captioner_names_what_it_sees(starter: Path):
    scenes = data.fresh_scenes(32, 60)
    images = [Image.fromarray(world.render(scene)) for scene in scenes]
    captioner = load_captioner("starter", Means("cpu"))
    texts = captioner.caption(images)
    named = [world.attributes(text) for text in texts]
    right = [
        sum(found[part] == getattr(scene, part) for part in ("kind", "colour", "place"))
        for found, scene in zip(named, scenes, strict=True)
    ]
    assert sum(right) / (3 * len(scenes)) > 0.85
    assert captioner.caption(images[:5]) == texts[:5]
