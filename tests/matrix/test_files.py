"""What every method's file must do on every family: load, act as trained, come off exactly."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from studio import methods
from studio.adapters.stack import applied
from studio.families.base import Base
from studio.families.loading import load_base
from studio.methods.base import ExportFacts
from studio.settings.training import StackItem
from studio.train.loop import StepFacts, Trainer
from tests.matrix.conftest import TRIGGER, fingerprint
from tests.near import assert_near

Make = Callable[..., Trainer]


def export(run: Trainer, folder: Path) -> list[Path]:
    facts = ExportFacts("my zibbo", TRIGGER, run.progress.step, 1, time.time(), time.time())
    return run.trainable.export(folder / "my-zibbo", facts)


def predicted(base: Base) -> torch.Tensor:
    """What the base answers to a prompt with the trigger, with whatever is on it."""
    noise = torch.randn(1, base.latent_channels, 8, 8, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        _, text = base.encode_pair("", f"a {TRIGGER} cat in the snow")
        side = 8 * base.latent_scale
        return base.denoise(noise, torch.tensor([500]), text, (side, side)).clone()


def test_the_file_acts_as_trained_and_comes_off_exactly(
    trainer: Make, base: Base, tmp_path: Path
) -> None:
    run = trainer("train.steps=10")
    run.run()
    plain, before = predicted(base), fingerprint(base)
    with run.trainable.attached():
        trained = predicted(base)
    files = export(run, tmp_path)
    if files[0].suffix == ".json":
        pytest.skip("a model in a folder is no file for a stack")
    # a plain .pt of an aesthetic embedding cannot say what it was meant for
    stated = run.config.options if run.config.method == "aesthetic" else {}
    for file in files:
        item = StackItem(path=str(file), aesthetic=stated)
        with applied(base, [item]) as reports:
            assert reports[0].matched and not reports[0].unmatched, reports
            from_file = predicted(base)
        effect = (trained - plain).norm()
        assert effect > 0
        # files hold half precision
        assert (from_file - trained).norm() < 0.02 * effect, file.name
        assert torch.equal(predicted(base), plain)
    twice = [StackItem(path=str(files[0]), strength=strength) for strength in (0.5, -1)]
    with applied(base, twice):
        assert predicted(base).isfinite().all()
    with applied(base, [StackItem(path=str(files[0]), strength=0.0)]):
        assert torch.equal(predicted(base), plain)
    assert fingerprint(base) == before


def test_a_whole_model_is_a_base_of_its_own(
    trainer: Make, base: Base, method: str, tmp_path: Path
) -> None:
    if methods.find(method).product != "model":
        pytest.skip("its product is an adapter, which is no base")
    run = trainer("train.steps=10", "options.save_as=fp32")
    run.run()
    with run.trainable.attached():
        trained = predicted(base)
    (single,) = export(run, tmp_path)
    made = load_base(single.parent, "cpu", "fp32")
    assert made.architecture.name == base.architecture.name
    assert torch.equal(predicted(made), trained)
    assert made.hash != base.hash
    if single.suffix == ".json":  # a folder alone: its architecture has no layout of one file
        return
    with applied(base, [StackItem(path=str(single))]):
        assert_near(predicted(base), trained)


@pytest.mark.parametrize("decay", [0.5])
def test_the_average_is_what_is_shown(trainer: Make, base: Base, decay: float) -> None:
    run = trainer(f"train.ema={decay}", "train.steps=3")
    by_hand: list[torch.Tensor] = [p.detach().clone() for p in run.parameters]

    def follow(facts: StepFacts) -> None:
        weight = min(decay, (1 + facts.step) / (10 + facts.step))
        for average, parameter in zip(by_hand, run.parameters, strict=True):
            average.mul_(weight).add_(parameter.detach(), alpha=1 - weight)

    run.hooks.step = follow
    run.run()
    newest = [parameter.detach().clone() for parameter in run.parameters]
    with run.averaged():
        for average, parameter in zip(by_hand, run.parameters, strict=True):
            assert_near(parameter.detach(), average)
    assert all(torch.equal(a, b) for a, b in zip(newest, run.parameters, strict=True))
