"""What a browser sends for a shootout: read strictly, presets by name alone, and what it is told of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from studio.app import Studio
from studio.core.errors import StudioError
from studio.core.names import printable
from studio.core.paths import Workspace
from studio.ui.components.shootout_form import ShootoutForm
from studio.ui.live import Page
from tests.workspaces import make_dataset


@pytest.fixture
def form(tmp_path: Any) -> ShootoutForm:
    return ShootoutForm(studio := Studio(Workspace(tmp_path / "w")), Page(studio))


def sent(form: ShootoutForm, **values: Any) -> dict[str, Any]:
    zibbo = next(info for info in form.page.library.all() if info.name == "zibbo")
    entries = [{"name": "LoRA", "preset": "starter-lora", "changes": ""}]
    return {"dataset": printable(zibbo.path), "base": "starter", "entries": entries, **values}


def test_a_form_becomes_settings_and_is_kept(form: ShootoutForm) -> None:
    entries = [
        {
            "name": "LoRA, rank 2",
            "preset": "starter-lora",
            "changes": "options.rank=2\ntrain.steps=9",
        },
        {"name": "TI", "preset": "starter-textual-inversion", "changes": ""},
        {"name": "both", "stack": ["LoRA, rank 2", "TI"]},
    ]
    value = sent(
        form,
        entries=entries,
        training_seeds="1-3",
        own="one\n\n two ",
        seeds="5",
        novel=1,
        images=8,
    )
    found = form.settings(value)
    assert found.training_seeds == [1, 2, 3] and found.prompts.seeds == [5]
    assert found.prompts.own == ["one", "two"] and found.sampling.images == 8
    assert found.entries[0].change == {"options": {"rank": 2}, "train": {"steps": 9}}
    assert found.entries[2].stack == ["LoRA, rank 2", "TI"]
    plan = form.plan({"form": value})
    assert [row["name"] for row in plan["entries"]] == ["LoRA, rank 2", "TI", "both"]
    assert plan["entries"][0]["steps"] == 9 and plan["total"]["trainings"] == 6
    assert form.choices(None)["draft"] == value, "a reloaded page has it again"
    assert form.status(None) == []


def test_a_folder_on_this_machine_goes_before_the_list(form: ShootoutForm, tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "my images")
    for written in (str(folder), f' "{folder}" '):
        value = sent(form, dataset="", folder=written)
        assert form.settings(value).data == printable(folder)
    assert form.settings(sent(form, folder=str(folder))).data == printable(folder)
    assert form.settings(sent(form, folder=" ")).title == "zibbo"
    plan = form.plan({"form": value})
    assert plan["total"]["trainings"] == 1
    assert form.choices(None)["draft"] == value, "a reloaded page has it again"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"dataset": "", "folder": "/nowhere/at all"}, "There is no dataset “/nowhere/at all”"),
        ({"folder": __file__}, "There is no dataset"),
        ({"folder": ["/etc"]}, "no usable “folder”"),
        ({"dataset": ""}, "No dataset is chosen"),
        ({"dataset": "/etc"}, "not in the list"),
        ({"entries": []}, "Nothing competes"),
        ({"entries": [{"name": "x", "preset": "/etc/x.toml", "changes": ""}]}, "no preset"),
        ({"entries": [{"name": "x", "preset": "../shootout-quick", "changes": ""}]}, "no preset"),
        ({"entries": [{"name": "x", "preset": 7, "changes": ""}]}, "no usable “preset”"),
        (
            {"entries": [{"name": "x", "preset": "starter-lora", "changes": "rank"}]},
            "not an assignment",
        ),
        ({"entries": ["x"]}, "unreadable"),
        ({"entries": [{"name": "x"}] * 13}, "too many"),
        ({"training_seeds": "many"}, "not a seed"),
        ({"own": ["a"]}, "no usable “own”"),
        ({"images": "all"}, "sampling.images"),
        ({"budget": "steps"}, "needs an amount"),
        ({"amount": {}, "budget": "steps"}, "amount"),
    ],
)
def test_what_makes_no_sense_is_refused(
    form: ShootoutForm, values: dict[str, Any], said: str
) -> None:
    with pytest.raises(StudioError) as caught:
        form.settings(sent(form, **values))
    assert said in str(caught.value)
