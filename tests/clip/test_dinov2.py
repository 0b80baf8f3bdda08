"""DINOv2: found where it lies, never fetched, and the same features as its own library gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from studio.clip import dinov2
from studio.clip.dinov2 import find_dino, load_dino
from studio.core.errors import FileError
from tests.near import assert_near


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random one, as its library saves it."""
    from transformers import BitImageProcessor, Dinov2Config, Dinov2Model

    folder = tmp_path_factory.mktemp("base") / "dinov2"
    torch.manual_seed(3)
    config = Dinov2Config(
        hidden_size=24, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=14
    )
    Dinov2Model(config).save_pretrained(folder)
    BitImageProcessor(
        size={"shortest_edge": 32}, crop_size={"height": 28, "width": 28},
        image_mean=[0.5, 0.4, 0.3], image_std=[0.2, 0.3, 0.4],
    ).save_pretrained(folder)  # fmt: skip
    return folder


def test_it_is_found_beside_the_base_and_in_the_hubs_cache(saved, tmp_path, monkeypatch):
    monkeypatch.setattr(dinov2, "cached_model", lambda name: None)
    base = tmp_path / "bases" / "mine"
    base.mkdir(parents=True)
    assert find_dino(base) is None
    assert find_dino(saved.parent) == saved
    beside = base.parent / "dinov2-small"
    beside.mkdir()
    (beside / "config.json").write_text('{"model_type": "clip"}')
    assert find_dino(base) is None
    (beside / "config.json").write_text('{"model_type": "dinov2"}')
    assert find_dino(base) == beside
    monkeypatch.setattr(dinov2, "cached_model", lambda name: saved if "base" in name else None)
    (beside / "config.json").unlink()
    assert find_dino(base) == saved


def test_its_features_are_those_of_its_own_library(saved):
    from transformers import AutoImageProcessor, Dinov2Model

    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 40, 56, 3), dtype=np.uint8)
    dino = load_dino(saved, torch.device("cpu"))
    found = dino.image_features(images, batch_size=2)
    pixels = AutoImageProcessor.from_pretrained(saved)(list(images), return_tensors="pt")
    with torch.no_grad():
        expected = Dinov2Model.from_pretrained(saved)(**pixels).pooler_output
    expected = torch.nn.functional.normalize(expected, dim=1)
    assert float((found * expected).sum(dim=1).min()) > 0.999
    assert torch.allclose(found.norm(dim=1), torch.ones(3))
    as_pil = dino.image_features([Image.fromarray(image) for image in images])
    assert_near(as_pil, found)
    assert dino.image_features(images[:0]).shape == (0, 24)


def test_a_damaged_one_is_said(saved, tmp_path):
    broken = tmp_path / "dinov2"
    broken.mkdir()
    (broken / "config.json").write_text((saved / "config.json").read_text())
    (broken / "model.safetensors").write_bytes(b"no")
    with pytest.raises(FileError, match="DINOv2"):
        load_dino(broken, torch.device("cpu"))
