"""A shootout from its settings to its verdict on a tiny base: runs that are found again, entries that fail,
pauses, a killed process, a full disk, and everything that is refused before anything starts."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from studio.app import Studio
from studio.core.errors import InputError, MissingError, StudioError
from studio.core.paths import Workspace
from studio.formats.dataset import image_files, read_dataset
from studio.settings.shootout import ShootoutSettings
from studio.train.loop import StepFacts, Trainer
from tests import failpoint
from tests.faults.children import die, in_a_process
from tests.generation.shootout_start import entry, finished, settings, until


@pytest.fixture
def studio(root: Path) -> Iterator[Studio]:
    studio = Studio(Workspace(root))
    yield studio
    studio.close()


def test_from_a_dataset_to_a_verdict_and_nothing_is_trained_twice(
    studio: Studio, root: Path
) -> None:
    both = {"name": "both", "stack": ["LoRA", "TI"]}
    entries = [entry(root, "lora"), entry(root, "ti", name="TI"), both]
    wanted = settings(root, *entries, training_seeds=[1, 2], budget="images", amount=4)
    planned = studio.generation.shootouts.plan(wanted)
    assert (len(planned.plan.trainings), planned.done, planned.prices.total.measured) == (
        4,
        (),
        False,
    )
    assert planned.prices.seconds > 0
    found, comparison = finished(studio, wanted)
    assert (found.state, found.error, found.doing) == ("finished", None, "")
    assert all(row.done and not row.reused for row in found.trainings)
    assert comparison.complete and not any(column.error for column in comparison.columns)
    names = ["Base", "LoRA · seed 1", "LoRA · seed 2", "TI · seed 1", "TI · seed 2"]
    assert [c.name for c in comparison.columns] == [*names, "both · seed 1", "both · seed 2"]
    assert len(comparison.cells) == 7 * 2
    base, lora, *_, stacked = comparison.columns
    assert (base.group, base.run, base.stack) == ("", "", ())
    state = studio.runs.state(lora.run)
    assert (lora.step, lora.method, lora.training_seed, lora.group) == (2, "lora", 1, "LoRA")
    assert lora.seconds == state.seconds and state.trained
    assert lora.trainable_parameters == sum(state.trained.values())
    assert [len(column.stack) for column in comparison.columns] == [0, 1, 1, 1, 1, 2, 2]
    assert stacked.method == "lora + textual-inversion" and stacked.bytes
    assert comparison.differences and comparison.verdict
    assert {"LoRA", "TI"} <= {found.a for found in comparison.group_differences} | {
        found.b for found in comparison.group_differences
    }
    for column in comparison.columns:
        assert column.images == 3

    runs = [state.run for state in studio.runs.all()]
    assert len(runs) == 4 and {state.state for state in studio.runs.all()} == {"finished"}
    other = settings(
        root, *entries[:2], training_seeds=[2], budget="images", amount=4, name="again",
        prompts={"captions": 2, "novel": 0, "seeds": [3]},
    )  # fmt: skip
    planned = studio.generation.shootouts.plan(other)
    assert len(planned.done) == 2 and planned.prices.total.seconds == 0
    again, comparison = finished(studio, other)
    assert again.state == "finished" and all(row.reused for row in again.trainings)
    assert [state.run for state in studio.runs.all()] == runs, "nothing was trained again"
    assert len(comparison.cells) == 3 * 2


def test_images_are_held_back_by_their_content_and_never_trained_on(
    studio: Studio, root: Path
) -> None:
    found, comparison = finished(studio, settings(root, entry(root, "lora"), data="many"))
    assert found.held_out.split and len(found.held_out.images) == 3
    held = {path.name for path in image_files(found.held_out.folder)}
    trained = read_dataset(found.data)
    assert len(held) == 3 and trained.images == 8
    record = (studio.runs.folder(found.trainings[0].run) / "dataset.json").read_text("utf-8")
    for name, digest in found.held_out.images.items():
        assert f'"sha256": "{digest}",\n      "caption": ' in record
        assert f'"{name}": {{' not in record, "among those that are trained on"
    assert comparison.reference.images == 3 and comparison.reference.folder == found.held_out.folder
    assert any("3 of 11 images are held back" in note for note in found.notes)
    before = sorted(found.held_out.images)
    elsewhere = root / "datasets" / "renamed"
    shutil.copytree(root / "datasets" / "many", elsewhere)
    planned = studio.generation.shootouts.plan(settings(root, entry(root, "lora"), data="renamed"))
    assert sorted(planned.ground.held_out.images) == before
    assert planned.done, "the same images, wherever they lie: it is trained already"


def test_an_entry_that_fails_is_a_column_with_its_error_and_can_be_tried_again(
    studio: Studio, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    normal, failing = Trainer.one_step, [True]

    def one_step(self: Trainer, step: int) -> StepFacts:
        if failing and self.config.method == "lora":
            raise RuntimeError("a fault of the machine")
        return normal(self, step)

    monkeypatch.setattr(Trainer, "one_step", one_step)
    studio.runs.continue_on_error = False  # a failed run would hold the queue
    found, comparison = finished(studio, settings(root))
    assert found.state == "finished"
    assert [bool(row.error) for row in found.trainings] == [True, False]
    base, lora, ti = comparison.columns
    assert lora.error and lora.message and not lora.stack and lora.images is None
    assert not base.error and not ti.error and ti.images == 3
    failing.clear()
    studio.generation.shootouts.go_on(found.id)
    again = studio.generation.shootouts.wait(found.id, 120)
    assert again.state == "finished" and not any(row.error for row in again.trainings)
    comparison = studio.generation.comparisons.one(again.comparison)
    assert again.comparison == found.comparison and comparison.complete
    assert [column.images for column in comparison.columns] == [3, 3, 3]
    assert not any(column.error for column in comparison.columns)
    assert len(comparison.cells) == 6, "no image twice"


def test_pause_gives_the_queue_back_and_continue_goes_on_where_it_was(
    studio: Studio, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    normal, gate, reached = Trainer.one_step, threading.Event(), threading.Event()

    def one_step(self: Trainer, step: int) -> StepFacts:
        if step == 2:
            reached.set()
            assert gate.wait(60)
        return normal(self, step)

    monkeypatch.setattr(Trainer, "one_step", one_step)
    shootouts = studio.generation.shootouts
    identity = shootouts.start(settings(root))
    assert reached.wait(60)
    until(lambda: len(studio.runs.active()) == 2)
    with pytest.raises(StudioError, match="going on already"):
        shootouts.go_on(identity)
    with pytest.raises(InputError, match="still going on"):
        shootouts.delete(identity)
    assert shootouts.start(settings(root)) == identity, "the same shootout is not begun twice"
    shootouts.pause(identity)
    gate.set()
    assert shootouts.wait(identity, 60).state == "paused"
    assert studio.runs.active() == []
    shootouts.go_on(identity)
    found = shootouts.wait(identity, 120)
    assert found.state == "finished" and not any(row.error for row in found.trainings)
    assert len(studio.runs.all()) == 2, "the runs were resumed"
    shootouts.delete(identity)
    with pytest.raises(MissingError):
        shootouts.view(identity)
    assert studio.generation.comparisons.one(found.comparison).complete, "the comparison stays"


def test_cancel_shows_at_once_and_leaves_no_file_of_an_unfinished_run(
    studio: Studio, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The training holds the device, and a column waits for it, when somebody cancels."""
    normal, gate, reached = Trainer.one_step, threading.Event(), threading.Event()

    def one_step(self: Trainer, step: int) -> StepFacts:
        reached.set()
        assert gate.wait(60)
        return normal(self, step)

    monkeypatch.setattr(Trainer, "one_step", one_step)
    shootouts = studio.generation.shootouts
    identity = shootouts.start(settings(root))
    assert reached.wait(60)
    until(lambda: len(studio.runs.active()) == 2)
    shootouts.cancel(identity)
    assert shootouts.view(identity).shootout.state == "cancelling"
    assert len(studio.runs.active()) == 1, "what waited is out of the queue, and the other was told"
    gate.set()
    found = shootouts.wait(identity, 60)
    assert found.state == "cancelled" and not any(row.error for row in found.trainings)
    assert all(state.state == "stopped" and not state.files for state in studio.runs.all())
    assert not [path for path in (root / "adapters").rglob("*") if path.is_file()]
    shootouts.go_on(identity)
    assert shootouts.wait(identity, 120).state == "finished"
    assert len(studio.runs.all()) == 2, "the runs were resumed"


