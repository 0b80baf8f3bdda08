"""SDXL is told where an image was cropped; without random crops nothing changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from studio.families.base import Base
from studio.families.loading import load_base
from tests.matrix.conftest import make_trainer
from tests.tiny import make_tiny_sdxl


@pytest.fixture(scope="module")
def sdxl(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return load_base(make_tiny_sdxl(tmp_path_factory.mktemp("sdxl")), "cpu", "fp32")


def test_sdxl_is_told_the_corner_of_each_crop(
    sdxl: Base, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[torch.Tensor] = []
    forward = sdxl.denoiser.forward

    def heard(*arguments: Any, added_cond_kwargs: dict, **more: Any) -> Any:
        told.append(added_cond_kwargs["time_ids"])
        return forward(*arguments, added_cond_kwargs=added_cond_kwargs, **more)

    monkeypatch.setattr(sdxl.denoiser, "forward", heard)
    crops = ("data.crop=random", "data.crops=4", "data.crop_zoom=2", "train.batch_size=4")
    run = make_trainer(sdxl, "lora", images, tmp_path, *crops)
    run.batch_loss(0, 1)
    items = [run.items[index] for index in run.plan.batch(0)]
    assert told[0][:, 2:4].tolist() == [list(item.corner or ()) for item in items]
    assert told[0][:, 2:4].unique(dim=0).shape[0] > 1
    width, height = items[0].bucket
    assert told[0][0, [0, 1, 4, 5]].tolist() == [height, width, height, width]
    make_trainer(sdxl, "lora", images, tmp_path).batch_loss(0, 1)
    assert told[1][:, 2:4].abs().max() == 0
