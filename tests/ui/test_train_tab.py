"""The Train tab's Python side: the form's draft, its configuration, and what a page sees of a run."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import gradio as gr
import pytest
from PIL import Image

from studio.config import DataSettings, RunConfig
from studio.jobs import Studio
from studio.paths import Workspace
from studio.presets import to_toml
from studio.ui import app
from studio.ui.live import endpoint


class Tab:
    """The page's functions by name, called as a browser would."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.demo = app.build(studio)
        self.functions = {
            function.name: function for function in self.demo.fns.values() if function.fn
        }

    def part(self, element: str) -> Any:
        return next(b for b in self.demo.blocks.values() if getattr(b, "elem_id", None) == element)

    def values(self, function: str, /, **changed: Any) -> list[Any]:
        """What the page would send: the inputs as they are, with some changed (by element id)."""
        found = []
        for block in self.functions[function].inputs:
            key = str(getattr(block, "elem_id", "")).removeprefix("cs-field-").replace("-", "_")
            found.append(changed.get(key, getattr(block, "value", None)))
        return found

    def call(self, name: str, *arguments: Any) -> Any:
        function: Callable[..., Any] = self.functions[name].fn
        return function(*arguments)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Tab:
    """One page for all tests: building it takes seconds."""
    studio = Studio(Workspace(tmp_path_factory.mktemp("train-tab")))
    folder = studio.workspace.datasets / "mine"
    folder.mkdir()
    for number in range(3):
        Image.new("RGB", (32, 32), (number, 0, 0)).save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text("a zorp")
    return Tab(studio)


@pytest.fixture
def tab(built: Tab) -> Tab:
    """The page as a newcomer finds it."""
    (built.studio.workspace.cache / "train-form.json").unlink(missing_ok=True)
    return built


def pick(tab: Tab, **changed: str) -> dict[str, str]:
    dataset = str(tab.studio.workspace.datasets / "mine")
    return {"dataset": dataset, "base": "starter", "method": "lora", "preset": "", **changed}


def test_what_is_typed_is_on_disk_and_comes_back(tab: Tab) -> None:
    chosen = pick(tab, method="textual-inversion")
    tab.call(
        "reviewed",
        *tab.values(
            "reviewed", cs_train_pick=chosen, train_steps=77, name="kept",
            options_textual_inversion_vectors=9,
        ),
    )  # fmt: skip
    again = Tab(tab.studio)
    restored = again.call("restored")
    assert restored[0] == chosen
    assert 77 in restored
    assert "kept" in restored
    assert 9 in restored


def test_a_damaged_draft_is_no_obstacle(tab: Tab) -> None:
    draft = tab.studio.workspace.cache / "train-form.json"
    for text in ("", "[]", "{}", '{"pick": 3}', '{"pick": {}, "values": {"train": {"steps": -1}}}'):
        draft.write_text(text)
        assert tab.call("restored")[0]["method"] == "lora"


def test_a_newcomer_finds_the_preset_of_the_base_that_ships(tab: Tab) -> None:
    assert tab.call("restored")[0]["preset"] == "starter-lora"


def test_nothing_starts_without_pictures(tab: Tab) -> None:
    with pytest.raises(gr.Error, match="No dataset is chosen"):
        tab.call("started", *tab.values("started", cs_train_pick=pick(tab, dataset="")))
    assert tab.studio.runs() == []


@pytest.mark.parametrize(
    "sent", [None, [], {}, {"dataset": 1}, {"dataset": "/etc", "base": "", "method": "lora"}]
)
def test_hostile_choices_are_refused(tab: Tab, sent: Any) -> None:
    with pytest.raises(gr.Error):
        tab.call("started", *tab.values("started", cs_train_pick=sent))


def test_a_preset_fills_the_form_but_not_the_name(tab: Tab) -> None:
    chosen = pick(tab, preset="starter-lora")
    sent = tab.values("filled", cs_train_pick=chosen, name="mine", data_trigger="zorp")
    contents = tab.call("filled", *sent)
    steps = tab.studio.config("starter-lora").train.steps
    assert {"mine", "zorp", steps} <= {v for v in contents if isinstance(v, str | int)}


def make_run(studio: Studio) -> str:
    folder = studio.workspace.new_run_folder("seen")
    config = RunConfig(name="seen", data=DataSettings(folder="/pictures/mine"))
    (folder / "config.toml").write_text(to_toml(config))
    file = studio.workspace.adapters / "seen.safetensors"
    file.write_bytes(b"12345")
    state = {"run": folder.name, "state": "finished", "step": 2, "steps": 2, "files": [str(file)]}
    (folder / "state.json").write_text(json.dumps(state))
    events = [
        {"t": 1.0, "kind": "step", "step": 1, "loss": 0.5, "lr": 1e-4},
        {"t": 2.0, "kind": "sample", "step": 1, "pictures": ["samples/step-000001/0.png"],
         "prompts": ["a zorp"]},
        {"t": 2.5, "kind": "sample", "step": 1, "pictures": ["../../secret.png"], "prompts": ["x"]},
        {"t": 3.0, "kind": "step", "step": 2, "loss": float("nan"), "lr": 1e-4},
    ]  # fmt: skip
    text = "".join(json.dumps(event) + "\n" for event in events)
    (folder / "events.jsonl").write_text(text)
    return str(folder.name)


def test_a_run_is_seen_piece_by_piece(tab: Tab) -> None:
    run = make_run(tab.studio)
    view = tab.part("cs-runs").view
    first = view({"run": run, "since": 0})["data"]
    assert first["steps"] == [[1, 0.5, 1e-4], [2, None, 1e-4]]
    assert first["dataset"] == "mine"
    assert first["state"]["files"][0]["size"] == 5
    assert first["events"][0]["pictures"][0].endswith(f"{run}/samples/step-000001/0.png")
    assert first["events"][1]["pictures"] == [""], "a path out of the run's folder was passed on"
    rest = view({"run": run, "since": first["next"]})["data"]
    assert rest["steps"] == rest["events"] == []
    assert "config" not in rest


@pytest.mark.parametrize("run", ["", "..", "../datasets", "/etc", "nothing"])
def test_only_runs_are_seen(tab: Tab, run: str) -> None:
    for name in ("view", "command", "resume", "delete"):
        argument = {"run": run, "since": 0, "command": "stop"}
        answer = getattr(tab.part("cs-runs"), name)(argument)
        assert answer["ok"] is False
        assert answer["error"]["what"]


def test_numbers_that_json_does_not_have_are_left_out() -> None:
    answer = endpoint(lambda argument: {"a": [float("inf"), (1.5, float("nan"))]})()
    assert answer["data"] == {"a": [None, [1.5, None]]}