def killed_at(root: Path, values: dict[str, Any], where: str) -> None:
    """A studio that is killed in the second step of the second run, or while a column is generated."""
    studio = Studio(Workspace(root))
    normal = Trainer.one_step

    def one_step(self: Trainer, step: int) -> StepFacts:
        facts = normal(self, step)
        if where == "run" and self.config.method != "lora" and step == 2:
            die()
        return facts

    def reached(operation: str, path: Path) -> None:
        if where == "column" and path.name == "c1-p1-s1.png" and operation == "rename":
            die()

    Trainer.one_step = one_step  # type: ignore[method-assign]
    failpoint.reached = reached
    shootouts = studio.generation.shootouts
    shootouts.wait(shootouts.start(ShootoutSettings.parse(values)), 120)


@pytest.mark.parametrize("where", ["run", pytest.param("column", marks=pytest.mark.slow)])
def test_after_kill_9_the_next_studio_goes_on_by_itself(root: Path, where: str) -> None:
    values = settings(root).model_dump()
    assert in_a_process(killed_at, root, values, where) == -signal.SIGKILL
    studio = Studio(Workspace(root))
    shootouts = studio.generation.shootouts
    (before,) = shootouts.all()
    assert before.going
    done = {row.run for row in before.trainings if row.done}
    assert shootouts.resume_all() == [before.id]
    found = shootouts.wait(before.id, 120)
    assert found.state == "finished" and not any(row.error for row in found.trainings)
    assert {row.run for row in found.trainings} >= done
    states = studio.runs.all()
    assert len(states) == 2 and {state.state for state in states} == {"finished"}
    assert all(state.step == 2 for state in states)
    comparison = studio.generation.comparisons.one(found.comparison)
    assert comparison.complete and len(comparison.cells) == 6
    assert len(studio.generation.comparisons.all()) == 1, "the comparison was continued"
    assert [column.images for column in comparison.columns] == [3, 3, 3]
    assert shootouts.resume_all() == []
    studio.close()


