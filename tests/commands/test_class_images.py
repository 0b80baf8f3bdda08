"""The `class-images` command: a dataset, the list of the cache, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from studio import cli
from tests.workspaces import make_workspace


def test_a_dataset_and_the_list_of_the_cache(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = make_workspace(tmp_path / "w").root
    at = ["class-images", "--workspace", str(place), "--json"]
    ask = [*at, "--base", "tiny", "--prompt", "a cat", "--prompt", "a dog", "--count", "3"]
    assert cli.main([*ask, "--output", "pets"]) == 0
    made = json.loads(capsys.readouterr().out)
    folder = Path(made["path"])
    assert made == {"path": str(place / "datasets" / "pets"), "wanted": 3, "images": 3, "made": 3}
    assert [path.read_text() for path in sorted(folder.glob("*.txt"))] == [
        "a cat\n",
        "a dog\n",
        "a cat\n",
    ]
    for wrong, said in {
        "zibbo": "holds something else", "": "No place is named", str(tmp_path): "holds something else",
    }.items():  # fmt: skip
        assert cli.main([*ask, "--output", wrong]) == 2
        assert said in capsys.readouterr().err
    assert cli.main([*ask[:-1], "0", "--output", "none"]) == 2
    assert "at least 1" in capsys.readouterr().err

    cached = place / "cache" / "class" / "0123" / "abcd"  # of an older run, which has noted no name
    shutil.copytree(folder, cached, ignore=shutil.ignore_patterns("*.t*", "00001*"))
    assert cli.main([*at, "--list"]) == 0
    (one,) = json.loads(capsys.readouterr().out)
    assert (one["id"], one["base"], one["prompt"], one["images"]) == ("abcd-0123", "", "a cat", 2)
    assert cli.main([*at[:-1], "--list"]) == 0
    assert "abcd-0123  2 " in capsys.readouterr().out
    assert cli.main([*at, "--delete", "abcd"]) == 0
    assert Path(json.loads(capsys.readouterr().out)["path"], "00000.png").is_file()
    assert cli.main([*at, "--delete", "abcd"]) == 2
    assert "no class images with this id" in capsys.readouterr().err
