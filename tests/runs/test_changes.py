"""A run that goes on with other settings: recorded, exact, and never into the same failure again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from studio.app import Studio
from studio.core.errors import InputError, SettingsError
from studio.runs.changes import changed, suggestion
from studio.runs.records import Message, Step, only
from studio.settings.training import RunConfig
from studio.train.loop import Trainer

Config = Callable[..., RunConfig]


def nan_above(rate: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The third step's loss is NaN at rates above this one."""
    whole = Trainer.batch_loss

    def loss(self: Trainer, number: int, step: int):
        found = whole(self, number, step)
        return (
            found * float("nan") if step == 3 and self.config.train.learning_rate > rate else found
        )

    monkeypatch.setattr(Trainer, "batch_loss", loss)


def test_after_nan_the_rate_is_lowered_and_the_run_goes_on(
    studio: Studio, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    nan_above(0.005, monkeypatch)
    run = studio.runs.start(config("train.learning_rate=0.01", "save.every=1"))
    failed = studio.runs.wait(run)
    assert failed.state == "failed" and failed.error and failed.error.kind == "NonFiniteError"
    better = suggestion(failed, studio.runs.config(run))
    assert better == {"train.learning_rate": "0.003"}
    with pytest.raises(InputError, match=r"fail again at the same step.*learning_rate=0.003"):
        studio.runs.resume(run)
    studio.runs.resume(run, changes=["train.learning_rate=0.003"])
    done = studio.runs.wait(run)
    assert (done.state, done.error) == ("finished", None), done
    view = studio.runs.view(run)
    rates = {step.step: step.lr for step in only(view.events, Step)}
    assert (rates[2], rates[3]) == (0.01, 0.003)
    assert any(
        "Settings changed at step 2: train.learning_rate 0.01 → 0.003" in message.text
        for message in only(view.events, Message)
    )
    assert studio.runs.config(run).train.learning_rate == 0.003
    assert suggestion(done, studio.runs.config(run)) == {}


def test_a_finished_run_goes_on_with_more_steps(studio: Studio, config: Config) -> None:
    run = studio.runs.start(config("train.steps=2"))
    studio.runs.wait(run)
    with pytest.raises(InputError, match=r"finished.*more steps"):
        studio.runs.resume(run)
    studio.runs.resume(run, changes=["train.steps=4", "sample.prompts=['a cat']", "save.every=1"])
    done = studio.runs.wait(run)
    assert (done.state, done.step, done.steps) == ("finished", 4, 4)
    whole = studio.runs.start(config("train.steps=4"))
    studio.runs.wait(whole)
    losses = [
        [event.loss for event in only(studio.runs.view(one).events, Step)] for one in (run, whole)
    ]
    assert losses[0] == losses[1], "more steps change nothing of those before"


def test_a_paused_run_takes_changes(studio: Studio, config: Config) -> None:
    run = studio.runs.start(config("train.steps=400", "save.every=never", "sample.every=never"))
    while studio.runs.view(run).state.state != "running":
        pass
    studio.runs.command(run, "pause")
    while studio.runs.view(run).state.state != "paused":
        pass
    step = studio.runs.view(run).state.step
    studio.runs.resume(run, changes=[f"train.steps={step + 1}"])
    done = studio.runs.wait(run)
    assert (done.state, done.step) == ("finished", step + 1)


def test_what_was_learned_with_has_to_stay(studio: Studio, config: Config) -> None:
    with pytest.raises(SettingsError, match=r"“train\.batch_size” cannot be changed"):
        changed(config(), ["train.batch_size=4"])
    with pytest.raises(SettingsError, match="it must be at least 1"):
        changed(config(), ["train.steps=0"])
    listed = config("train.schedule=listed", "train.rates=1e-3:10, 1e-4")
    assert changed(listed, ["train.rates=1e-3:10, 1e-5"]).train.rates == "1e-3:10, 1e-5"
