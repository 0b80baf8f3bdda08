"""The CLIP of a base: found, loaded, and its features, however images are handed over."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from studio.clip import folder
from studio.clip.encoders import load_clip
from studio.core.errors import FileError, UnavailableError
from tests.compare.tiny_clip import make_clip
from tests.near import assert_near


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base's folder as far as its CLIP is concerned: `clip/` inside."""
    folder = tmp_path_factory.mktemp("measured")
    make_clip(folder / "clip")
    return folder


def test_an_image_has_the_same_features_however_it_is_handed_over(measured):
    scorer = load_clip(measured)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 48, 40, 3), dtype=np.uint8)
    found = scorer.image_features(pixels, batch_size=2)
    assert found.shape == (3, 16)
    assert_near(found.norm(dim=1), torch.ones(3))
    images = [Image.fromarray(row) for row in pixels]
    assert_near(scorer.image_features(images), found)
    assert_near(scorer.image_features(torch.from_numpy(pixels)), found)
    with_alpha = [image.convert("RGBA") for image in images]
    assert_near(scorer.image_features(with_alpha), found)
    assert scorer.image_features([]).shape == (0, 16)


def test_images_are_prepared_as_clips_own_processor_does(measured):
    from transformers import CLIPProcessor

    scorer = load_clip(measured)
    pixels = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    image = Image.fromarray(pixels).resize((120, 90), Image.Resampling.BICUBIC)
    processor = CLIPProcessor.from_pretrained(measured / "clip")
    theirs = processor(images=image, return_tensors="pt")["pixel_values"]
    with torch.inference_mode():
        wanted = scorer.model.get_image_features(theirs).pooler_output
    cosine = torch.nn.functional.cosine_similarity(scorer.image_features([image]), wanted)
    assert float(cosine) > 0.9999


def test_texts_of_any_length_have_features(measured):
    scorer = load_clip(measured)
    found = scorer.text_features(["a cat", "a dog " * 200, "", "猫"], batch_size=3)
    assert found.shape == (4, 16) and bool(found.isfinite().all())
    assert_near(scorer.text_features(["a cat"]), found[:1])


def test_without_a_clip_the_message_says_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "cached_model", lambda name: None)
    with pytest.raises(UnavailableError, match=folder.PUBLISHED[768]):
        load_clip(tmp_path)


def test_the_clip_itself_and_one_from_the_local_cache_serve_too(measured, tmp_path, monkeypatch):
    direct = load_clip(measured / "clip")
    monkeypatch.setattr(folder, "cached_model", lambda name: measured / "clip")
    cached = load_clip(tmp_path / "base without one")
    assert torch.equal(direct.text_features(["a cat"]), cached.text_features(["a cat"]))


def test_a_damaged_clip_is_named(measured, tmp_path):
    broken = shutil.copytree(measured, tmp_path / "broken")
    weights = broken / "clip" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(FileError, match="cannot be loaded") as caught:
        load_clip(broken)
    assert Path(str(caught.value.where)) == broken / "clip"
