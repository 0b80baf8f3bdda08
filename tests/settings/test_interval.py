"""How often: read as people write it, due when it should be."""

from __future__ import annotations

import pytest

from studio.core.errors import SettingsError
from studio.library import presets
from studio.settings.interval import Interval


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (50, "50 steps"), (50.0, "50 steps"), ("50", "50 steps"), ("1 step", "1 step"),
        ("2 epochs", "2 epochs"), ("0.5 epoch", "0.5 epochs"), ("10 minutes", "10 minutes"),
        ("10min", "10 minutes"), (0, "never"), ("never", "never"), ("0 epochs", "never"),
    ],
)  # fmt: skip
def test_intervals_are_read_and_written(written: object, shown: str) -> None:
    read = Interval.parse(written)
    assert str(read) == shown
    assert Interval.parse(str(read)) == read or not read
    assert bool(read) == (shown != "never")


@pytest.mark.parametrize("wrong", ["", "x", "-3", 1.5, "1.5 steps", "3 weeks", True, "1.2.3", None])
def test_what_is_no_interval_says_how_to_write_one(wrong: object) -> None:
    with pytest.raises(ValueError, match="“2 epochs”, “10 minutes” or “never”"):
        Interval.parse(wrong)


def test_settings_take_numbers_and_text_and_keep_them(tmp_path) -> None:
    config = presets.make_config(
        {"save": {"every": 250}, "sample": {"every": "2 epochs"}}, ["validation.every=10 minutes"]
    )
    assert (config.save.every, config.sample.every) == (Interval(250), Interval(2, "epochs"))
    assert config.validation.every == Interval(10, "minutes")
    (tmp_path / "c.toml").write_text(presets.to_toml(config), "utf-8")
    assert presets.make_config(presets.read_toml(tmp_path / "c.toml")) == config
    with pytest.raises(SettingsError, match=r"save\.every.*“often” is no interval"):
        presets.make_config({"save": {"every": "often"}})


def due(interval: Interval, steps: int, per_epoch: float = 4, seconds: float = 30) -> list[int]:
    return [
        step
        for step in range(steps + 1)
        if interval.due(step, per_epoch, max(0, step - 1) * seconds, step * seconds)
    ]


def test_when_it_is_due() -> None:
    assert due(Interval(0), 9) == []
    assert due(Interval(3), 9) == [0, 3, 6, 9]
    assert due(Interval(2, "epochs"), 20) == [0, 8, 16]
    assert due(Interval(0.5, "epochs"), 6) == [0, 2, 4, 6]
    assert due(Interval(1, "epochs"), 6, per_epoch=5 / 2) == [0, 3, 5], "accumulation cuts epochs"
    assert due(Interval(1, "minutes"), 6) == [0, 2, 4, 6]
    assert due(Interval(1, "minutes"), 3, seconds=100) == [0, 1, 2, 3], "at most once a step"
