"""Telling what no model can have meant from captions that people and good models write."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from studio.caption.captioner import load_captioner
from studio.caption.doubt import doubt, goes_in_circles, stopping
from studio.caption.image_to_text import ImageToText
from studio.caption.source import Means
from studio.starter import data, world


@pytest.mark.parametrize("text", [
    "", "   ", "\n", "a big big big big big", "a big purple house in the big big big big",
    "the big the big the big", "a cat on the beach a cat on the beach a cat on the beach",
    "dog", "…", "!!!!", "12 34", "a \x00 cat", "a cat \ufffd\ufffd", "a cat \ue000", "hahahahahaha",
    "a noooooooo", "猫猫猫猫", "一只猫一只猫一只猫", "red, red, red, red", "Cat cat CAT cat",
    "a big green cat in a big green big green cat big green cat big green cat big the green cat "
    "big green cat big green the cat big green cat",
    "a man in a suit and a man in a hat and a man in a suit and a man in a hat and a man in a suit "
    "and a man in a suit and a man",
])  # fmt: skip
def test_no_caption(text: str):
    assert doubt(text)


@pytest.mark.parametrize("text", [
    "a cat", "a big red cat beside a small red cat on the beach", "cat, beach", "New York, New York",
    "a very, very old man", "the number 2000 on a door", "colour (255, 255, 255)", "no. 1 1 1",
    "1girl, solo, long hair, blue hair, blue eyes, smile, looking at viewer, blue dress, blue sky",
    "一只红色的猫坐在沙滩上", "赤い猫", "ein roter Käfer", "un chat rouge à la plage", "🐱 on a mat",
    "Two men stand beside two women; the men wear hats, the women wear coats, and behind the men "
    "a dog sits beside a second dog on a bench that stands beside a tree.",
    "papa and mama, 10:10:10", "a sign that says “HA HA”", "www.example.org on a sign",
    "a long road ........ at night", "a bird -------- in flight", "murmur of a couscous bonbon",
])  # fmt: skip
def test_captions(text: str):
    assert doubt(text) is None


def test_every_caption_of_the_world_is_one():
    for index in range(400):
        scene = world.random_scene(index)
        text = world.caption(scene, index % world.TEMPLATES)
        assert doubt(text) is None or len(text.split()) == 1, text


def test_a_generation_in_circles_is_seen():
    assert goes_in_circles([5, *[7] * 6]) and not goes_in_circles([5, *[7] * 5])
    assert goes_in_circles([1, *[7, 8, 9] * 4]) and not goes_in_circles([1, *[7, 8, 9] * 3])
    assert not goes_in_circles([]) and not goes_in_circles(list(range(100)))
    rows = torch.tensor([[9, *[7] * 6], [9, 1, 2, 3, 4, 5, 6]])
    (criterion,) = stopping(1)
    assert criterion(rows, None).tolist() == [True, False]
    assert criterion(torch.tensor([[7] * 6]), None).tolist() == [False]  # one of them was given


def test_the_starter_ends_what_it_repeats_and_no_right_caption_is_doubted(starter: Path):
    captioner = load_captioner("starter", Means("cpu"))
    assert isinstance(captioner, ImageToText)
    steps: list[int] = []
    captioner.model.text_decoder.register_forward_pre_hook(lambda *_: steps.append(1))
    dice = np.random.default_rng(0)  # plain colours: nothing the starter has words for
    plain = [
        Image.new("RGB", (64, 64), tuple(dice.integers(0, 256, 3).tolist())) for _ in range(12)
    ]
    texts = [captioner.caption([image])[0] for image in plain]
    endless = [text for text in texts if doubt(text)]
    assert endless, "none of them repeats itself any more: the test needs others"
    assert len(steps) < 12 * 40, "they ran to the last position"
    scenes = data.fresh_scenes(60, seed=60)
    right = captioner.caption([Image.fromarray(world.render(scene)) for scene in scenes])
    assert [text for text in right if doubt(text)] == []
