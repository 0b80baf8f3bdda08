"""Tiny bases of each family, on disk and loaded, for every folder of tests that wants them."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.families.base import Base
from studio.families.loading import load_base
from tests.tiny import make_tiny_inpainting, make_tiny_sd1, make_tiny_sd2, make_tiny_sdxl


@pytest.fixture(scope="session")
def sd1_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_sd1(tmp_path_factory.mktemp("bases") / "tiny-one")


@pytest.fixture(scope="session")
def sd2_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_sd2(tmp_path_factory.mktemp("bases") / "tiny-two")


@pytest.fixture(scope="session")
def sdxl_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_sdxl(tmp_path_factory.mktemp("bases") / "tiny-large")


@pytest.fixture(scope="session")
def sd1(sd1_folder: Path) -> Base:
    return load_base(sd1_folder, "cpu", "fp32")


@pytest.fixture(scope="session")
def sd2(sd2_folder: Path) -> Base:
    return load_base(sd2_folder, "cpu", "fp32")


@pytest.fixture(scope="session")
def sdxl(sdxl_folder: Path) -> Base:
    return load_base(sdxl_folder, "cpu", "fp32")


@pytest.fixture(scope="session")
def inpainting_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_inpainting(tmp_path_factory.mktemp("bases") / "tiny-inpainting")


@pytest.fixture(scope="session")
def inpainting(inpainting_folder: Path) -> Base:
    return load_base(inpainting_folder, "cpu", "fp32")
