"""A workspace for tiny shootouts, and their settings."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from studio.app import Studio
from studio.compare.record import Comparison
from studio.compare.shootout.record import Shootout
from studio.settings.shootout import ShootoutSettings
from tests.workspaces import make_dataset, make_workspace

LORA = """
method = "lora"
base = "tiny"
[preset]
title = "Tiny LoRA"
base = "tiny"
[train]
steps = 2
batch_size = 2
learning_rate = 1e-2
[sample]
every = "never"
steps = 1
[save]
every = 1
[validation]
every = "never"
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a tiny base and a preset for each of three methods."""
    root = tmp_path_factory.mktemp("template") / "w"
    make_workspace(root)
    make_dataset(root / "datasets" / "many", 11)
    presets = root / "presets"
    presets.mkdir()
    (presets / "lora.toml").write_text(LORA)
    for name, method in (("ti", "textual-inversion"), ("hyper", "hypernetwork")):
        (presets / f"{name}.toml").write_text(LORA.replace('"lora"', f'"{method}"'))
    other = LORA.replace('LoRA"\nbase = "tiny"', 'LoRA"\nfamily = "sdxl"')
    (presets / "sdxl.toml").write_text(other)
    return root


@pytest.fixture
def root(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "w"))


def entry(root: Path, preset: str, **values: Any) -> dict[str, Any]:
    return {"preset": str(root / "presets" / f"{preset}.toml"), **values}


def settings(root: Path, *entries: dict[str, Any], **values: Any) -> ShootoutSettings:
    start: dict[str, Any] = {
        "name": "tiny", "data": "zibbo", "base": "tiny", "device": "cpu",
        "prompts": {"captions": 1, "novel": 1, "seeds": [1]},
        "sampling": {"steps": 1, "images": 3, "ordinary_images": 2, "batch_size": 4},
        "entries": list(entries) or [entry(root, "lora"), entry(root, "ti", name="TI")],
    }  # fmt: skip
    return ShootoutSettings.parse({**start, **values})


def finished(studio: Studio, wanted: ShootoutSettings) -> tuple[Shootout, Comparison]:
    shootouts = studio.generation.shootouts
    found = shootouts.wait(shootouts.start(wanted), 120)
    return found, studio.generation.comparisons.one(found.comparison)


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it hangs"
        time.sleep(0.05)
