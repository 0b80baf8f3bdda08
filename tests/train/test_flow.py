"""Training asks the base's process alone: a base that predicts flow learns by the same loop."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from studio.families.base import Base
from tests.matrix.conftest import make_trainer


@pytest.mark.parametrize("method", ["lora", "textual-inversion"])
def test_a_flow_learns_and_repeats(method: str, tiny: Base, images: Path, tmp_path: Path) -> None:
    flow = replace(tiny, prediction_type="flow_prediction", scheduler_config={"shift": 3.0})
    settings = ("train.steps=10", "data.caption_dropout=0")
    run = make_trainer(flow, method, images, tmp_path, *settings)
    before = run.validation.measure()
    assert run.run() is True
    after = run.validation.measure()
    assert after[0] < before[0] and before[1] != after[1]
    again = make_trainer(flow, method, images, tmp_path, *settings)
    assert again.validation.measure() == before
