"""The tiny bases that several folders of tests share, and each of them in turn."""

from __future__ import annotations

import pytest

from studio.families.base import Base
from tests.bases import sd1, sd1_folder, sd2, sd2_folder, sdxl, sdxl_folder

__all__ = ["sd1", "sd1_folder", "sd2", "sd2_folder", "sdxl", "sdxl_folder"]


@pytest.fixture(params=["sd1", "sd2", "sdxl"])
def base(request: pytest.FixtureRequest) -> Base:
    """Each tiny base in turn."""
    found: Base = request.getfixturevalue(request.param)
    return found
