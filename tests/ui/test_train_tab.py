"""The Train tab's Python side: the form's draft, its configuration, and what a page sees of a run."""

from __future__ import annotations

import errno
import html
import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from PIL import Image

from studio.app import Studio
from studio.core.paths import Workspace
from studio.library import presets
from studio.library.presets import to_toml
from studio.methods import METHODS
from studio.ui import app
from studio.ui.live import endpoint
from tests import failpoint


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
    review = tab.call(
        "reviewed",
        *tab.values(
            "reviewed", cs_train_pick=chosen, train_steps=77, name="kept",
            options_textual_inversion_vectors=9,
        ),
    )  # fmt: skip
    assert review["facts"]["images"] == 3
    again = Tab(tab.studio)
    restored = again.call("restored")
    assert restored[0] == chosen
    assert 77 in restored
    assert "kept" in restored
    assert 9 in restored


def test_an_empty_number_does_not_cost_what_is_typed_meanwhile(tab: Tab) -> None:
    for steps, name in ((77, "before"), (None, "after")):
        tab.call("reviewed", *tab.values("reviewed", train_steps=steps, name=name))
    restored = Tab(tab.studio).call("restored")
    assert "after" in restored and "before" not in restored


def test_a_damaged_draft_is_no_obstacle(tab: Tab) -> None:
    draft = tab.studio.workspace.cache / "train-form.json"
    for text in ("", "[]", "{}", '{"pick": 3}', '{"pick": {}, "values": {"train": {"steps": -1}}}'):
        draft.write_text(text)
        assert tab.call("restored")[0]["method"] == "lora"


