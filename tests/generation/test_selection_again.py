"""A choice that is asked again: its answer stands until there is another, whatever happens meanwhile."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from studio.app import Studio
from studio.compare.record import COMPARISON_FILE, read_comparison
from studio.compare.selection.record import SELECTION_FILE, Chosen, read_selection
from studio.core.errors import NonFiniteError, StorageError, StudioError
from studio.runs import choosing
from studio.runs.records import Finished, only
from tests import failpoint
from tests.faults.conftest import Disk
from tests.generation.races import asked

Trained = tuple[Studio, str]
FEW = {"checkpoints": [2, 4], "strengths": [1.0], "images": 4}


def records(folder: Path) -> tuple[object, object]:
    """The choice and its comparison as they lie on disk."""
    choice, comparison = folder / SELECTION_FILE, folder / COMPARISON_FILE
    return json.loads(choice.read_text()), json.loads(comparison.read_text())


def test_a_finished_choice_that_is_asked_again_and_cancelled_keeps_its_answer(
    trained: Trained,
) -> None:
    studio, run = trained
    selections = studio.generation.selections
    found = selections.select(asked(run, seed=91, **FEW))
    chosen = Chosen(run=run, step=2, strength=1.0)
    selections.write(found.id, chosen)
    folder = selections.folder(found.id)
    before = records(folder)
    full = asked(run, seed=91, race=False, **FEW)
    next((folder / "cells").glob("c2-*.png")).unlink()  # so that there is something to generate
    count = iter(range(1000))
    told = selections.select(full, cancelled=lambda: next(count) > 10)
    assert told.id == found.id and told.complete and told.recommended == found.recommended
    assert records(folder) == before, "the answer stands, and which checkpoint was written"
    failpoint.reached = Disk(1, lambda path: path.name == COMPARISON_FILE)
    try:
        with pytest.raises(StorageError):
            selections.select(full)
    finally:
        failpoint.reached = None
    assert records(folder) == before
    again = selections.select(full)
    assert again.complete and again.written == chosen == read_selection(folder).written
    assert again.settings["race"] is False and read_comparison(folder).complete


def test_a_cancelled_race_that_goes_on_is_not_shown_as_cancelled(trained: Trained) -> None:
    studio, run = trained
    selections = studio.generation.selections
    settings, count = asked(run, seed=92, **FEW), iter(range(1000))
    half = selections.select(settings, cancelled=lambda: next(count) > 12)
    folder = selections.folder(half.id)
    assert read_comparison(folder).cancelled and not half.complete
    shown: list[bool] = []
    selections.select(settings, lambda *at: shown.append(read_comparison(folder).cancelled))
    assert shown and not shown[-1] and read_comparison(folder).complete


def test_what_is_written_while_the_race_goes_on_stays_written(trained: Trained) -> None:
    """The race yields the device between batches; writing a file takes its turn there."""
    studio, run = trained
    selections = studio.generation.selections
    begun, chosen = threading.Event(), Chosen(run=run, step=4, strength=1.0)
    ids: list[str] = []

    def progress(done: int, total: int, text: str) -> None:
        if done and ids and not begun.is_set():
            begun.set()
            end = time.monotonic() + 60
            while not studio.runtime.lock.wanted and time.monotonic() < end:
                time.sleep(0.01)

    racing = threading.Thread(
        target=lambda: selections.select(asked(run, seed=93, **FEW), progress, started=ids.append)
    )
    racing.start()
    assert begun.wait(60)
    selections.write(ids[0], chosen)
    racing.join(120)
    found = selections.one(ids[0])
    assert found.written == chosen and found.complete


def test_a_file_that_was_replaced_is_not_called_as_it_was(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new file is in its place when loading it again fails."""
    studio, run = trained
    selections = studio.generation.selections
    found = selections.select(asked(run, seed=94, **FEW))
    (file,) = studio.runs.files(studio.runs.state(run))
    for step, error in ((2, NonFiniteError("The image is not finite")), (4, MemoryError())):
        before = file.read_bytes()

        def fails(*_: object, error: Exception = error) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(choosing, "verify", fails)
            with pytest.raises(StudioError) as told:
                selections.write(found.id, Chosen(run=run, step=step, strength=1.0))
        assert told.value.safe is not None and f"already that of step {step}" in told.value.safe
        assert file.read_bytes() != before
        view = studio.runs.view(run)
        assert view.state.files == (str(file),)
        assert only(view.events, Finished)[-1].step == step
    made = selections.write(found.id, Chosen(run=run, step=2, strength=1.0))
    assert "-4" in made.kept[0].name, "kept as what it was"
