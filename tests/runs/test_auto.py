"""Auto in runs: measured once, remembered, kept by the run, said, and never in the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from studio.app import Studio
from studio.core.device import processor_name
from studio.core.errors import FileError
from studio.core.text import read_json
from studio.families.detect import describe
from studio.formats.inspect import inspect
from studio.runs import auto
from studio.runs.auto_words import FAILED, OVERRIDE, UNKNOWN
from studio.runs.records import Message, only
from studio.settings.training import RunConfig
from studio.train import calibration
from studio.train.auto import Calibration, Choice, Timing, Way

Make = Callable[..., RunConfig]
FP32 = Way(precision="fp32", attention="sdpa")
BF16 = Way(precision="bf16", attention="sdpa-fp32", channels_last=True)


def made_up(studio: Studio, config: RunConfig, bf16: float = 1.0) -> Calibration:
    """A measurement by which bf16 takes `bf16` seconds where fp32 takes 2, for runs like this one."""
    base = describe(studio.workspace.bases / "tiny")
    settings = config.model_copy(update={"data": config.data.model_copy(update={"resolution": 32})})
    key = auto.key_of(settings, base.path, base.family or "")
    assert key
    return Calibration(
        key=key, device=processor_name(), threads=1, torch="2", method="lora", base="tiny", resolution=32,
        side=32, batch=1, measured_at=1.7e9,
        timings=(
            Timing(way=FP32, seconds=(2.0, 2.0), weights=1, kept=1),
            Timing(way=BF16, seconds=(bf16, bf16), weights=1, kept=1),
        ),
    )  # fmt: skip


def said(studio: Studio, run: str) -> list[str]:
    events = studio.runs.view(run).events
    return [event.text for event in only(events, Message) if event.text.startswith("Auto:")]


def test_a_run_computes_as_remembered_and_goes_on_as_it_began(
    studio: Studio, config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, wanted = studio.workspace.cache, config()
    auto.remember(cache, made_up(studio, wanted))
    (note,) = [text for text in studio.runs.preflight(wanted).notes if text.startswith("Auto:")]
    assert "bf16 with sdpa-fp32 attention and channels last: 2 × as fast as fp32" in note
    assert "1 s against 2 s for 1 image of 32 px" in note and "2023-11-1" in note
    assert OVERRIDE in note

    run = studio.runs.start(wanted)
    state = studio.runs.wait(run)
    assert state.state == "finished", state
    assert said(studio, run) == [note] or said(studio, run)[0].startswith(note[:60])
    asked, trained = studio.runs.config(run), studio.runs.trained_config(run)
    assert (asked.precision, asked.train.attention) == ("auto", "auto"), "a copy of it is as free"
    assert (trained.precision, trained.train.attention) == ("bf16", "sdpa-fp32")
    assert trained.train.channels_last == "on"
    header = inspect(Path(state.files[0]))
    assert "bf16" in str(header), "the file says what computed it"

    auto.remember(cache, made_up(studio, wanted, bf16=3.0))  # now fp32 would be faster
    monkeypatch.setattr(calibration, "calibrate", None)  # and nobody may measure
    studio.runs.resume(run, changes=["train.steps=6"])
    assert studio.runs.wait(run).step == 6
    assert studio.runs.trained_config(run).precision == "bf16" and len(said(studio, run)) == 1
    fresh = studio.runs.start(wanted)
    assert studio.runs.wait(fresh).state == "finished"
    assert studio.runs.trained_config(fresh).precision == "fp32"
    assert "as usual here" in said(studio, fresh)[0]


def test_what_is_remembered_holds_for_this_machine_this_shape_and_this_method(
    studio: Studio, config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, cache = config("data.resolution=32"), studio.workspace.cache
    base = describe(studio.workspace.bases / "tiny")
    found = made_up(studio, wanted)
    auto.remember(cache, found)

    def known(other: RunConfig) -> bool:
        return auto.remembered(cache, auto.key_of(other, base.path, base.family or "")) is not None

    assert known(wanted) and known(config("data.resolution=32", "train.learning_rate=1"))
    assert not known(config("data.resolution=64"))
    assert not known(config("data.resolution=32", method="dreambooth"))
    monkeypatch.setenv("OMP_NUM_THREADS", "77")
    assert not known(wanted)
    monkeypatch.undo()
    assert studio.runs.recalibrate(wanted) and not known(wanted)
    assert not studio.runs.recalibrate(wanted)


def test_only_who_asks_waits_for_a_measurement_and_a_broken_one_changes_nothing(
    studio: Studio, config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "SHORT", 1e9)  # on a machine however busy
    assert "takes about" in studio.runs.estimate(config("train.steps=2")).auto

    def broken(*_: object) -> Calibration:
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(calibration, "calibrate", broken)
    assert studio.runs.estimate(config("train.steps=2")).auto == FAILED
    run = studio.runs.start(config("train.steps=2"))
    assert studio.runs.wait(run).state == "finished"
    kept = auto.of_run(studio.runs.folder(run))
    assert kept is not None and kept.choice is None and not said(studio, run)
    assert studio.runs.trained_config(run) == studio.runs.config(run)
    assert not (studio.workspace.cache / auto.REMEMBERED).exists()


def test_a_run_from_before_is_never_decided_for(studio: Studio, config: Make) -> None:
    run = studio.runs.start(config("train.steps=2"))
    studio.runs.wait(run)
    (studio.runs.folder(run) / auto.FILE).unlink()
    auto.remember(studio.workspace.cache, made_up(studio, config()))
    studio.runs.resume(run, changes=["train.steps=4"])
    assert studio.runs.wait(run).step == 4
    assert not (studio.runs.folder(run) / auto.FILE).exists()
    assert studio.runs.trained_config(run).precision == "auto"
    (studio.runs.folder(run) / auto.FILE).write_text("{")  # one that is damaged is not passed over
    with pytest.raises(FileError, match="What this run computes with cannot be read"):
        studio.runs.trained_config(run)


def test_nothing_is_said_where_nothing_is_left_to_it(studio: Studio, config: Make) -> None:
    fixed = config("precision=fp32", "train.attention=sdpa", "train.channels_last=off")
    assert not any(text.startswith("Auto:") for text in studio.runs.preflight(fixed).notes)
    left = studio.runs.preflight(config()).notes
    assert UNKNOWN in left
    run = studio.runs.start(fixed)
    studio.runs.wait(run)
    assert not (studio.runs.folder(run) / auto.FILE).exists() and not said(studio, run)


def test_a_batch_in_parts_takes_the_same_images_per_step(config: Make, tmp_path: Path) -> None:
    wanted = config("train.batch_size=4", "train.gradient_accumulation=3")
    choice = Choice(way=FP32, usual=FP32, parts=2, checkpointing=True)
    trained = auto.applied(wanted, auto.Settled(choice=choice))
    train = trained.train
    assert (train.batch_size, train.gradient_accumulation) == (2, 6)
    assert train.images_per_step == wanted.train.images_per_step
    assert train.gradient_checkpointing == "on"
    auto.remember(tmp_path, Calibration(key="a"))
    assert read_json(tmp_path / auto.REMEMBERED)["calibrations"][0]["key"] == "a"
    (tmp_path / auto.REMEMBERED).write_text('{"calibrations": [1, {"key": "b"}], "version": 9}')
    found = auto.remembered(tmp_path, "b")
    assert found is not None and found.key == "b", "what cannot be read costs nothing else"
