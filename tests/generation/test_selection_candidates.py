"""The candidates of a race: whatever base their files were written with, whatever of their run is gone."""

from __future__ import annotations

import shutil
from pathlib import Path

from studio.app import Studio
from studio.core.paths import Workspace
from studio.formats.images import open_image
from tests.generation.races import asked, config
from tests.workspaces import make_workspace


def copied(studio: Studio, to: Path) -> Studio:
    """A studio on a copy of the workspace, without what was asked or written for it before."""
    left = shutil.ignore_patterns("comparisons", "cache", ".lock*")
    return Studio(Workspace(Path(shutil.copytree(studio.workspace.root, to / "w", ignore=left))))


def trained_too(studio: Studio, name: str, **values: object) -> str:
    """A further run with the checkpoints 2 and 4; its id."""
    run = studio.runs.start(config(name, train={"learning_rate": 0.1}, **values))
    assert studio.runs.wait(run).state == "finished"
    return run


def test_runs_of_two_precisions_are_put_on_the_base_that_samples(
    trained: tuple[Studio, str], tmp_path: Path
) -> None:
    """The file of a half-precision checkpoint is written with a base of its own."""
    studio = copied(trained[0], tmp_path)
    half = trained_too(studio, "half", precision="bf16")
    settings = asked(trained[1], runs=[trained[1], half], checkpoints=[2, 4], images=4, seed=8)
    found = studio.generation.selections.select(settings)
    opened = studio.generation.comparisons.one(found.id)
    studio.close()
    pixels: dict[int, list[bytes]] = {}
    for cell in sorted(opened.cells, key=lambda one: (one.column, one.prompt, one.seed)):
        image = open_image(Path(opened.folder) / cell.file)
        pixels.setdefault(cell.column, []).append(image.tobytes())
    assert len(pixels) == 9
    assert all(pixels[column] != pixels[0] for column in range(1, 9)), "images of the base alone"


def test_a_race_goes_without_the_training_images(tmp_path: Path) -> None:
    """Nor is a trigger word asked of a folder that is gone."""
    studio = Studio(make_workspace(tmp_path / "w"))
    (studio.workspace.datasets / "zibbo" / "dataset.toml").unlink()
    (studio.workspace.root / "outside").mkdir()
    shutil.copy(studio.workspace.datasets / "zibbo" / "0.png", tmp_path / "w" / "outside")
    run = trained_too(studio, "alone", data={"folder": "zibbo"})
    shutil.rmtree(studio.workspace.datasets / "zibbo")
    shutil.rmtree(studio.workspace.cache / "checkpoints", ignore_errors=True)
    settings = asked(
        run, images=4, reference=str(tmp_path / "w" / "outside"), prompts=["a cat", "a zibbo"]
    )
    found = studio.generation.selections.select(settings)
    studio.close()
    assert found.complete and found.recommended is not None
    assert "copies" not in found.limits
    assert any("dataset of the run cannot be read" in note for note in found.notes)
    assert any("whether images are copies" in note for note in found.notes)
