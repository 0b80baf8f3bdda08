"""Saved stacks: everything comes back, files are found by contents, and what is gone is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from studio import cli
from studio.app import Studio
from studio.core.errors import FileError, InputError, MissingError
from studio.core.paths import Workspace
from studio.formats import stack_file
from studio.settings.training import StackItem


@pytest.fixture
def studio(workspace: Path) -> Studio:
    return Studio(Workspace(workspace))


def adapter(studio: Studio, name: str, value: float = 0.0) -> Path:
    path = studio.workspace.adapters / f"{name}.safetensors"
    layer = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q"
    down, up = torch.full((2, 64), value), torch.full((64, 2), value)
    save_file({f"{layer}.lora_down.weight": down, f"{layer}.lora_up.weight": up}, path)
    return path


def item(path: Path, **more: Any) -> StackItem:
    return StackItem.parse({"path": str(path), **more})


def test_a_stack_comes_back_whole_and_names_no_folder(studio: Studio) -> None:
    items = [
        item(adapter(studio, "one"), strength=-0.5, text_strength=0.0, enabled=False),
        item(adapter(studio, "two", 1), start=0.25, end=0.5, blocks={"IN04": 0.5}),
        item(adapter(studio, "drei è 猫", 2), aesthetic={"steps": 7}),
    ]
    path = studio.library.stacks.save("My best / mix", items, "starter")
    assert path == studio.workspace.stacks / "My-best-mix.stack.json"
    assert str(studio.workspace.root) not in path.read_text("utf-8")
    loaded = studio.library.stacks.load(path)
    assert (loaded.items, loaded.missing, loaded.notes) == (items, [], [])
    assert (loaded.name, loaded.base) == ("My best / mix", "starter")
    assert len(stack_file.read(path).base_hash) == 64
    (listed,) = studio.library.stacks.all()
    assert (listed["name"], listed["files"]) == ("My best / mix", ["one", "two", "drei è 猫"])
    studio.library.stacks.delete("My-best-mix")
    assert studio.library.stacks.all() == []
    assert list(studio.workspace.trash.iterdir())


def test_files_are_found_by_what_is_in_them(studio: Studio) -> None:
    first, second, third = (adapter(studio, name, k) for k, name in enumerate("abc"))
    path = studio.library.stacks.save("mix", [item(first), item(second), item(third)], "starter")
    renamed = first.rename(first.with_name("renamed.safetensors"))
    second.unlink()
    adapter(studio, "c", 9)
    loaded = studio.library.stacks.load(path)
    assert [Path(one.path) for one in loaded.items] == [renamed, third]
    assert loaded.missing == ["b.safetensors"]
    assert "“a.safetensors” is called “renamed.safetensors”" in loaded.notes[0]
    assert "not the same file" in loaded.notes[1]


def test_nothing_to_save_and_no_such_stack_are_said(studio: Studio) -> None:
    one = item(adapter(studio, "one"))
    with pytest.raises(InputError, match="no name"):
        studio.library.stacks.save(" ", [one], "starter")
    with pytest.raises(InputError, match="nothing to save"):
        studio.library.stacks.save("x", [], "starter")
    studio.library.stacks.save("robots", [one], "starter")
    with pytest.raises(MissingError, match="mean “robots”"):
        studio.library.stacks.path("robot")
    Path(one.path).unlink()
    with pytest.raises(MissingError, match=r"one\.safetensors"):
        studio.library.stacks.save("x", [one], "starter")


def broken(**changes: Any) -> str:
    entry = {"file": "a", "size": 1, "sha256": "", "strength": 1.0}
    value = {"format": stack_file.FORMAT, "version": 1, "base": {}, "items": [entry | changes]}
    return json.dumps(value)


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[" * 100_000, "null", broken(strength="x"), broken(strength=1e9), broken(file=""),
     broken(file=7), broken(hop=1), broken(blocks={"NO": 1}), broken(start=2), broken(size="1"),
     broken().replace('"version": 1', '"version": 2'), broken() + " " * (2 << 20)],
)  # fmt: skip
def test_what_is_no_stack_is_refused(studio: Studio, tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.stack.json"
    path.write_text(text)
    with pytest.raises(FileError, match="not a saved stack"):
        studio.library.stacks.load(path)


def test_a_stack_cannot_name_a_file_elsewhere(studio: Studio, tmp_path: Path) -> None:
    path = tmp_path / "x.stack.json"
    path.write_text(broken(file="../../../etc/passwd"))
    assert studio.library.stacks.load(path).missing == ["passwd"]


def test_the_command_says_which_files_are_missing(studio: Studio, capsys: Any) -> None:
    one = adapter(studio, "one")
    studio.library.stacks.save("mix", [item(one)], "starter")
    one.unlink()
    command = ["generate", "a cat", "--stack", "mix", "--workspace", str(studio.workspace.root)]
    assert cli.main(command) == 2
    assert "one.safetensors" in capsys.readouterr().err
