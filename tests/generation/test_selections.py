"""Which checkpoint, at what strength: a race on a tiny run, its folder, and the file it writes."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import pytest

from studio import cli
from studio.app import Studio
from studio.compare.record import read_comparison
from studio.compare.selection.record import SELECTION_FILE, read_selection
from studio.core import atomic
from studio.core.errors import InputError, MissingError, SettingsError, StorageError
from studio.core.paths import Workspace, entries
from studio.formats import safetensors_file
from studio.formats.images import open_image
from studio.generation import selection_plan, selections
from studio.settings.training import CompareSettings
from tests import failpoint
from tests.faults import children
from tests.faults.conftest import Disk
from tests.generation.races import SMALL, asked, config
from tests.workspaces import make_dataset


def test_a_race_leaves_a_comparison_with_its_curves_and_a_recommendation(
    trained: tuple[Studio, str],
) -> None:
    studio, run = trained
    plan = studio.generation.selections.plan(asked("first"))
    assert plan.prompts == tuple(
        f"a zibbo cat at the {p}" for p in ("beach", "forest", "moon", "harbour")
    )
    assert plan.plain[0] == "a cat at the beach" and plan.held_out and plan.notes == ()
    heard: list[tuple[int, int, str]] = []
    found = studio.generation.selections.select(asked("first"), lambda *at: heard.append(at))
    assert found.complete and len(found.entries) == 6 and found.reason
    assert found.full == plan.full and 0 < found.generated <= found.full
    assert all(done <= total for done, total, _ in heard) and heard[-1][0] <= heard[-1][1]
    assert set(found.limits) == {"follows", "copies", "drift"}
    for entry in found.entries:
        assert set(entry.points) == {"likeness", "follows", "copies", "drift"}
    assert found.recommended is not None
    opened = studio.generation.comparisons.one(found.id)
    assert opened.complete and [c.name for c in opened.columns][:2] == ["Base", "Step 2 at 0.5"]
    assert (opened.columns[1].run, opened.columns[1].step) == (run, 2)
    assert opened.columns[1].measures["image_text"] is not None
    assert len([cell for cell in opened.cells if cell.column == 0]) == 8
    assert opened.differences and opened.verdict and set(opened.lacking) == {
            "training", "ordinary", "attributes",
        }  # fmt: skip
    assert not any("no numbers" in note for note in opened.notes)
    measured = studio.generation.comparisons.measure_again(found.id)
    assert measured.differences == opened.differences and measured.verdict == opened.verdict
    assert CompareSettings.parse(opened.settings).columns[1].stack[0].strength == 0.5
    again = studio.generation.selections.select(asked(run))
    assert again.id == found.id, "the same question has one answer"
    assert again.as_json() == found.as_json()


def test_copies_of_training_images_are_not_held_out(
    trained: tuple[Studio, str], tmp_path: Path
) -> None:
    """Wherever they lie and whatever they are called."""
    studio, _ = trained
    copies = make_dataset(tmp_path / "copies")
    for number in range(4):
        (copies / f"{number}.png").rename(copies / f"z{9 - number}.png")
    plan = studio.generation.selections.plan(asked("first", reference=str(copies)))
    assert not plan.held_out and selection_plan.NO_HELD_OUT in plan.notes
    assert plan.references == plan.training
    make_dataset(copies, 2, seed=200)
    plan = studio.generation.selections.plan(asked("first", reference=str(copies)))
    assert plan.held_out and len(plan.references) == 6
    assert any(note.startswith("4 of 6 reference images were trained on") for note in plan.notes)


def test_reference_images_that_cannot_be_read_recommend_nothing(
    trained: tuple[Studio, str], tmp_path: Path
) -> None:
    studio, _ = trained
    damaged = make_dataset(tmp_path / "damaged", 3, seed=300)
    for path in damaged.glob("*.png"):
        path.write_bytes(b"damaged")
    before = entries(studio.workspace.comparisons)
    with pytest.raises(InputError, match="None of the reference images can be read"):
        studio.generation.selections.select(asked("first", reference=str(damaged)))
    assert entries(studio.workspace.comparisons) == before


def test_a_cancelled_race_goes_on_where_it_was(
    trained: tuple[Studio, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    studio, run = trained
    settings = asked(run, **SMALL)
    count = iter(range(10_000))
    begun: list[str] = []
    half = studio.generation.selections.select(
        settings, cancelled=lambda: next(count) > 12, started=begun.append
    )
    assert not half.complete and begun == [half.id]
    folder = studio.generation.selections.folder(half.id)
    images = {path: path.stat().st_mtime_ns for path in folder.rglob("*.png")}
    assert images and read_comparison(folder).cancelled
    whole = studio.generation.selections.select(settings)
    assert whole.id == half.id and whole.complete
    assert {path: path.stat().st_mtime_ns for path in images} == images
    assert whole.id != studio.generation.selections.select(asked(run)).id, "another question"


def copied(root: Path, to: Path) -> Path:
    """A workspace of its own with the same run, without what was asked before."""
    return Path(
        shutil.copytree(root, to / "w", ignore=shutil.ignore_patterns("comparisons", ".lock*"))
    )


def made_so_far(root: Path) -> dict[Path, int]:
    """Every image of its one race that can be read → when it was written."""
    (folder,) = (root / "comparisons").iterdir()
    images = [path for path in folder.rglob("*.png") if not path.name.startswith(".")]
    found = {path: path.stat().st_mtime_ns for path in images}  # a kill may leave half a file
    assert found and all(open_image(path).size for path in found)
    assert read_selection(folder).id == folder.name and not read_comparison(folder).complete
    return found


def goes_on(root: Path, run: str) -> None:
    """The same question is answered, nothing that was there is generated again, no litter is left."""
    before = made_so_far(root)
    studio = Studio(Workspace(root))
    found = studio.generation.selections.select(asked(run, **SMALL))
    studio.close()
    assert found.complete and found.reason and len(list((root / "comparisons").iterdir())) == 1
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert not list(root.rglob(f"{atomic.TEMPORARY_PREFIX}*"))
    assert read_comparison(root / "comparisons" / found.id).complete


@pytest.mark.slow
def test_a_race_that_was_killed_goes_on(trained: tuple[Studio, str], tmp_path: Path) -> None:
    studio, run = trained
    root = copied(studio.workspace.root, tmp_path)
    code = children.in_a_process(
        children.killed_in_a_race, root, asked(run, **SMALL).model_dump(), 40
    )
    assert code == -signal.SIGKILL
    goes_on(root, run)


@pytest.mark.parametrize(("full", "nth"), [("cells", 4), ("selection.json", 8)])
def test_a_race_on_a_full_disk_says_so_and_goes_on(
    trained: tuple[Studio, str], tmp_path: Path, full: str, nth: int
) -> None:
    before, run = trained
    root = copied(before.workspace.root, tmp_path)
    studio = Studio(Workspace(root))
    failpoint.reached = Disk(nth, lambda path: full in path.parts)
    try:
        with pytest.raises(StorageError) as told:
            studio.generation.selections.select(asked(run, **SMALL))
        assert told.value.full
    finally:
        failpoint.reached = None
        studio.close()
    goes_on(root, run)


def test_what_makes_no_choice_is_refused_in_plain_words(
    trained: tuple[Studio, str], tmp_path: Path
) -> None:
    studio, run = trained
    choose = studio.generation.selections.select
    for wrong, error, said in (
        ({"runs": []}, InputError, "No run is chosen"),
        ({"runs": ["../runs"]}, MissingError, "no such run"),
        ({"checkpoints": [3]}, MissingError, "no checkpoint of step 3"),
        ({"checkpoints": [2], "strengths": [1.0]}, InputError, "one checkpoint alone"),
        ({"prompts": ["a <lora:x:1> cat"]}, SettingsError, "names a file"),
    ):
        with pytest.raises(error, match=said):
            choose(asked(run, **wrong))
    with pytest.raises(SettingsError, match="no strength"):
        asked(run, strengths=[0.0])


def test_without_held_out_images_it_says_what_is_not_known(trained: tuple[Studio, str]) -> None:
    studio, _ = trained
    make_dataset(studio.workspace.datasets / "plain")
    other = studio.runs.start(config("plain", data={"folder": "plain"}))
    assert studio.runs.wait(other).state == "finished"
    plan = studio.generation.selections.plan(asked(other))
    assert not plan.held_out and "no held-out reference images" in plan.notes[0]
    assert len(plan.prompts) >= 4 and plan.prompts[0].startswith("a zibbo cat ")


def test_a_vanished_checkpoint_is_left_out_and_said(trained: tuple[Studio, str]) -> None:
    studio, _ = trained
    run = studio.runs.start(config("hole", train={"steps": 4}))
    studio.runs.wait(run)
    damaged = studio.runs.folder(run) / "checkpoints" / "step-000002" / "trainable.safetensors"
    damaged.write_bytes(b"torn")
    found = studio.generation.selections.select(asked(run, images=4))
    assert {entry.step for entry in found.entries} == {4}
    assert any("Step 2 of “hole” was left out" in note for note in found.notes)


def test_the_chosen_checkpoint_becomes_the_file_and_the_one_before_is_kept(
    trained: tuple[Studio, str],
) -> None:
    studio, run = trained
    found = studio.generation.selections.select(asked(run))
    (before,) = studio.runs.files(studio.runs.state(run))
    old = before.read_bytes()
    choice = next(e for e in found.entries if (e.step, e.strength) == (4, 0.5))
    chosen = selections.Chosen(run=run, step=4, strength=0.5)
    made = studio.generation.selections.write(found.id, chosen)
    assert made.files == (before,) and before.read_bytes() != old
    assert [path.read_bytes() for path in made.kept] == [old] and "first-6" in made.kept[0].name
    tensors, metadata = safetensors_file.read_tensors(before)
    assert (
        metadata["ss_steps"] == "4" and "strength 0.5 written in" in metadata["ss_training_comment"]
    )
    with studio.runtime.lock.hold("test"):
        from studio.runs.checkpoint_files import adapter_of

        plain, _ = safetensors_file.read_tensors(adapter_of(run, "4", studio.runs, studio.runtime))
    ups = [name for name in tensors if "lora_up" in name]
    for name in ups:
        assert (tensors[name] - plain[name] * 0.5).abs().max() <= 1e-3 * plain[name].abs().max()
    assert read_selection(studio.generation.selections.folder(found.id)).written == chosen
    assert "now that of step 4" in made.said and choice.step == 4
    view = studio.runs.view(run)
    assert view.state.state == "finished" and view.state.files == (str(before),)


def test_checkpoints_of_whole_models_race_and_one_becomes_the_model(
    trained: tuple[Studio, str],
) -> None:
    studio, _ = trained
    run = studio.runs.start(config("whole", method="dreambooth"))
    assert studio.runs.wait(run).state == "finished"
    bases = studio.workspace.bases
    before = (bases / "whole" / "whole.safetensors").read_bytes()
    found = studio.generation.selections.select(asked(run, images=4, strengths=[0.5]))
    assert found.complete and {entry.step for entry in found.entries} == {2, 4}
    images = studio.generation.comparisons.one(found.id)
    cells = {c.column: (Path(images.folder) / c.file).read_bytes() for c in images.cells}
    assert len(set(cells.values())) == 3, "the base and both checkpoints differ"
    made = studio.generation.selections.write(
        found.id, selections.Chosen(run=run, step=2, strength=0.5)
    )
    assert made.files == (bases / "whole" / "whole.safetensors",)
    assert (bases / "whole-4" / "whole-4.safetensors").read_bytes() == before
    assert made.files[0].read_bytes() != before and "“whole-4”" in made.said


def test_a_strength_that_a_file_cannot_hold_is_said(trained: tuple[Studio, str]) -> None:
    studio, _ = trained
    run = studio.runs.start(config("mood", method="aesthetic"))
    assert studio.runs.wait(run).state == "finished"
    found = studio.generation.selections.select(asked(run, images=4, checkpoints=[2]))
    made = studio.generation.selections.write(
        found.id, selections.Chosen(run=run, step=2, strength=0.5)
    )
    assert "cannot hold a strength" in made.said and "Set the strength 0.5" in made.said
    assert {path.suffix for path in made.kept} == {".safetensors", ".pt"}


def test_the_command_races_and_writes(
    trained: tuple[Studio, str], capsys: pytest.CaptureFixture[str]
) -> None:
    studio, run = trained
    arguments = [
        "compare", "--checkpoints", run, "--strengths", "0.5,1", "--workspace",
        str(studio.workspace.root), "--set", "images=8", "--set", "steps=2",
    ]  # fmt: skip
    assert cli.main([*arguments, "--json", "--write"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["recommended"]["run"] == run and said["wrote"]["files"]
    assert cli.main(arguments) == 0
    out = capsys.readouterr().out
    assert "of the full grid" in out and "← recommended" in out
    assert (
        cli.main(["compare", "--checkpoints", "nobody", "--workspace", str(studio.workspace.root)])
        == 2
    )


def test_a_damaged_record_says_so(trained: tuple[Studio, str]) -> None:
    studio, run = trained
    found = studio.generation.selections.select(asked(run, **SMALL))
    folder = studio.generation.selections.folder(found.id)
    (folder / SELECTION_FILE).write_text('{"entries": [{"run": 5}], "limits": 3, "alike": null}')
    assert read_selection(folder).entries == ()
    (folder / SELECTION_FILE).write_text("[")
    with pytest.raises(MissingError, match="no choice among checkpoints"):
        read_selection(folder)
