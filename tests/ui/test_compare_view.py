"""What a browser may ask of a comparison's images and columns, and what it gets for nonsense."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from studio.app import Studio
from studio.compare.record import ComparedColumn, Comparison, Recorder
from studio.core.errors import InputError, MissingError
from studio.core.paths import Workspace
from studio.formats.image_write import save_png
from studio.ui.components.columns import checkpoint_columns, columns_of, folder_column
from studio.ui.components.comparison_images import comparison_images, copy_of, reference_images
from studio.ui.components.opened_comparison import changed, one
from studio.ui.live import Page


@pytest.fixture
def studio(workspace: Path) -> Studio:
    return Studio(Workspace(workspace))


def begun(studio: Studio) -> Recorder:
    folder = studio.workspace.comparisons / "20260101-a"
    column = ComparedColumn(name="Base")
    return Recorder(Comparison(folder=str(folder), prompts=("x",), seeds=(1,), columns=(column,)))


def test_a_column_brings_the_facts_of_its_training(studio: Studio) -> None:
    sent = {"name": "a", "stack": [], "run": "r", "step": 5, "method": "lora", "seconds": 2, "x": 1}
    (column,) = columns_of(studio, [sent])
    assert (column.run, column.step, column.method, column.seconds) == ("r", 5, "lora", 2.0)
    assert columns_of(studio, [{"name": "a", "stack": [], "step": None, "run": ""}])[0].step is None


@pytest.mark.parametrize("facts", [{"step": "x"}, {"step": -1}, {"folder": "/a\0b"}])
def test_facts_that_make_no_sense_are_refused(studio: Studio, facts: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        columns_of(studio, [{"name": "a", "stack": []} | facts])


def test_a_folder_of_images_is_a_column_only_where_there_are_some(
    studio: Studio, tmp_path: Path
) -> None:
    with pytest.raises(MissingError, match="no image"):
        folder_column(studio, str(tmp_path))
    save_png(tmp_path / "a.png", Image.new("RGB", (8, 8)))
    column = folder_column(studio, f" {tmp_path} ")
    assert columns_of(studio, [column])[0].folder == str(tmp_path)


def test_checkpoints_that_have_no_room_are_left_out_evenly(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    grids, runs = studio.generation.grids, studio.runs
    monkeypatch.setattr(grids, "steps", lambda run: [10, 20, 30, 40, 50])
    monkeypatch.setattr(runs, "config", lambda run: SimpleNamespace(name="zorp", method="lora"))
    monkeypatch.setattr(
        studio.generation, "use_checkpoint", lambda run, step: Path(f"/{step}.safetensors")
    )
    found = checkpoint_columns(studio, "r", 3)
    assert [column["step"] for column in found] == [20, 30, 50]
    assert [column["step"] for column in checkpoint_columns(studio, "r", 99)] == [
        10,
        20,
        30,
        40,
        50,
    ]
    assert found[0]["name"] == "zorp, step 20"
    monkeypatch.setattr(grids, "steps", lambda run: [])
    with pytest.raises(MissingError, match="no checkpoint"):
        checkpoint_columns(studio, "r", 3)


def test_copies_are_made_only_of_images_that_a_comparison_lists(studio: Studio) -> None:
    recorder = begun(studio)
    for name in ("cells/a.png", "secret.png"):
        save_png(recorder.folder / name, Image.new("RGB", (8, 8)))
    recorder.cell(0, 0, 1, "cells/a.png")
    recorder.cell(0, 0, 2, "cells/gone.png")
    component: Any = comparison_images(studio, Page(studio))
    files = ["cells/a.png", "cells/gone.png", "secret.png", "../../x", 3]
    answer = component.thumbnails({"id": recorder.comparison.id, "files": files})
    assert sorted(answer["data"]) == ["cells/a.png", "cells/gone.png"]
    assert Path(answer["data"]["cells/a.png"]["path"]).is_file()
    assert "not there" in answer["data"]["cells/gone.png"]["problem"]
    assert not component.thumbnails({"id": "../..", "files": []})["ok"]
    assert not component.references({"id": recorder.comparison.id})["ok"]


def test_a_damaged_image_is_named_and_reference_images_are_counted(
    studio: Studio, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"x")
    assert copy_of(Page(studio), broken)["problem"]
    with pytest.raises(InputError, match="can be read"):
        reference_images(studio, Page(studio), str(tmp_path))
    save_png(tmp_path / "a.png", Image.new("RGB", (8, 8)))
    found = reference_images(studio, Page(studio), str(tmp_path))
    assert [image["name"] for image in found["images"]] == ["a.png"] and found["more"] == 0


def test_a_comparison_is_sent_again_only_when_it_has_changed(studio: Studio) -> None:
    recorder = begun(studio)
    first = one(studio, recorder.comparison.id)
    assert first["without"] == ["curves"]
    assert changed(studio, first["id"], first["stamp"]) is None
    recorder.cell(0, 0, 1, "cells/a.png")
    again = changed(studio, first["id"], first["stamp"])
    assert again is not None and len(again["cells"]) == 1
    assert changed(studio, "20200101-gone", "") is None
