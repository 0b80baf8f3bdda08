"""What a run will take is said before anything was measured, and comes from what ran before."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from studio.app import Studio
from studio.core import atomic
from studio.runs.expectation import Expectation
from studio.settings.training import RunConfig

Config = Callable[..., RunConfig]


def expected(studio: Studio, config: RunConfig) -> Expectation:
    found = studio.runs.preflight(config).expected
    assert found is not None
    return found


def test_a_guess_becomes_an_estimate_with_the_first_run(studio: Studio, config: Config) -> None:
    guess = expected(studio, config())
    assert (guess.source, guess.runs) == ("guess", 0)
    assert guess.seconds > 0 and guess.memory > 0 and guess.disk > 0
    state = studio.runs.wait(studio.runs.start(config("train.steps=2")))
    assert state.seconds
    found = expected(studio, config("train.steps=20"))
    assert (found.source, found.runs, found.memory) == (
        "runs",
        1,
        state.peak_memory or found.memory,
    )
    assert found.seconds == pytest.approx(10 * state.seconds, rel=0.05)
    larger = expected(studio, config("train.steps=20", "train.batch_size=6"))
    assert larger.seconds == pytest.approx(3 * found.seconds, rel=0.05)
    other = expected(studio, config("method=hypernetwork", "train.steps=20"))
    assert other.source == "other runs"
    assert expected(studio, config("method=dreambooth")).source == "guess", "another order of size"


def test_class_images_are_counted_until_they_are_there(studio: Studio, config: Config) -> None:
    wanted = config("prior.weight=1", "prior.images=3", "train.steps=1")
    before = expected(studio, wanted)
    assert before.class_images == 3 and before.class_seconds > 0
    studio.runs.wait(studio.runs.start(wanted))
    after = expected(studio, wanted)
    assert (after.class_images, after.class_seconds) == (0, 0)
    assert expected(studio, config("prior.weight=1", "prior.images=5")).class_images == 2
    assert expected(studio, config()).class_images == 0


def test_a_run_that_left_its_size_to_the_base_counts_with_that(
    studio: Studio, config: Config
) -> None:
    run = studio.runs.start(config("train.steps=2"))
    studio.runs.wait(run)
    before = expected(studio, config())
    file = studio.runs.folder(run) / "config.toml"
    text = file.read_text("utf-8")
    atomic.write_text(file, text.replace("resolution = 32", "resolution = 0"))
    assert studio.runs.config(run).data.resolution == 0
    assert expected(studio, config()).seconds == before.seconds


def test_no_more_checkpoints_are_counted_than_are_saved(studio: Studio, config: Config) -> None:
    def disk(*changes: str) -> int:
        return expected(studio, config("train.steps=100", "save.keep=3", *changes)).disk

    one, two, many = (disk(f"save.every={every}") for every in ("never", "50 steps", "10 steps"))
    size = two - one  # of a checkpoint
    assert size > 0
    assert many - one == pytest.approx(3 * size, abs=4), "three are kept, and one is being written"
    assert disk("save.every=100 steps") == one
    assert disk("save.every=1 epoch") == many, "as many as may be"
