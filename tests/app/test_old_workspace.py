"""A workspace as the studio wrote it in November 2026 still opens, in every part.

`tests/fixtures/workspace-2026-11` was made by that version and is never written anew: one finished
LoRA run, one stopped run of Textual Inversion, a comparison, a grid, a saved stack, a generated
image. In its files the workspace lies at `/old/place`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.app import Studio
from studio.core.paths import Workspace
from studio.runs.records import Sampled, Step, Validated, only

HERE = Path(__file__).parent
OLD = HERE.parent / "fixtures" / "workspace-2026-11"
FINISHED, STOPPED = "20261129-211203-finished-lora", "20261129-211223-stopped-word"


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Studio]:
    """The studio on a copy, its paths set to where the copy lies."""
    root = tmp_path / "w"
    shutil.copytree(OLD, root)
    for path in [*root.rglob("*.json"), *root.rglob("*.jsonl"), *root.rglob("*.toml")]:
        path.write_text(path.read_text("utf-8").replace("/old/place", root.as_posix()), "utf-8")
    studio = Studio(Workspace(root))
    yield studio
    studio.close()


def test_runs_are_listed_and_read(old: Studio) -> None:
    assert {run.run: run.state for run in old.runs.all()} == {
        FINISHED: "finished",
        STOPPED: "stopped",
    }
    view = old.runs.view(FINISHED)
    assert [event.step for event in only(view.events, Step)] == list(range(1, 9))
    (first, *_) = only(view.events, Sampled)
    assert len(first.images) == len(first.prompts) > 0, "they were called pictures"
    assert [event.kind for event in only(view.events, Validated)][:1] == ["validation"], "a probe"
    assert old.runs.config(FINISHED).method == "lora"
    assert old.runs.config(STOPPED).train.steps == 400


def test_a_stopped_run_goes_on_where_it_stopped(old: Studio) -> None:
    file = old.workspace.runs / STOPPED / "config.toml"
    file.write_text(file.read_text("utf-8").replace("steps = 400", "steps = 10"), "utf-8")
    old.runs.resume(STOPPED)
    state = old.runs.wait(STOPPED)
    assert (state.state, state.step) == ("finished", 10)
    steps = [event.step for event in only(old.runs.view(STOPPED).events, Step)]
    assert steps == list(range(1, 11))


def test_a_comparison_is_read(old: Studio) -> None:
    (found,) = old.generation.comparisons.all()
    comparison = old.generation.comparisons.one(found.id)
    assert [column.name for column in comparison.columns] == ["base", "lora"]
    assert (comparison.columns[1].measures["image_text"] or 0) > 0
    assert all((Path(comparison.folder) / cell.file).is_file() for cell in comparison.cells)


def test_a_grid_is_read_and_gone_on_with(old: Studio) -> None:
    (found,) = old.generation.grids.all()
    (Path(found.folder) / "cells" / "p0-y1-x1.png").unlink()
    old.generation.grids.resume(found.id)
    assert (Path(found.folder) / "cells" / "p0-y1-x1.png").is_file()


def test_a_saved_stack_finds_its_file(old: Studio) -> None:
    (saved,) = old.library.stacks.all()
    loaded = old.library.stacks.load(saved["path"])
    assert not loaded.missing
    assert [Path(item.path).name for item in loaded.items] == ["finished-lora.safetensors"]
    assert loaded.items[0].strength == 0.8


def test_an_image_gives_its_settings_back(old: Studio) -> None:
    (image,) = old.workspace.outputs.rglob("*.png")
    facts = old.library.inspect(image)
    assert facts["settings"]["prompt"] == "a zibbo cat"


def test_a_finished_file_gives_its_settings_back(old: Studio) -> None:
    like = old.library.config_like(old.workspace.adapters / "finished-lora.safetensors")
    assert like.config.options["rank"] == 2
    assert like.config.sample.steps == 3, "only the studio's own record says so"
    assert not [note for note in like.notes if "unknown" in note.lower()]
