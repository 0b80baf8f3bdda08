"""A finished DreamBooth model says to every program what it predicts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from studio import methods
from studio.adapters.stack import applied
from studio.families import detect
from studio.families.base import Base
from studio.families.loading import load_base
from studio.formats import safetensors_file
from studio.library import presets
from studio.settings.training import StackItem
from tests.methods.conftest import FACTS
from tests.tiny import make_tiny_sd1, make_tiny_sd2, make_tiny_sdxl

MAKERS = {"sd1": make_tiny_sd1, "sd2": make_tiny_sd2, "sdxl": make_tiny_sdxl}


def base_of(folder: Path, family: str, prediction: str, **scheduler: object) -> Base:
    MAKERS[family](folder)
    config = folder / "scheduler" / "scheduler_config.json"
    stated = json.loads(config.read_text()) | {"prediction_type": prediction, **scheduler}
    config.write_text(json.dumps(stated))
    return load_base(folder, "cpu", "fp32")


def exported(base: Base, folder: Path, *changes: str) -> Path:
    config = presets.make_config(
        {"name": "mine", "method": "dreambooth", "options": {"save_as": "fp32"}}, list(changes)
    )
    trained = methods.find("dreambooth").prepare(base, config, "zibbo")
    return trained.export(folder, FACTS)[0]


@pytest.mark.parametrize(
    "family, prediction, scheduler, changes, expected",
    [
        ("sdxl", "v_prediction", {}, [], {"v_pred"}),
        ("sdxl", "v_prediction", {"rescale_betas_zero_snr": True}, [], {"v_pred", "ztsnr"}),
        ("sdxl", "v_prediction", {}, ["loss.zero_terminal_snr=true"], {"v_pred", "ztsnr"}),
        ("sdxl", "epsilon", {}, [], set()),
        ("sdxl", "epsilon", {}, ["loss.zero_terminal_snr=true"], set()),
        ("sd1", "v_prediction", {}, [], {"v_pred"}),
        # their programs look at the weights; the name of the architecture says it as well
        ("sd2", "v_prediction", {}, [], set()),
    ],
)
def test_markers_of_v_prediction(
    tmp_path: Path,
    family: str,
    prediction: str,
    scheduler: dict[str, object],
    changes: list[str],
    expected: set[str],
) -> None:
    base = base_of(tmp_path / "base", family, prediction, **scheduler)
    single = exported(base, tmp_path / "mine", *changes)
    tensors, _ = safetensors_file.read_tensors(single)
    found = {name for name in ("v_pred", "ztsnr") if name in tensors}
    assert found == expected
    assert all(tensors[name].shape == (0,) for name in found), "as ComfyUI and reForge expect them"
    info = detect.describe(single)
    assert (info.prediction_type, info.problems) == (prediction, [])
    again = load_base(single, "cpu", "fp32")
    folder = load_base(tmp_path / "mine", "cpu", "fp32")
    for loaded in (again, folder):
        assert loaded.prediction_type == prediction
        zero = bool(loaded.scheduler_config.get("rescale_betas_zero_snr"))
        assert zero == ("ztsnr" in expected)


def test_a_marked_file_without_our_header_is_read_by_its_markers(tmp_path: Path) -> None:
    base = base_of(tmp_path / "base", "sdxl", "v_prediction", rescale_betas_zero_snr=True)
    tensors, metadata = safetensors_file.read_tensors(exported(base, tmp_path / "mine"))
    kept = {k: v for k, v in metadata.items() if "prediction" not in k and "configs" not in k}
    bare = safetensors_file.write(tmp_path / "bare.safetensors", tensors, kept)
    recipe = detect.file_recipe(bare)
    assert recipe.prediction_type == "v_prediction"
    assert recipe.scheduler["rescale_betas_zero_snr"] is True


def test_markers_are_nothing_unused_on_a_stack(tmp_path: Path) -> None:
    base = base_of(tmp_path / "base", "sdxl", "v_prediction", rescale_betas_zero_snr=True)
    single = exported(base, tmp_path / "mine")
    with applied(base, [StackItem(path=str(single))]) as (report,), torch.no_grad():
        assert report.unmatched == []
