"""Comparisons as the page and the command line make them: facts of runs, measuring again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from studio.app import Studio
from studio.cli import main
from studio.commands.compare import _column
from studio.compare import comparison
from studio.core.access import Access
from studio.core.errors import InputError, MissingError, SettingsError
from studio.core.paths import entries
from studio.generation.column_facts import with_facts
from studio.settings.generation import CompareSettings, Lane
from tests.workspaces import make_dataset

RUN = "20260101-000000-zibbo"


@pytest.fixture
def trained(studio: Studio) -> Path:
    """An adapter file that a run has left, without training it."""
    from studio.families.loading import load_base
    from tests.tiny import write_tiny_lora

    base = load_base(studio.workspace.bases / "tiny", "cpu")
    path = write_tiny_lora(studio.workspace.adapters / "zibbo.safetensors", base, seed=4)
    folder = studio.workspace.runs / RUN
    folder.mkdir(parents=True)
    data = json.dumps(str(studio.workspace.datasets / "zibbo"))
    (folder / "config.toml").write_text(
        f'name = "zibbo"\nmethod = "lora"\nbase = "tiny"\nseed = 7\n[data]\nfolder = {data}\n'
    )
    state = {
        "run": RUN, "name": "zibbo", "method": "lora", "base": "tiny", "state": "finished",
        "step": 40, "steps": 40, "seconds": 12.0, "peak_memory": 9000, "trained": {"unet": 128},
        "files": [str(path)],
    }  # fmt: skip
    (folder / "state.json").write_text(json.dumps(state))
    studio.library.note_run(path, RUN, "zibbo")
    return path


def lanes(path: Path, **more: object) -> list[Lane]:
    return [Lane.parse({"name": "mine", "stack": [{"path": str(path)}], **more})]


def test_a_column_is_told_what_its_run_knows(studio: Studio, trained: Path) -> None:
    def facts(columns: list[Lane]) -> tuple[list[Lane], list[Path]]:
        return with_facts(columns, studio.library, studio.runs)

    ((found,), folders) = facts(lanes(trained))
    assert (found.run, found.method, found.step, found.training_seed) == (RUN, "lora", 40, 7)
    assert (found.seconds, found.trainable_parameters, found.peak_memory) == (12.0, 128, 9000)
    assert folders == [studio.workspace.datasets / "zibbo"]
    ((half,), _) = facts(lanes(trained, step=10, method="mine"))
    assert (half.seconds, half.method) == (3.0, "mine"), "what a column says itself stays"
    assert facts(lanes(trained, run="20250101-000000-gone"))[1] == []
    two = Lane.parse({"stack": [{"path": str(trained)}, {"path": str(trained)}]})
    assert facts([two, Lane(name="base")]) == ([two, Lane(name="base")], [])


def test_a_comparison_knows_its_training_images_and_is_measured_again(
    studio: Studio,
    trained: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    elsewhere = studio.workspace.root / "elsewhere"
    elsewhere.mkdir()
    for place in range(2):
        Image.new("RGB", (32, 32), (90 * place, 10, 60)).save(elsewhere / f"{place}.png")
    settings = CompareSettings.parse(
        {"base": "tiny", "prompts": ["a cat"], "seeds": [1, 2], "steps": 1, "images": 3,
         "ordinary_images": 2, "reference": str(studio.workspace.datasets / "zibbo"),
         "columns": [{"name": "base"}, lanes(trained)[0].model_dump(),
                     {"name": "elsewhere", "folder": str(elsewhere)}]}
    )  # fmt: skip
    made = studio.generation.comparisons.compare(settings)
    assert made.settings["training"] == str(studio.workspace.datasets / "zibbo")
    assert made.reference.trained == 4 and made.columns[1].trainable_parameters == 128
    assert made.columns[1].measures["drift"] is not None
    assert made.columns[0].told_apart == () or "drift" not in made.columns[0].told_apart
    assert not any(text.startswith("base leaves ordinary prompts") for text in made.verdict)
    again = studio.generation.comparisons.measure_again(made.id)
    assert again.differences == made.differences
    where = ["--workspace", str(studio.workspace.root)]
    assert main(["compare", "--measure", made.id, *where]) == 0
    printed = capsys.readouterr().out
    assert "Likeness" in printed and "elsewhere" in printed and made.id in printed
    assert _column(studio, f"mine={elsewhere}") == {"name": "mine", "folder": str(elsewhere)}
    assert _column(studio, f"half={trained}:0.5")["stack"][0]["strength"] == 0.5
    assert main(["compare", "--measure", "20250101-000000-gone", *where]) == 2
    for wrong in ("", "..", "nothing here"):
        with pytest.raises(MissingError):
            studio.generation.comparisons.measure_again(wrong)
    (Path(made.folder) / "features.safetensors").unlink()
    with pytest.raises(InputError, match="cannot be measured again"):
        studio.generation.comparisons.measure_again(made.id)


def test_runs_that_were_trained_on_different_folders_are_the_reason_for_no_memorisation(
    studio: Studio, trained: Path
) -> None:
    other = make_dataset(studio.workspace.datasets / "mimbo")
    folder = studio.workspace.runs / RUN.replace("zibbo", "mimbo")
    shutil.copytree(studio.workspace.runs / RUN, folder)
    for name in ("config.toml", "state.json"):
        text = (folder / name).read_text().replace("datasets/zibbo", "datasets/mimbo")
        (folder / name).write_text(text.replace(RUN, folder.name))
    second = lanes(trained, name="second", run=folder.name)
    settings = CompareSettings.parse(
        {"base": "tiny", "prompts": ["a cat"], "seeds": [1], "steps": 1, "ordinary_images": 0,
         "columns": [one.model_dump() for one in (*lanes(trained), *second)]}
    )  # fmt: skip
    made = studio.generation.comparisons.compare(settings)
    assert made.settings["training"] == "" and made.columns[0].measures["memorised"] is None
    assert "different folders (“zibbo” and “mimbo”)" in made.lacking["training"]
    assert studio.generation.comparisons.one(made.id).lacking == made.lacking
    one = settings.model_copy(update={"training": str(other)})
    assert studio.generation.comparisons.compare(one).lacking == {}


def test_measured_again_over_a_link_copies_nothing_of_a_folder_that_nobody_may_name(
    studio: Studio, tmp_path: Path
) -> None:
    """The folder of training images stands in a file that may come from anybody."""
    owner = make_dataset(tmp_path / "owner", 3)
    settings = CompareSettings.parse(
        {"base": "tiny", "prompts": ["a cat"], "seeds": [1, 2], "steps": 1, "ordinary_images": 0,
         "columns": [{"name": "base"}], "training": str(owner)}
    )  # fmt: skip
    made = studio.generation.comparisons.compare(settings)
    copy = Path(made.folder) / "nearest" / "c0.png"
    copy.unlink()
    studio.workspace.access = Access.over_a_link()
    studio.generation.comparisons.measure_again(made.id)
    assert not copy.exists()
    studio.workspace.access = Access()
    studio.generation.comparisons.measure_again(made.id)
    assert copy.is_file()


SMALL = {"base": "tiny", "prompts": ["a cat"], "seeds": [1], "steps": 1, "ordinary_images": 0,
         "columns": [{"name": "base"}]}  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [{"prompts": ["a cat <lora:zibbo:1>"]}, {"seeds": [-1]}, {"seeds": [2**32]},
     {"reference": "gone"}, {"training": "gone"}],
)  # fmt: skip
def test_what_is_wrong_without_a_base_is_said_before_one_is_loaded(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, object]
) -> None:
    monkeypatch.setattr(studio.runtime, "base", lambda *_: pytest.fail("a base was loaded"))
    with pytest.raises(InputError):
        studio.generation.comparisons.compare(CompareSettings.parse({**SMALL, **wrong}))
    assert entries(studio.workspace.comparisons) == []


def test_a_comparison_that_cannot_begin_leaves_no_folder(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise SettingsError("The base cannot make this size")

    monkeypatch.setattr(comparison, "image_size", refused)
    with pytest.raises(SettingsError):
        studio.generation.comparisons.compare(CompareSettings.parse(SMALL))
    assert entries(studio.workspace.comparisons) == []


def test_over_a_link_a_run_trained_on_images_elsewhere_lacks_them_and_is_compared(
    studio: Studio, trained: Path, tmp_path: Path
) -> None:
    elsewhere = make_dataset(tmp_path / "elsewhere")
    config = studio.workspace.runs / RUN / "config.toml"
    inside = str(studio.workspace.datasets / "zibbo")
    config.write_text(config.read_text().replace(inside, str(elsewhere)))
    studio.workspace.access = Access.over_a_link()
    columns = [one.model_dump() for one in lanes(trained)]
    made = studio.generation.comparisons.compare(
        CompareSettings.parse({**SMALL, "columns": columns})
    )
    assert made.settings["training"] == ""
    assert made.lacking["training"].startswith("no column is of a run whose training images are")
