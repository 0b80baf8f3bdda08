"""A tiny run with checkpoints to choose among, and what is asked of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from studio.app import Studio
from studio.library import presets
from studio.settings.selection import SelectionSettings
from studio.settings.training import RunConfig
from tests.workspaces import make_dataset, make_workspace

SMALL: dict[str, Any] = {"seed": 50, "batch_size": 2, "images": 4, "checkpoints": [2, 4]}
QUICK: dict[str, Any] = {"strengths": [0.5, 1.0], "images": 8, "steps": 2, "device": "cpu"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Studio, str]]:
    """A studio with one run of three checkpoints, and images held out from it."""
    workspace = make_workspace(tmp_path_factory.mktemp("selection") / "w")
    held_out = workspace.datasets / "zibbo" / "held_out"
    make_dataset(held_out, seed=100)
    (held_out / "dataset.toml").unlink()
    for number, place in enumerate(("beach", "forest", "moon", "harbour")):
        (held_out / f"{number}.txt").write_text(f"a zibbo cat at the {place}")
    studio = Studio(workspace)
    run = studio.runs.start(config("first", train={"steps": 6, "learning_rate": 0.1}))
    assert studio.runs.wait(run).state == "finished"
    yield studio, run
    studio.close()


def config(name: str, **values: Any) -> RunConfig:
    start: dict[str, Any] = {
        "name": name, "base": "tiny", "device": "cpu", "data": {"folder": "zibbo"},
        "save": {"every": 2, "keep": 9}, "sample": {"every": 0, "steps": 2},
        "validation": {"every": 0}, **values,
    }  # fmt: skip
    start["train"] = {"batch_size": 2, "steps": 4, "learning_rate": 0.05, **values.get("train", {})}
    return presets.config_from(None, start)


def asked(run: str, **more: Any) -> SelectionSettings:
    return SelectionSettings.parse({"runs": [run], **QUICK, **more})
