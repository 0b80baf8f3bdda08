"""A shootout that is continued after something has changed, and an entry whose pace cannot be measured."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.app import Studio
from studio.core.errors import Interrupted, MemoryFullError
from studio.core.paths import Workspace
from studio.generation.growing import GrowingComparisons
from studio.runs.estimate import Estimate
from studio.runs.training import Runs
from studio.settings.training import RunConfig
from tests.generation.shootout_start import entry, finished, settings


@pytest.fixture
def studio(root: Path) -> Iterator[Studio]:
    studio = Studio(Workspace(root))
    yield studio
    studio.close()


def test_columns_of_two_datasets_do_not_share_a_comparison(
    studio: Studio, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mask or the caption of an image that gives no prompt changes what is trained, and nothing that
    the comparison shows of itself."""
    normal, paused = GrowingComparisons.add, threading.Event()

    def add(self: GrowingComparisons, identity: str, index: int, *more: object) -> object:
        if index == 2:
            paused.set()
            shootouts.pause(begun)
            raise Interrupted("The shootout was stopped")
        return normal(self, identity, index, *more)  # type: ignore[arg-type]

    shootouts = studio.generation.shootouts
    wanted = settings(
        root, entry(root, "lora"), entry(root, "ti", name="TI"),
        prompts={"captions": 0, "novel": 1, "seeds": [1]},
    )  # fmt: skip
    with monkeypatch.context() as patch:
        patch.setattr(GrowingComparisons, "add", add)
        begun = shootouts.start(wanted)
        before = shootouts.wait(begun, 120)
    assert paused.is_set() and before.state == "paused"
    first = studio.generation.comparisons.one(before.comparison)
    assert [column.images for column in first.columns] == [3, 3, None]
    (root / "datasets" / "zibbo" / "3.txt").write_text("a zibbo cat, sleeping")
    shootouts.go_on(begun)
    after = shootouts.wait(begun, 120)
    assert after.state == "finished" and after.comparison != before.comparison
    assert not {row.key for row in after.trainings} & {row.key for row in before.trainings}
    found = studio.generation.comparisons.one(after.comparison)
    assert found.complete and found.prompts == first.prompts
    assert {column.run for column in found.columns[1:]} == {row.run for row in after.trainings}
    assert any("in another comparison" in note for note in after.notes)
    assert studio.generation.comparisons.one(before.comparison).columns[1].images == 3
    shootouts.go_on(begun)
    assert shootouts.wait(begun, 120).comparison == after.comparison, "nothing has changed"


def test_an_entry_that_does_not_fit_when_it_is_measured_fails_alone(
    studio: Studio, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    normal, full = Runs.estimate, [True]

    def estimate(self: Runs, config: RunConfig) -> Estimate:
        if config.method == "lora" and full:
            raise MemoryFullError("The memory is full")
        return normal(self, config)

    monkeypatch.setattr(Runs, "estimate", estimate)
    found, comparison = finished(studio, settings(root, budget="minutes", amount=0.05))
    assert found.state == "finished" and len(found.paces) == 1
    assert [bool(row.error) for row in found.trainings] == [True, False]
    base, lora, ti = comparison.columns
    assert lora.error is not None and lora.error.what == "The memory is full"
    assert base.images == ti.images == 3
    full.clear()
    studio.generation.shootouts.go_on(found.id)
    again = studio.generation.shootouts.wait(found.id, 120)
    assert again.state == "finished" and len(again.paces) == 2
    assert again.comparison == found.comparison, "what was generated is of the same trainings"
    assert not any(row.error for row in again.trainings)
