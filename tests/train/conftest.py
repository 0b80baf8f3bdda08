"""A tiny SD 1.x base, quiet LoRA trainers on it, and the images that the matrix uses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from studio.families.base import Base
from studio.families.loading import load_base
from studio.train.loop import Trainer
from tests.matrix.conftest import images, make_trainer
from tests.tiny import make_tiny_sd1

__all__ = ["images"]

Make = Callable[..., Trainer]
QUIET = ("options.dropout=0", "options.text_encoder=false", "data.caption_dropout=0")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return load_base(make_tiny_sd1(tmp_path_factory.mktemp("sd1")), "cpu", "fp32")


@pytest.fixture
def make(tiny: Base, images: Path, tmp_path: Path) -> Make:
    return lambda *changes: make_trainer(tiny, "lora", images, tmp_path, *QUIET, *changes)


def weights(trainer: Trainer) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in trainer.parameters])
