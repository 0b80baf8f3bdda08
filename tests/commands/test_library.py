"""`library`: what a person or a script sees of it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio import cli
from studio.core.paths import Workspace
from tests.hub_server import NAME, serving_hub
from tests.library.test_index import write
from tests.tiny import make_tiny_sd1


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


def test_bases_are_added_listed_and_forgotten(
    library: Any, workspace: Path, tmp_path: Path
) -> None:
    mine = make_tiny_sd1(tmp_path / "mine")
    code, out, _ = library("add", str(mine))
    assert code == 0 and out.startswith("mine · SD 1.x")
    found = json.loads(library("bases", "--json")[1])
    assert [base["name"] for base in found] == ["starter", "mine"]
    assert found[1]["path"] == str(mine) and found[1]["problems"] == []
    assert "mine" in library("bases")[1]
    code, out, _ = library("forget", "mine")
    assert code == 0 and "its files are where they were" in out and mine.is_dir()
    for arguments, said in (
        (["add"], "No base is named"),
        (["add", str(tmp_path / "nothing")], "There is no base model"),
        (["add", str(mine / "unet")], "not a base model"),
        (["forget", "mine"], "was added from elsewhere"),
    ):
        code, out, err = library(*arguments)
        assert (code, out) == (2, "") and said in err


def test_a_base_of_the_hub_is_downloaded_once(library: Any, tmp_path: Path) -> None:
    with serving_hub(make_tiny_sd1(tmp_path / "source"), tmp_path / "hub") as server:
        code, out, err = library("add", NAME)
        assert code == 0 and out.startswith(f"{NAME} · SD 1.x")
        assert "Licence: openrail++" in err and "(100 %)" in err
        server.asked.clear()
        assert library("add", NAME)[0] == 0 and server.asked == []
        assert NAME in library("bases")[1]
        server.status = 404
        code, out, err = library("add", "somebody/nothing")
        assert (code, out) == (2, "") and "does not know this name" in err


def test_images_are_listed_searched_marked_and_thrown_away(library: Any, workspace: Path) -> None:
    day = Workspace(workspace).outputs / "2026-01-31"
    day.mkdir()
    for number, prompt in enumerate(("a red cat", "a blue fox")):
        info = PngInfo()
        info.add_text(
            "parameters",
            f"{prompt}\nSteps: 2, Seed: {number + 7}, Model: tiny, Version: Concept Studio",
        )
        Image.new("RGB", (8, 8)).save(day / f"{number}.png", pnginfo=info)
        os.utime(day / f"{number}.png", (number + 1e9, number + 1e9))
    code, out, _ = library("images")
    assert code == 0
    assert [line.split()[-1] for line in out.splitlines()] == ["fox", "cat"], "newest first"
    (one,) = json.loads(library("images", "cat", "--json")[1])
    assert (one["image"], one["seed"], one["base"]) == ("2026-01-31/0.png", 7, "tiny")
    assert "is a favourite" in library("star", one["path"])[1]
    assert [f["image"] for f in json.loads(library("images", "--favourites", "--json")[1])] == [
        one["image"]
    ]
    assert library("images", "cat")[1].startswith("★")
    assert library("unstar", one["image"])[0] == 0
    assert json.loads(library("images", "--favourites", "--json")[1]) == []
    code, out, _ = library("trash", one["image"])
    assert code == 0 and not Path(one["path"]).exists() and "library restore 0.png" in out
    assert library("images", "--trash")[1].strip() == "0.png"
    assert library("restore", "0.png")[1].strip() == one["image"]
    assert Path(one["path"]).is_file()
    assert library("star", "2026-01-31/none.png")[0] == 2


def test_an_entry_is_starred_too(library: Any, workspace: Path) -> None:
    write(Workspace(workspace).adapters, "one", "word")
    assert library("star", "one")[0] == 0
    assert json.loads(library("list", "--json")[1])[0]["favourite"] is True
    assert library("unstar", "one")[0] == 0
    assert json.loads(library("list", "--json")[1])[0]["favourite"] is False
