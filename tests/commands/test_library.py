"""`library`: what a person or a script sees of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from studio import cli
from studio.core.paths import Workspace
from tests.library.test_index import write


@pytest.fixture
def library(workspace: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """`library(…)` → (exit code, stdout, stderr)."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(["library", *arguments, "--workspace", str(workspace)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_list_tells_files_of_one_name_apart(library: Any, workspace: Path) -> None:
    adapters = Workspace(workspace).adapters
    (adapters / "deep").mkdir()
    for folder, word in ((adapters, "one"), (adapters / "deep", "two")):
        write(folder, "style", word)
    code, out, _ = library("list")
    assert code == 0
    assert [line.split("  ")[0].strip() for line in out.splitlines()] == ["", ""]
    assert "style (adapters/deep/style.safeten" in out and out.count("Embedding") == 2
    found = json.loads(library("list", "--json")[1])
    assert [one["file"] for one in found] == ["adapters/deep/style.safetensors", "adapters/style.safetensors"]  # fmt: skip
    assert found[0]["trigger"] == "two"
    code, _, err = library("trash", "style")
    assert code == 2 and "2 files" in err


def test_rename_trash_and_restore(library: Any, workspace: Path) -> None:
    path = write(Workspace(workspace).adapters, "one", "word")
    code, out, _ = library("rename", "one", "Zoë at sea", "--folder", "calendar")
    moved = path.parent / "calendar" / "Zoë at sea.safetensors"
    assert code == 0 and out.strip() == str(moved) and moved.is_file()
    assert library("rename", "Zoë at sea", "--folder", "")[0] == 0
    code, out, _ = library("trash", "Zoë at sea")
    assert code == 0 and "library restore" in out
    assert library("list")[1] == ""
    assert "Zoë at sea" in library("list", "--trash")[1]
    code, out, _ = library("restore", "Zoë at sea", "--json")
    assert code == 0 and Path(json.loads(out)["path"]).is_file()
    assert json.loads(library("list", "--trash", "--json")[1]) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rename", "nothing", "x"], "There is no adapter file “nothing”"),
        (["rename", "one"], "No new name"),
        (["rename", "one", "a/b"], "cannot be the name of a file"),
        (["trash"], "No entry is named"),
        (["restore", "nothing"], "in the trash"),
    ],
)
def test_what_cannot_be_done_is_said(
    library: Any, workspace: Path, arguments: list[str], said: str
) -> None:
    path = write(Workspace(workspace).adapters, "one", "word")
    code, out, err = library(*arguments)
    assert (code, out) == (2, "") and said in err
    assert path.is_file()


def test_columns_of_files_of_one_name_are_told_apart(workspace: Path) -> None:
    from studio.app import Studio
    from studio.commands.terminal import stack_reference

    studio = Studio(Workspace(workspace))
    (studio.workspace.adapters / "deep").mkdir()
    for folder, word in (("", "one"), ("deep", "two")):
        write(studio.workspace.adapters / folder, "style", word)
    write(studio.workspace.adapters, "other", "word")
    names = [stack_reference(studio, text)[0] for text in ("deep/style", "other", "mine=other")]
    assert names == ["adapters/deep/style.safetensors", "other", "mine"]
