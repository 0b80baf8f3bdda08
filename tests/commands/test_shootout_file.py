"""The file of a shootout: several datasets, folders beside it, presets for styles."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from studio import cli
from studio.core.paths import PRESETS
from tests.generation.shootout_start import LORA
from tests.workspaces import make_dataset, make_workspace

SHOOTOUT = """
name = "both"
data = ["data/pimo", "zibbo"]
base = "tiny"
device = "cpu"
[prompts]
captions = 1
novel = 0
seeds = [1]
[sampling]
steps = 1
images = 0
ordinary_images = 0
[[entries]]
name = "one"
preset = "{0}/few.toml"
style_preset = "{0}/more.toml"
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a subject, and a file with a style in a folder beside it."""
    place = tmp_path_factory.mktemp("several")
    make_workspace(place / "w")
    style = make_dataset(place / "data" / "pimo", 4, seed=50)
    (style / "dataset.toml").write_text('trigger = "pimo style"\nkind = "style"\n')
    (place / "few.toml").write_text(LORA)
    (place / "more.toml").write_text(LORA.replace("steps = 2", "steps = 3", 1))
    (place / "both.toml").write_text(SHOOTOUT.format(place))
    return place


def asked(place: Path, *arguments: str) -> list[str]:
    return ["compare", str(place / "both.toml"), "--workspace", str(place / "w"), *arguments]


def test_each_dataset_gets_a_shootout_and_a_style_its_own_preset(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(asked(place, "--plan", "--json")) == 0
    style, subject = json.loads(capsys.readouterr().out)
    assert [one["steps"] for one in style["trainings"]] == [3]
    assert [one["steps"] for one in subject["trainings"]] == [2]
    assert cli.main(asked(place, "--plan")) == 0
    said = capsys.readouterr().out
    assert said.index("both · pimo") < said.index("both · zibbo")
    assert cli.main(asked(place)) == 0
    said = capsys.readouterr().out
    assert said.count(str(place / "w" / "comparisons")) == 2
    assert said.index("both · pimo") < said.index("both · zibbo")
    kept = [
        json.loads(file.read_text()) for file in (place / "w").glob("shootouts/*/shootout.json")
    ]
    assert {one["name"] for one in kept} == {"both · pimo", "both · zibbo"}
    assert cli.main(asked(place, "--json")) == 0, "what is finished is not trained again"
    found = json.loads(capsys.readouterr().out)
    assert [row["reused"] for one in found for row in one["shootout"]["trainings"]] == [True, True]


def test_one_dataset_keeps_the_name_and_the_answer_as_they_were(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(asked(place, "--plan", "--json", "--set", "data=zibbo")) == 0
    assert json.loads(capsys.readouterr().out)["columns"] == ["Base", "one"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("data = []", "“data” is neither a dataset nor a list of datasets"),
        ('data = ["zibbo", 3]', "“data” is neither a dataset nor a list of datasets"),
        ("data = 3", "data"),
        ('data = ["zibbo", "zibo"]', "zibo"),
    ],
)
def test_datasets_that_are_none_are_said_before_anything_starts(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, said: str
) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(SHOOTOUT.format(place).replace('data = ["data/pimo", "zibbo"]', line))
    before = sorted((place / "w" / "runs").iterdir())
    assert cli.main(["compare", str(file), "--workspace", str(place / "w")]) == 2
    told = capsys.readouterr().err
    assert said in told and "Traceback" not in told
    assert sorted((place / "w" / "runs").iterdir()) == before


def test_a_stack_has_no_preset_for_styles_either(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "stack.toml"
    extra = (
        '[[entries]]\nname = "two"\nstack = ["one", "one"]\nstyle_preset = "starter-lora-style"\n'
    )
    file.write_text(SHOOTOUT.format(place) + extra)
    assert cli.main(["compare", str(file), "--workspace", str(place / "w")]) == 2
    assert "it has no preset" in capsys.readouterr().err


def test_the_study_that_ships_can_be_planned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = str(PRESETS / "shootout-starter.toml")
    workspace = ["--workspace", str(tmp_path / "w")]
    assert cli.main(["compare", study, "--plan", "--json", *workspace]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found) == 4 and all(len(one["columns"]) == 1 + 6 * 3 for one in found)
    assert {row["seed"] for one in found for row in one["trainings"]} == {101, 102, 103}
