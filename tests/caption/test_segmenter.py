"""A mask by prompt, with a tiny random model of the true class; what is none is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from studio.caption.segmenter import Segmenter
from studio.core.errors import FileError, InputError, MissingError
from tests.caption.tiny_models import noise, tiny_clipseg


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_clipseg(tmp_path_factory.mktemp("clipseg"))


def test_a_mask_is_where_the_model_is_sure(folder: Path) -> None:
    model = Segmenter.load(str(folder), "cpu")
    image = noise(48, 30)
    with torch.inference_mode():
        inputs = model.processor(
            text=["worda"], images=[image.convert("RGB")], return_tensors="pt", padding=True
        )
        sure = torch.sigmoid(model.model(**inputs).logits)
    middle = float(sure.median())
    mask = model.mask(image, " worda ", middle)
    assert mask.mode == "L" and mask.size == (48, 30)
    share = (np.asarray(mask) == 255).mean()
    assert set(np.unique(np.asarray(mask))) == {0, 255} and 0.2 < share < 0.8
    assert model.mask(image, "worda", middle).tobytes() == mask.tobytes()
    with pytest.raises(InputError, match="Nothing was found for “worda”"):
        model.mask(image, "worda", 1.01)
    with pytest.raises(InputError, match="Nothing is named"):
        model.mask(image, "  ")


def test_what_is_no_such_model_is_said(folder: Path, tmp_path: Path) -> None:
    for name in ("", str(tmp_path / "nowhere"), "nobody/nothing", str(tmp_path)):
        with pytest.raises(MissingError, match=r"not on this machine|No model is named"):
            Segmenter.load(name)
    (tmp_path / "config.json").write_text('{"model_type": "blip"}')
    with pytest.raises(FileError, match="not a segmentation model"):
        Segmenter.load(str(tmp_path))
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_bytes((folder / "config.json").read_bytes())
    with pytest.raises(FileError, match="not a segmentation model") as caught:
        Segmenter.load(str(broken))
    assert "Traceback" not in str(caught.value)
