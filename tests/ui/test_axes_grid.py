"""What a browser may ask of the grid, of block weights and of saved stacks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from studio.app import Studio
from studio.core.errors import InputError, MissingError, SettingsError
from studio.core.paths import Workspace
from studio.settings.training import GenerateSettings
from studio.ui.components.axes_grid import choices, grid_settings
from studio.ui.components.stack import take
from studio.ui.components.stack_files import check_blocks, stack_files
from studio.ui.live import Page

GENERATION = GenerateSettings(prompt="a cat")


@pytest.fixture
def studio(workspace: Path) -> Studio:
    return Studio(Workspace(workspace))


def written(**sides: Any) -> str:
    return json.dumps({"x": None, "y": None, "pages": None, "baseline": False} | sides)


def test_the_form_becomes_a_grid() -> None:
    text = written(x={"kind": "strength", "values": "0,1", "of": ""},
                   y={"kind": "prompt", "values": "a cat\na dog", "of": ""}, baseline=True)  # fmt: skip
    found = grid_settings(GENERATION, text)
    assert (found.x.values, found.baseline, found.pages) == (["0", "1"], True, None)
    assert found.y is not None and found.y.values == ["a cat", "a dog"]
    assert found.name == "strength × prompt"


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "[" * 90_000, written(), written(x=[1]), written(x={"kind": "strength"}),
     written(x={"kind": "no", "values": "1"}), written(x={"kind": "seed", "values": ""}),
     written(x={"kind": "seed", "values": ",".join("1" * 65)})],
)  # fmt: skip
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        grid_settings(GENERATION, text)


def test_a_prompt_is_needed_unless_it_varies() -> None:
    empty = GenerateSettings()
    with pytest.raises(SettingsError, match="no prompt"):
        grid_settings(empty, written(x={"kind": "seed", "values": "1,2"}))
    assert grid_settings(empty, written(x={"kind": "prompt", "values": "a\nb"})).x.values == [
        "a",
        "b",
    ]


def test_the_form_offers_what_there_is(studio: Studio) -> None:
    offered = choices(studio)
    assert "DDIM" in offered["samplers"]
    assert {one["kind"] for one in offered["kinds"]} >= {"strength", "checkpoint", "replace"}
    assert offered["runs"] == []


def test_block_weights_are_checked_against_the_base(studio: Studio) -> None:
    check = check_blocks(studio)
    assert check({"text": "in1=0.5", "base": "starter"}) == {"blocks": {"IN01": 0.5}}
    assert check({"text": " ", "base": "starter"}) == {"blocks": {}}
    count = len(studio.library.blocks("starter")) + 1
    listed = check({"text": ", ".join(["0.5"] * count), "base": "starter"})["blocks"]
    assert next(iter(listed)) == "BASE" and len(listed) == count
    for text, base, error in (("OUT40=1", "starter", SettingsError), ("1,2", "starter", SettingsError),
                              ("IN01=1", "nowhere", MissingError), (7, "starter", InputError)):  # fmt: skip
        with pytest.raises(error):
            check({"text": text, "base": base})


def test_a_stack_can_only_be_named(studio: Studio, tmp_path: Path) -> None:
    save, listed, load, delete = stack_files(studio)
    assert listed({}) == []
    for argument in ({"id": "../adapters/x"}, {"id": ""}, {"id": "x"}, {}, None):
        for ask in (load, delete):
            with pytest.raises(InputError):
                ask(argument)
    hostile: list[Any] = [[1], ["x"], [{"path": "/etc/passwd"}], [{}], [{"path": "a"}] * 65]
    for items in hostile:
        with pytest.raises(InputError):
            save({"name": "x", "items": items, "base": "starter"})
    broken = tmp_path / "x.json"
    broken.write_text("{}")
    with pytest.raises(InputError, match="not a saved stack"):
        take(studio, Page(studio), broken, "x.stack.json", "starter")
