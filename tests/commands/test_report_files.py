"""`compare --report`, `--export`, `--import`: by name or id, with words for what goes wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from studio import cli
from studio.core.paths import Workspace
from tests.compare.made import column, make

NAME = "20260101-120000-shapes"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    root = tmp_path / "workspace"
    make(Workspace(root).comparisons / NAME, [column("a"), column("b")], name="Shapes", side=8)
    return root


def run(workspace: Path, *arguments: object) -> int:
    return cli.main(["--workspace", str(workspace), "compare", *map(str, arguments)])


def test_report_export_and_import(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(workspace, "--report", "Shapes", "--out", out, "--question", "Which?") == 0
    lines = capsys.readouterr().out.split()
    assert lines == [
        str(out / name) for name in ("report.html", "report.md", "report.csv", "sheet.png")
    ]
    assert "Which?" in (out / "report.html").read_text("utf-8")
    assert run(workspace, "--export", NAME, tmp_path / "x.zip", "--json") == 0
    found: Any = json.loads(capsys.readouterr().out)
    assert found["bytes"] == (tmp_path / "x.zip").stat().st_size
    elsewhere = tmp_path / "elsewhere"
    assert run(elsewhere, "--import", tmp_path / "x.zip", "--json") == 0
    assert json.loads(capsys.readouterr().out)["id"] == NAME
    assert (elsewhere / "comparisons" / NAME / "about.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--report", "nothing"), "There is no such comparison"),
        (("--report", "../x"), "There is no such comparison"),
        (("--export", NAME, "."), "over a folder"),
        (("--import", "none.zip"), "not there"),
        (("--prompt", "a", "--out", "x"), "folder of a report"),
        (("--report", NAME, "--question", "x" * 501), "500 characters"),
    ],
)
def test_what_cannot_be_done_is_said(workspace: Path, arguments: tuple[str, ...], words: str,
                                     capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    assert run(workspace, *arguments) == 2
    told = capsys.readouterr().err
    assert any(word in told for word in words.split("|")) and "Traceback" not in told


def test_two_of_one_name_are_told_apart_by_their_folders(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(
        Workspace(workspace).comparisons / "20260102-120000-shapes",
        [column("a")],
        name="Shapes",
        side=8,
    )
    assert run(workspace, "--report", "Shapes") == 2
    assert NAME in capsys.readouterr().err
