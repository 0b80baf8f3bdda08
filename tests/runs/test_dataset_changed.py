"""Resuming asks when the dataset is not what it was, says precisely what differs, and only then."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from studio import cli
from studio.app import Studio
from studio.core import atomic
from studio.core.errors import DatasetChanged, DatasetError
from studio.formats.dataset import read_dataset
from studio.runs import dataset_record
from studio.settings.training import RunConfig
from studio.ui.components.run_view import run_view
from studio.ui.live import Page
from tests.runs.test_runs import reach
from tests.workspaces import make_dataset

Make = Callable[..., RunConfig]
CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "added": (lambda d: shutil.copy(d / "0.png", d / "9.png"), "1 image added: 9.png."),
    "removed": (lambda d: (d / "3.png").unlink(), "1 image removed: 3.png."),
    "content": (
        lambda d: (d / "1.png").write_bytes((d / "2.png").read_bytes()),
        "1 image with other content: 1.png.",
    ),
    "caption": (
        lambda d: (d / "1.txt").write_text("a dog"),
        "1 caption differs: 1.png (was “a zibbo cat 1”, is “a dog”).",
    ),
    "captions": (
        lambda d: [(d / f"{k}.txt").write_text("a dog") for k in (0, 2)],
        "2 captions differ: 0.png, 2.png.",
    ),
    "caption gone": (lambda d: (d / "1.txt").unlink(), "(was “a zibbo cat 1”, is empty)"),
    "mask": (lambda d: shutil.copy(d / "0.png", d / "1.mask.png"), "1 image with another mask: 1"),
    "held out": (
        lambda d: atomic.copy_file(d / "0.png", d / "held_out" / "h.png"),
        "1 image added: held_out/h.png.",
    ),
    "trigger": (
        lambda d: (d / "dataset.toml").write_text('trigger = "wobbo"\nclass_word = "cat"\n'),
        "The trigger word was “zibbo” and is “wobbo”.",
    ),
    "repeats": (
        lambda d: (d / "dataset.toml").write_text(
            'trigger = "zibbo"\nclass_word = "cat"\nrepeats = 3\n'
        ),
        "4 images counting otherwise: 0.png, 1.png, 2.png, 3.png.",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_said_precisely(tmp_path: Path, change: str) -> None:
    folder = make_dataset(tmp_path / "zibbo")
    before = dataset_record.of(read_dataset(folder))
    dataset_record.write(tmp_path, before)
    assert dataset_record.read(tmp_path) == before
    dataset_record.compare(before, dataset_record.of(read_dataset(folder)))  # nothing: no question
    make, said = CHANGES[change]
    make(folder)
    with pytest.raises(DatasetChanged) as caught:
        dataset_record.compare(before, dataset_record.of(read_dataset(folder)))
    assert said in str(caught.value.why)
    assert len(dataset_record.differences(before, dataset_record.of(read_dataset(folder)))) == 1


def test_many_changes_are_counted_and_some_named(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "zibbo", 20)
    before = dataset_record.of(read_dataset(folder))
    for number in range(12):
        (folder / f"{number}.png").unlink()
    (said,) = dataset_record.differences(before, dataset_record.of(read_dataset(folder)))
    assert (
        said
        == "12 images removed: 0.png, 1.png, 2.png, 3.png, 4.png, 5.png, 6.png, 7.png and 4 more."
    )


@pytest.mark.parametrize(
    "damage", ["[" * 100_000, "", "[]", '{"images": 3}', '{"images": {"a": 1}}']
)
def test_a_record_that_cannot_be_read_is_none(tmp_path: Path, damage: str) -> None:
    (tmp_path / dataset_record.FILE).write_text(damage)
    assert dataset_record.read(tmp_path) is None


def test_a_record_of_an_earlier_version_means_the_same(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "zibbo")
    now = dataset_record.of(read_dataset(folder))
    old = {key: value for key, value in now.as_json().items() if key != "version"}
    (tmp_path / dataset_record.FILE).write_text(json.dumps(old))
    before = dataset_record.read(tmp_path)
    assert before is not None and dataset_record.digest(before) == dataset_record.digest(now)
    content = {key: value for key, value in old.items() if key != "folder"}
    known = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    assert dataset_record.digest(now) == known, (
        "as it stands in the checkpoints of earlier versions"
    )


def stopped(studio: Studio, config: Make) -> str:
    run = studio.runs.start(config("train.steps=400", "save.every=1", "sample.every=0"))
    reach(studio, run, lambda view: view.state.last_checkpoint)
    studio.runs.command(run, "stop")
    assert studio.runs.wait(run).state == "stopped"
    settings = studio.runs.folder(run) / "config.toml"
    steps = studio.runs.view(run).state.step + 2
    settings.write_text(settings.read_text().replace("steps = 400", f"steps = {steps}"))
    return run


def test_resuming_asks_once_and_goes_on_with_what_is_there(
    studio: Studio, config: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    run = stopped(studio, config)
    folder = studio.runs.folder(run)
    before = (folder / dataset_record.FILE).read_bytes()
    (studio.workspace.datasets / "zibbo" / "1.txt").write_text("a dog")
    with pytest.raises(DatasetChanged, match=r"1 caption differs: 1\.png"):
        studio.runs.resume(run)
    assert studio.runs.view(run).state.state == "stopped" and not studio.runs.active()
    assert (folder / dataset_record.FILE).read_bytes() == before

    part: Any = run_view(studio, Page(studio))
    refused = part.resume({"run": run, "accept": False, "changes": {}})
    assert refused["error"]["kind"] == "DatasetChanged", "by this the page knows to ask"
    assert "1.png" in refused["error"]["why"]

    command = ["--workspace", str(studio.workspace.root), "train", "--resume", run]
    assert cli.main(command) == 2
    said = capsys.readouterr().err
    assert "1 caption differs: 1.png" in said and "--accept-dataset-changes" in said
    assert cli.main([*command, "--accept-dataset-changes"]) == 0
    assert "Going on with a changed dataset. 1 caption differs" in capsys.readouterr().err
    record = dataset_record.read(folder)
    assert record is not None and record.images["1.png"].caption == "a dog"


def test_nothing_changed_means_no_question(studio: Studio, config: Make) -> None:
    run = stopped(studio, config)
    (studio.workspace.datasets / "zibbo" / "notes.md").write_text("not of the dataset")
    assert studio.runs.wait(studio.runs.resume(run)).state == "finished"


def test_a_run_of_before_the_record_goes_on(studio: Studio, config: Make) -> None:
    run = stopped(studio, config)
    (studio.runs.folder(run) / dataset_record.FILE).unlink()
    (studio.workspace.datasets / "zibbo" / "1.txt").write_text("a dog")
    assert studio.runs.wait(studio.runs.resume(run)).state == "finished"


def test_a_dataset_that_is_gone_is_said_before_anything_starts(
    studio: Studio, config: Make
) -> None:
    run = stopped(studio, config)
    shutil.rmtree(studio.workspace.datasets / "zibbo")
    with pytest.raises(DatasetError):
        studio.runs.resume(run)
    assert studio.runs.view(run).state.state == "stopped"


def test_the_option_belongs_to_resume(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["--workspace", str(tmp_path), "train", "--method", "lora"]
    assert cli.main([*command, "--accept-dataset-changes"]) == 2
    assert "belongs to --resume" in capsys.readouterr().err
