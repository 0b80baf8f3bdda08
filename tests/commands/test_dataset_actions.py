"""The `dataset` command beside the check: losses, export and import, for people and as JSON."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from studio import cli
from studio.app import Studio
from studio.core import atomic
from studio.core.paths import ASSETS, Workspace
from studio.formats.dataset import read_dataset
from studio.library import presets
from studio.runs import dataset_record, image_losses
from studio.runs.image_losses import ImageLossRecord, LearntRow
from studio.runs.records import RunState

WRONG = "0005.png"


@pytest.fixture
def zibbo(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ASSETS / "datasets" / "zibbo", tmp_path / "zibbo"))


@pytest.fixture
def workspace(tmp_path: Path, zibbo: Path) -> Path:
    """A workspace with a run on `zibbo` that measured its images: one caption tells nothing."""
    place = Workspace(tmp_path / "w")
    run = place.new_run_folder("mine")
    config = presets.config_from("starter-lora", {"name": "mine", "data": {"folder": str(zibbo)}})
    atomic.write_text(run / "config.toml", presets.to_toml(config))
    state = RunState(run=run.name, name="mine", method="lora", base="starter", state="finished")
    atomic.write_json(run / "state.json", state.as_json())
    info = read_dataset(zibbo)
    dataset_record.write(run, dataset_record.of(info))
    rows = [
        LearntRow(
            file=item.path.name, base=(1.0,), own=(0.5,),
            others=(0.49 if item.path.name == WRONG else 0.7 + 0.001 * k,),
        )
        for k, item in enumerate(info.items)
    ]  # fmt: skip
    record = ImageLossRecord(
        run=run.name, name="mine", step=9, timesteps=(0.9,), images=12, rows=tuple(rows)
    )
    image_losses.write(run, record)
    return place.root


def test_the_losses_of_a_run_for_people_and_as_json(
    workspace: Path, zibbo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = ["dataset", str(zibbo), "--workspace", str(workspace), "--losses", "latest"]
    assert cli.main(at) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "mine, step 9: 12 images measured"
    assert WRONG in lines[3] and "never learnt" in lines[3]
    assert cli.main([*at, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["rows"][0] | {"caption": ""} == {
        "file": WRONG, "caption": "", "learnt": 0.5, "worth": -0.0204, "never": True,
        "changed": False,
    }  # fmt: skip
    other = ["dataset", "korvu", *at[2:4], "--losses", found["run"]]
    assert cli.main(other) == 2
    assert "not trained on this dataset" in capsys.readouterr().err


def test_the_check_names_the_image_until_its_caption_is_mended(
    workspace: Path, zibbo: Path
) -> None:
    studio = Studio(Workspace(workspace))

    def unlearnt() -> list[str]:
        report = studio.generation.examine(zibbo, clip=False)
        found = [one for one in report.findings if one.check.name == "unlearnt"]
        return [f"{hit.files[0].name}: {hit.why}" for one in found for hit in one.hits]

    assert unlearnt() == [f"{WRONG}: by the run “mine”, step 9"]
    (zibbo / WRONG).with_suffix(".txt").write_text("a zibbo cat somewhere else\n")
    assert unlearnt() == []
    studio.close()


@pytest.mark.parametrize("kind", ["metadata", "kohya", "zip"])
def test_out_and_in_again(
    kind: str, zibbo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = ["--workspace", str(tmp_path / "w"), "--json"]
    assert cli.main(["dataset", str(zibbo), "--export", kind, str(tmp_path / "out"), *at]) == 0
    done = json.loads(capsys.readouterr().out)
    assert (done["images"], done["held_out"]) == (12, 16)
    assert cli.main(["dataset", done["path"], "--import", "back", *at]) == 0
    back = json.loads(capsys.readouterr().out)
    assert (back["images"], back["captioned"], back["left_out"]) == (12, 12, [])
    assert cli.main(["dataset", str(zibbo), "--export", kind, str(tmp_path / "out"), *at]) == 2
    assert "not overwritten" in capsys.readouterr().err
