"""A studio with a tiny base and a small dataset."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from studio.app import Studio
from studio.core.paths import Workspace
from studio.library import presets
from studio.settings.training import RunConfig
from tests.compare.tiny_clip import make_clip
from tests.tiny import make_tiny_sd1, make_tiny_sdxl


def make_dataset(folder: Path, count: int = 4, seed: int = 0) -> Path:
    """`count` images of noise from `seed` on, with captions."""
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(count):
        noise = np.random.default_rng(seed + k).integers(0, 255, (32, 32, 3), np.uint8)
        Image.fromarray(noise).save(folder / f"{k}.png")
        (folder / f"{k}.txt").write_text(f"a zibbo cat {k}")
    (folder / "dataset.toml").write_text('trigger = "zibbo"\nclass_word = "cat"\n')
    return folder


def make_workspace(root: Path) -> Workspace:
    workspace = Workspace(root)
    shutil.copytree(_made_once(), root, dirs_exist_ok=True)
    return workspace


@cache
def _made_once() -> Path:
    root = Path(tempfile.mkdtemp(prefix="studio-tests-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    workspace = Workspace(root)
    make_clip(make_tiny_sd1(workspace.bases / "tiny") / "clip")
    make_dataset(workspace.datasets / "zibbo")
    return root


@contextmanager
def studio_of_two_families(root: Path) -> Iterator[Studio]:
    """With a tiny SDXL beside the tiny SD 1.x."""
    workspace = make_workspace(root)
    make_tiny_sdxl(workspace.bases / "tiny-xl")
    studio = Studio(workspace)
    yield studio
    studio.close()


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    studio = Studio(make_workspace(tmp_path / "w"))
    yield studio
    studio.close()


def make_config(*changes: str, **values: Any) -> RunConfig:
    """A run of four steps on the tiny base."""
    start = {
        "name": "my zibbo",
        "base": "tiny",
        "device": "cpu",
        "data": {"folder": "zibbo"},
        "train": {"steps": 4, "batch_size": 2, "learning_rate": 1e-2},
        "sample": {"every": 2, "steps": 2},
        "save": {"every": 2},
        "validation": {"every": 2},
        **values,
    }
    return presets.config_from(None, start, list(changes))


@pytest.fixture
def config() -> Callable[..., RunConfig]:
    return make_config