def test_a_closing_studio_leaves_it_to_the_next_one(root: Path) -> None:
    first = Studio(Workspace(root))
    identity = first.generation.shootouts.start(settings(root))
    until(lambda: first.generation.shootouts.view(identity).shootout.trainings)
    first.close()
    second = Studio(Workspace(root))
    found = second.generation.shootouts.all()[0]
    assert found.going
    assert second.generation.shootouts.resume_all() == [identity]
    found = second.generation.shootouts.wait(identity, 120)
    assert found.state == "finished" and not any(row.error for row in found.trainings)
    assert len(second.runs.all()) == 2
    second.close()


def test_a_full_disk_pauses_it_and_nothing_is_lost(studio: Studio, root: Path) -> None:
    full = [True]

    def reached(operation: str, path: Path) -> None:
        if full and "cells" in path.parts and path.name.startswith("c1-"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    failpoint.reached = reached
    try:
        identity = studio.generation.shootouts.start(settings(root, entry(root, "lora")))
        found = studio.generation.shootouts.wait(identity, 120)
        assert found.state == "paused" and found.error is not None
        assert "disk is full" in (found.error.why or "") and found.error.safe
        full.clear()
        studio.generation.shootouts.go_on(identity)
        found = studio.generation.shootouts.wait(identity, 120)
    finally:
        failpoint.reached = None
    assert found.state == "finished" and found.error is None
    assert len(studio.runs.all()) == 1, "what was trained stays trained"


def test_a_run_that_is_deleted_meanwhile_costs_only_itself(studio: Studio, root: Path) -> None:
    found, _ = finished(studio, settings(root))
    for row in found.trainings[:1]:
        state = studio.runs.state(row.run)
        for name in state.files:
            Path(name).unlink()
        shutil.rmtree(studio.runs.folder(row.run))
    second = settings(root, name="second")
    planned = studio.generation.shootouts.plan(second)
    assert len(planned.done) == 1
    again, comparison = finished(studio, second)
    assert [row.reused for row in again.trainings] == [False, True]
    assert comparison.complete and not any(column.error for column in comparison.columns)


def test_equal_minutes_are_measured_first_and_the_clock_ends_a_late_run(
    studio: Studio, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    normal = Trainer.one_step

    def one_step(self: Trainer, step: int) -> StepFacts:
        facts = normal(self, step)
        if self.hooks.step.__name__ != "_nobody":  # slower than it was measured
            self.progress.seconds += 1.0
        return facts

    monkeypatch.setattr(Trainer, "one_step", one_step)
    wanted = settings(root, entry(root, "lora"), budget="minutes", amount=0.04)
    found, comparison = finished(studio, wanted)
    assert found.state == "finished" and len(found.paces) == 1
    state = studio.runs.state(found.trainings[0].run)
    assert state.state == "finished" and 2 <= state.step <= 3 < state.steps
    assert comparison.columns[1].step == state.step
    assert "time limit" in (state.reason or "")
    with pytest.raises(InputError, match="finished"):
        studio.runs.resume(state.run)
    again = studio.generation.shootouts.plan(wanted)
    assert again.done, "with the same pace it is the same training"


BAD: list[tuple[dict[str, Any], str]] = [
    ({"entries": [{"preset": "no-such-preset"}]}, "There is no preset “no-such-preset”"),
    ({"entries": [{"preset": "starter-lorra"}]}, "Did you mean “starter-lora”?"),
    ({"entries": [{"preset": "starter-lora"}]}, "made for the base “starter”, not for “tiny”"),
    ({"entries": [{"preset": "sdxl"}]}, "made for SDXL; the base “tiny” is SD 1.x"),
    ({"entries": [{"preset": "lora", "change": {"train": {"stepz": 3}}}]}, "did you mean “steps”?"),
    ({"entries": [{"preset": "lora", "change": {"seed": 3}}]}, "is the same for all entries"),
    ({"entries": [{"preset": "lora", "change": {"train": {"steps": 3}}}], "budget": "steps",
      "amount": 4}, "the budget decides"),
    ({"data": "nothing"}, "There is no dataset “nothing”"),
    ({"data": "empty"}, "There are no images in this folder"),
    ({"reference": "datasets/zibbo"}, "are the images that are trained on"),
    ({"reference": "datasets/copy"}, "All reference images are among the images"),
    ({"reference": "datasets/empty"}, "There are no reference images in this folder"),
    ({"base": "gone"}, "There is no base model “gone”"),
    ({"budget": "images", "amount": 1}, "too few for a single step"),
    ({"entries": [{"preset": "lora"}, {"preset": "lora", "name": "x"}]}, "are alike"),
    ({"prompts": {"captions": 0, "novel": 0}}, "There is no prompt"),
    ({"prompts": {"own": ["a cat <lora:x:1>"]}}, "names a file"),
]  # fmt: skip


def test_what_cannot_be_is_refused_in_plain_words_before_anything_starts(
    studio: Studio, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    (root / "datasets" / "empty").mkdir()
    shutil.copytree(root / "datasets" / "zibbo", root / "datasets" / "copy")
    for values, said in BAD:
        own = [
            {
                **one,
                "preset": str(file)
                if (file := root / "presets" / f"{one['preset']}.toml").is_file()
                else one["preset"],
            }
            for one in values.get("entries", [{"preset": "lora"}])
        ]
        wanted = settings(root, **{**values, "entries": own})
        with pytest.raises(StudioError) as caught:
            studio.generation.shootouts.start(wanted)
        assert said in str(caught.value), f"{values}: {caught.value}"
        assert "Traceback" not in str(caught.value)
    assert studio.runs.all() == [] and studio.generation.shootouts.all() == []
