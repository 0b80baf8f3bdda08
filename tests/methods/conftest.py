"""Tiny bases of every family, and how a method is prepared on one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from studio import methods
from studio.adapters.stack import applied
from studio.families.base import Base
from studio.families.loading import load_base
from studio.library import presets
from studio.methods.base import ExportFacts, Trainable
from studio.settings.training import StackItem
from tests.tiny import make_tiny_sd1, make_tiny_sd2, make_tiny_sdxl

FACTS = ExportFacts("mine", "zibbo", 3, 1, 1.0, 2.0)
Prepare = Callable[..., Trainable]


@pytest.fixture(scope="session")
def sd1(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return load_base(make_tiny_sd1(tmp_path_factory.mktemp("sd1")), "cpu", "fp32")


@pytest.fixture(scope="session")
def sd2(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return load_base(make_tiny_sd2(tmp_path_factory.mktemp("sd2")), "cpu", "fp32")


@pytest.fixture(scope="session")
def sdxl(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return load_base(make_tiny_sdxl(tmp_path_factory.mktemp("sdxl")), "cpu", "fp32")


@pytest.fixture(params=["sd1", "sd2", "sdxl"])
def base(request: pytest.FixtureRequest) -> Base:
    """Each family in turn."""
    found: Base = request.getfixturevalue(request.param)
    return found


def prepare(base: Base, method: str, trigger: str = "zibbo", **options: Any) -> Trainable:
    """A trainable with these options on `base`."""
    config = presets.make_config({"name": "mine", "method": method, "options": options})
    return methods.find(method).prepare(base, config, trigger)


def warnings(method: str, *changes: str, **options: Any) -> list[str]:
    """What the method says about these settings."""
    config = presets.make_config({"method": method, "options": options}, list(changes))
    return methods.find(method).check(config, [])


def stir(trainable: Trainable, size: float = 0.1) -> Trainable:
    """Gives every trained tensor other values, as a training would."""
    generator = torch.Generator().manual_seed(3)
    for tensor in trainable.state().values():
        tensor.data += torch.randn(tensor.shape, generator=generator) * size
    return trainable


def predict(base: Base, prompt: str = "a zibbo cat") -> torch.Tensor:
    """What the base predicts for fixed noise and `prompt`."""
    generator = torch.Generator().manual_seed(5)
    latents = torch.randn(1, base.latent_channels, 16, 16, generator=generator)
    with torch.no_grad():
        return base.denoise(latents, torch.tensor([400]), base.encode([prompt]), (32, 32))


def predicted_with(base: Base, trainable: Trainable, prompt: str = "a zibbo cat") -> torch.Tensor:
    """The same with what is trained attached."""
    with trainable.attached():
        return predict(base, prompt)


def predicted_from(base: Base, file: Path, prompt: str = "a zibbo cat") -> torch.Tensor:
    """The same with a file on the stack; every module of it matched."""
    with applied(base, [StackItem(path=str(file))]) as reports:
        assert not reports[0].unmatched, reports
        return predict(base, prompt)