def test_a_draft_that_cannot_be_kept_is_said(tab: Tab, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(operation: str, path: Path) -> None:
        if path.name == "train-form.json":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(failpoint, "reached", full)
    review = tab.call("reviewed", *tab.values("reviewed", cs_train_pick=pick(tab)))
    assert any("disk is full" in warning for warning in review["warnings"])


def test_a_newcomer_finds_the_preset_of_the_base_that_ships(tab: Tab) -> None:
    assert tab.call("restored")[0]["preset"] == "starter-lora"
    fresh = Tab(tab.studio)  # without asking: nothing was kept, so nothing is put back
    wanted = presets.config_from("starter-lora")
    assert fresh.part("cs-train-pick").value["preset"] == "starter-lora"
    assert fresh.part("cs-field-train-steps").value == wanted.train.steps
    assert fresh.part("cs-field-options-lora-rank").value == wanted.options["rank"]


def test_the_page_listens_to_what_it_cannot_hear_by_itself_only(tab: Tab) -> None:
    """What is typed is told by one event of the form; each field that Python listened to would make
    every page slower."""
    listened = [key for one in tab.demo.config["dependencies"] for key, _ in one["targets"] if key]
    fields = {
        key: block for key, block in tab.demo.blocks.items()
        if "cs-field" in (getattr(block, "elem_classes", None) or [])
    }  # fmt: skip
    typed = [key for key, block in fields.items() if not isinstance(block, gr.Dropdown)]
    assert len(typed) > 90 and len(set(typed) & set(listened)) <= 4, "sizes and a style's name"
    loads = [
        one
        for one in tab.demo.config["dependencies"]
        for _, event in one["targets"]
        if event == "load"
    ]
    assert loads == [], "forms are put back when they are first shown"


def refused(tab: Tab, sent: Any) -> Any:
    """What is answered beside the button when nothing was started."""
    before = len(tab.studio.runs.all())
    _, review, told = tab.call("started", *tab.values("started", cs_train_pick=sent))
    assert review["errors"] == told["errors"] and not told["run"]
    assert len(tab.studio.runs.all()) == before
    return told


def test_nothing_starts_without_images(tab: Tab) -> None:
    told = refused(tab, pick(tab, dataset=""))
    assert "No dataset is chosen" in told["errors"][0]
    assert list(told["about"].values()) == ["data.folder"]


def test_several_wrong_settings_are_each_at_their_field(tab: Tab) -> None:
    values = {"train_steps": 0, "train_batch_size": 0}
    review = tab.call("reviewed", *tab.values("reviewed", cs_train_pick=pick(tab), **values))
    assert sorted(review["about"].values()) == ["train.batch_size", "train.steps"]
    assert "“Train steps” (train.steps) cannot be 0: it must be at least 1" in review["errors"]
    empty = tab.call("reviewed", *tab.values("reviewed", cs_train_pick=pick(tab), train_steps=None))
    assert list(empty["about"].values()) == ["train.steps"]
    rank = {"options_lora_rank": 0}
    review = tab.call("reviewed", *tab.values("reviewed", cs_train_pick=pick(tab), **rank))
    assert list(review["about"].values()) == ["options-lora.rank"]


def test_words_belong_to_the_dataset_they_were_typed_for(tab: Tab) -> None:
    other = tab.studio.workspace.datasets / "other"
    other.mkdir(exist_ok=True)
    Image.new("RGB", (32, 32)).save(other / "1.png")

    def words(dataset: str) -> list[str]:
        return list(tab.call("followed", event(token="t"), pick(tab, dataset=dataset))[1:])

    mine = pick(tab)["dataset"]
    assert words(mine) == ["", ""]
    values = tab.values("reviewed", cs_train_pick=pick(tab), data_trigger="blorp", name="first")
    tab.call("reviewed", *values)
    assert words(str(other)) == ["", ""], "another dataset's word is not taken along"
    assert words(mine) == ["first", "blorp"]
    tab.call("reviewed", *tab.values("reviewed", cs_train_pick=pick(tab), data_trigger="", name=""))
    assert words(mine) == ["", ""]


@pytest.mark.parametrize(
    "sent", [None, [], {}, {"dataset": 1}, {"dataset": "/etc", "base": "", "method": "lora"}]
)
def test_hostile_choices_are_refused(tab: Tab, sent: Any) -> None:
    assert refused(tab, sent)["errors"]


def test_a_preset_fills_the_form_but_not_the_name(tab: Tab) -> None:
    chosen = pick(tab, preset="starter-lora")
    sent = tab.values("filled", cs_train_pick=chosen, name="mine", data_trigger="zorp")
    arrived, *contents = tab.call("filled", event(token="7"), *sent)
    assert arrived.props["filled"] == "7", "the page waits for this one"
    steps = presets.config_from("starter-lora").train.steps
    assert {"mine", "zorp", steps} <= {v for v in contents if isinstance(v, str | int)}


def make_run(studio: Studio, *changes: str) -> str:
    folder = studio.workspace.new_run_folder("seen")
    config = presets.config_from(
        None, {"name": "seen", "data": {"folder": "/images/mine"}}, [*changes]
    )
    (folder / "config.toml").write_text(to_toml(config))
    file = studio.workspace.adapters / "seen.safetensors"
    file.write_bytes(b"12345")
    state = {"run": folder.name, "state": "finished", "step": 2, "steps": 2, "files": [str(file)],
             "method": config.method, "base": config.base, "name": "seen", "seconds": 4.0}  # fmt: skip
    (folder / "state.json").write_text(json.dumps(state))
    events = [
        {"t": 1.0, "kind": "step", "step": 1, "loss": 0.5, "lr": 1e-4},
        {"t": 2.0, "kind": "sample", "step": 1, "images": ["samples/step-000001/0.png"],
         "prompts": ["a zorp"]},
        {"t": 2.5, "kind": "sample", "step": 1, "images": ["../../secret.png"], "prompts": ["x"]},
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
    assert first["events"][0]["images"][0].endswith(f"{run}/samples/step-000001/0.png")
    assert first["events"][1]["images"] == [""], "a path out of the run's folder was passed on"
    rest = view({"run": run, "since": first["next"]})["data"]
    assert rest["steps"] == rest["events"] == []
    assert "config" not in rest


@pytest.mark.parametrize("run", ["", "..", "../datasets", "/etc", "nothing"])
def test_only_runs_are_seen(tab: Tab, run: str) -> None:
    for name in ("view", "command", "resume", "delete", "reorder", "difference"):
        argument = {"run": run, "since": 0, "command": "stop", "place": 0, "runs": [run, run]}
        answer = getattr(tab.part("cs-runs"), name)(argument)
        assert answer["ok"] is False
        assert answer["error"]["what"]


@pytest.mark.parametrize("runs", [None, [], ["a"], [1, 2], ["a", "b", "c"]])
def test_a_difference_is_between_two_runs(tab: Tab, runs: Any) -> None:
    assert tab.part("cs-runs").difference({"runs": runs})["ok"] is False


def test_two_runs_are_told_apart_with_the_labels_of_the_form(tab: Tab) -> None:
    pair = [make_run(tab.studio), make_run(tab.studio, "train.steps=9", "options.rank=2")]
    found = tab.part("cs-runs").difference({"runs": pair})["data"]
    told = {entry["label"]: entry["values"] for entry in found["settings"]}
    steps = presets.config_from(None).train.steps
    assert told == {"Train steps": [steps, 9], "Rank": [8, 2]}
    assert found["names"] == ["seen", "seen"]
    assert found["figures"][0]["seconds_per_step"] == 2.0


def test_the_switch_for_failures_is_kept(tab: Tab) -> None:
    part = tab.part("cs-runs")
    for value in (False, True):
        assert part.policy({"continue_on_error": value})["ok"]
        assert part.runs(None)["data"]["queue"]["continue_on_error"] is value
    assert part.policy({"continue_on_error": "no"})["ok"] is False


def test_every_method_is_a_card_with_a_drawing_of_its_own(tab: Tab) -> None:
    choices = tab.part("cs-train-pick").choices(None)["data"]
    cards = {card["name"]: card for card in choices["methods"]}
    assert set(cards) == set(METHODS)
    assert all(card["drawing"].startswith("<svg") for card in cards.values())
    assert len({card["drawing"] for card in cards.values()}) == len(METHODS), "two look the same"
    for card in cards.values():
        assert 'class="taught"' in card["drawing"], "it does not show what is trained"
        assert "script" not in card["drawing"]


def test_cards_say_what_past_runs_took(tab: Tab) -> None:
    choices = tab.part("cs-train-pick").choices

    def seen(method: str) -> Any:
        return next(m for m in choices(None)["data"]["methods"] if m["name"] == method)["seen"]

    before = seen("lora").get("starter", {}).get("runs", 0)
    make_run(tab.studio)
    assert seen("lora")["starter"]["runs"] == before + 1
    assert seen("lora")["starter"]["seconds"] == 4.0
    assert seen("lora")["starter"]["bytes"] == 5
    assert seen("textual-inversion") == {}, "a number was invented"


def test_the_form_is_compared_with_the_preset(tab: Tab) -> None:
    reference = tab.part("cs-form-tools").reference
    found = reference({"method": "lora", "preset": "starter-lora"})["data"]
    config = presets.config_from("starter-lora")
    assert found["train.steps"] == str(config.train.steps)
    assert found["options-lora.rank"] == str(config.options["rank"])
    assert found["options-lora.text_encoder"] == "false", "as the page's switches show it"
    assert not [key for key in found if key.startswith("options-hyper")]
    assert not {"name", "data.trigger"} & set(found), "what the person types is never marked"
    usual = reference({"method": "lora", "preset": ""})["data"]
    assert usual["train.steps"] == str(presets.config_from(None).train.steps)
    assert reference({"method": "lora", "preset": "nothing"})["ok"] is False


def test_one_setting_goes_back_to_the_preset(tab: Tab) -> None:
    chosen = pick(tab, preset="starter-lora")
    contents = tab.call("reset", chosen, event(keys=["train.steps"]))
    changed = [value for value in contents if not _skipped(value)]
    assert changed == [presets.config_from("starter-lora").train.steps]
    with pytest.raises(gr.Error):
        tab.call("reset", chosen, event(keys="train.steps"))


def stated(studio: Studio, name: str, **metadata: str) -> str:
    """A LoRA with one layer and what a trainer wrote about it; its path."""
    layer = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q"
    down = {"dtype": "F32", "shape": [2, 8], "data_offsets": [0, 64]}
    up = {"dtype": "F32", "shape": [8, 2], "data_offsets": [64, 128]}
    header = json.dumps(
        {
            "__metadata__": metadata,
            f"{layer}.lora_down.weight": down,
            f"{layer}.lora_up.weight": up,
        }
    ).encode()
    path = studio.workspace.adapters / f"{name}.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(128))
    return str(path)


def test_the_settings_of_a_file_fill_the_form(tab: Tab, monkeypatch: pytest.MonkeyPatch) -> None:
    file = stated(
        tab.studio, "foreign", ss_network_module="networks.lora", ss_network_dim="13",
        ss_network_alpha="7", ss_unet_lr="0.0042", ss_steps="1234", ss_max_train_steps="1234",
    )  # fmt: skip
    told: list[str] = []
    monkeypatch.setattr(gr, "Warning", told.append)
    contents = tab.call("likened", pick(tab, method="textual-inversion"), event(file=file))
    assert contents[0]["method"] == "lora"
    assert contents[0]["preset"] == ""
    assert {13, 7.0, 0.0042, 1234} <= {v for v in contents if isinstance(v, int | float)}
    assert told == [html.escape(note) for note in tab.studio.library.config_like(file).notes]
    files = tab.part("cs-train-pick").files(None)["data"]
    assert "foreign" in [entry["name"] for entry in files]
    silent = stated(tab.studio, "silent")
    for wrong, said in ((silent, "does not say how"), ("/etc/passwd", "outside the folders")):
        with pytest.raises(gr.Error, match=said):
            tab.call("likened", pick(tab), event(file=wrong))


def event(**data: Any) -> Any:
    """What a browser's event carries."""
    return SimpleNamespace(_data=data)


def _skipped(value: Any) -> bool:
    return isinstance(value, dict) and value.get("__type__") == "update" and len(value) == 1


@pytest.mark.parametrize("name", ["cloned", "filled", "reset", "likened"])
def test_refusals_of_actions_reach_the_page(tab: Tab, name: str) -> None:
    """Only what goes through the queue can show its error in the page."""
    assert tab.functions[name].queue is True


def test_the_settings_of_a_run_fill_the_form(tab: Tab) -> None:
    run = make_run(tab.studio, "train.steps=4321")
    contents = tab.call("cloned", pick(tab, preset="starter-lora"), event(run=run))
    assert contents[0]["preset"] == ""
    assert contents[0]["dataset"] == "", "a folder that is gone was chosen"
    assert 4321 in contents
    with pytest.raises(gr.Error, match="no such run"):
        tab.call("cloned", pick(tab), event(run="../etc"))


def test_numbers_that_json_does_not_have_are_left_out() -> None:
    answer = endpoint(lambda argument: {"a": [float("inf"), (1.5, float("nan"))]})()
    assert answer["data"] == {"a": [None, [1.5, None]]}
