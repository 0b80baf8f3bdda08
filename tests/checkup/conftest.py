"""Copies of the sample sets, and an empty workspace to look at them in."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from studio.app import Studio
from studio.checkup.records import Report
from studio.core.paths import ASSETS, Workspace

SETS = ("korvu", "neonline", "popdot", "zibbo")


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    """An empty studio; its base is the starter."""
    return Studio(Workspace(tmp_path / "workspace"))


@pytest.fixture
def zibbo(tmp_path: Path) -> Path:
    """A copy of a sample set, to plant faults in."""
    return Path(shutil.copytree(ASSETS / "datasets" / "zibbo", tmp_path / "zibbo"))


@pytest.fixture
def checked(studio: Studio) -> Callable[..., Report]:
    """`checked(folder)` → what is found, without CLIP."""

    def check(folder: Path, clip: bool = False) -> Report:
        return studio.generation.examine(folder, clip=clip)

    return check
