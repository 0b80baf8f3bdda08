"""What a browser may ask of the Generate and Compare tabs, and what it gets for nonsense."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.app import Studio
from studio.core.errors import FileError, InputError, MissingError, SettingsError
from studio.core.paths import Workspace
from studio.formats.image_write import save_png
from studio.generation.records import FileReport
from studio.infer import infotext
from studio.infer.prompt import weighted
from studio.library.adapter_info import AdapterInfo
from studio.library.outputs import saved_files
from studio.runs.records import RunState, RunView, Sampled
from studio.settings.training import GenerateSettings, RunConfig
from studio.ui import theme
from studio.ui.components.bases import base_of
from studio.ui.components.column_form import seed_list
from studio.ui.components.columns import columns_of, finished_runs
from studio.ui.components.image_grid import image_facts, image_file
from studio.ui.components.last_run import last_run
from studio.ui.components.library_panel import row
from studio.ui.components.references import captions_of, references
from studio.ui.components.restored_settings import usable
from studio.ui.components.stack import cards, lanes_of, named_stack, report_facts, stack_items, take
from studio.ui.live import Page
from studio.ui.tables import tables


@pytest.fixture
def studio(workspace: Path) -> Studio:
    return Studio(Workspace(workspace))


@pytest.fixture
def adapter(studio: Studio) -> Path:
    """A file with one LoRA layer, written by its described layout."""
    layer = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q"
    shapes = {"lora_down.weight": [2, 64], "lora_up.weight": [64, 2], "alpha": []}
    header, place = {}, 0
    for name, shape in shapes.items():
        size = 4 * (shape[0] * shape[1] if shape else 1)
        header[f"{layer}.{name}"] = {
            "dtype": "F32", "shape": shape, "data_offsets": [place, place + size],
        }  # fmt: skip
        place += size
    text = json.dumps(header).encode()
    path = studio.workspace.adapters / "korvu.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(place))
    return path


def item(path: object, **changes: Any) -> dict[str, Any]:
    return {"path": str(path), "strength": 1.0, "text_strength": None, "enabled": True} | changes


def test_settings_of_an_aesthetic_embedding_come_through_or_are_refused(studio: Studio) -> None:
    path = studio.workspace.adapters / "mood.safetensors"
    header = {
        "aesthetic": {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]},
        "__metadata__": {
            "aesthetic": '{"steps": 9}',
            "modelspec.architecture": "stable-diffusion-v1",
        },
    }
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + struct.pack("<2f", 3.0, 4.0))
    (shown,) = cards(studio, Page(studio), [str(path)], "starter")
    assert (shown["kind"], shown["problem"]) == ("aesthetic", None)
    (found,) = stack_items(studio, [item(path, aesthetic={"steps": 7})])
    assert found.aesthetic == {"steps": 7}
    (plain,) = stack_items(studio, [item(path)])
    assert plain.aesthetic == {}
    for nonsense in ({"steps": 7.5}, {"steps": -1}, {"hop": 1}, [1], "x"):
        with pytest.raises(SettingsError):
            stack_items(studio, [item(path, aesthetic=nonsense)])
    ((back,), missing) = named_stack(
        studio, [{"path": "mood.safetensors", "aesthetic": {"steps": 3}}]
    )
    assert back["aesthetic"] == {"steps": 3} and missing == []


def test_a_stack_comes_back_in_order_with_absolute_paths(studio: Studio, adapter: Path) -> None:
    other = adapter.with_name("second.safetensors")
    other.write_bytes(adapter.read_bytes())
    found = stack_items(studio, [item(other, strength=-0.5), item("adapters/korvu.safetensors")])
    assert [Path(one.path) for one in found] == [other, adapter]
    assert found[0].strength == -0.5


@pytest.mark.parametrize(
    "value",
    ["no list", {"path": "x"}, [["x"]], [{}], [item("../../etc/passwd")], [item("/etc/passwd")],
     [item("adapters/x", strength="strong")], [item("adapters/x", strength=1e9)],
     [item("adapters/x") | {"html": "<b>"}], [item("a\0b")], [item("adapters/x")] * 65],
)  # fmt: skip
def test_a_hostile_stack_is_refused(studio: Studio, value: Any) -> None:
    with pytest.raises(InputError):
        stack_items(studio, value)


def test_a_whole_model_is_a_card_like_any_other(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = studio.workspace.bases / "mine" / "mine.safetensors"
    path.parent.mkdir()
    path.write_bytes(b"x")
    info = AdapterInfo("mine", path, "checkpoint", None, "sd1", 1, "", 0.0, None, None)
    monkeypatch.setattr(studio.library, "adapter", lambda asked: info)
    (card,) = cards(studio, Page(studio), [str(path)], "starter")
    assert card["kind"] == "checkpoint"
    assert card["problem"] is None
    assert [Path(one.path) for one in stack_items(studio, [item(path)])] == [path]
    kind = tables()["kinds"]["checkpoint"]
    assert (kind["title"], kind["glyph"]) == ("Checkpoint", "cube")
    assert f"--cs-{kind['colour']}:" in theme.stylesheet()


def test_lanes_come_back_checked_with_absolute_paths(studio: Studio, adapter: Path) -> None:
    sent = [
        {"name": "plain", "prompt": "", "stack": []},
        {"name": "k", "prompt": "a korvu", "stack": [item("adapters/korvu.safetensors")]},
    ]
    plain, korvu = lanes_of(studio, sent)
    assert (plain.name, plain.stack) == ("plain", [])
    assert (korvu.prompt, korvu.stack[0].path) == ("a korvu", str(adapter))


@pytest.mark.parametrize(
    "value",
    [[], "x", None, [1], [{"stack": "x"}], [{"stack": [], "html": "<b>"}], [{"name": "n" * 61}],
     [{"stack": [item("/etc/passwd")]}], [{"stack": []}] * 7],
)  # fmt: skip
def test_hostile_lanes_are_refused(studio: Studio, value: Any) -> None:
    with pytest.raises(InputError):
        lanes_of(studio, value)


def test_a_row_of_the_library_is_short_and_in_the_order_its_script_reads(
    studio: Studio, adapter: Path
) -> None:
    fields = row(studio.library.entries.entry(adapter))
    found = dict(zip(tables()["library_fields"], fields, strict=True))
    assert found["path"] == str(adapter)
    assert (found["title"], found["kind"]) == ("korvu", "lora")
    assert (found["where"], found["folder"]) == ("adapters/korvu.safetensors", "")
    assert (found["has_image"], found["problem"]) == (False, None)
    assert len(json.dumps(fields)) < 300


def test_another_tab_may_ask_for_a_base(studio: Studio) -> None:
    assert base_of(studio, {"base": "starter"}).value == "starter"
    with pytest.raises(MissingError, match="not in the list"):
        base_of(studio, {"base": "/etc"})


def test_a_file_that_is_gone_is_named_unless_it_is_switched_off(studio: Studio) -> None:
    with pytest.raises(MissingError, match=r"gone\.safetensors"):
        stack_items(studio, [item("adapters/gone.safetensors")])
    assert stack_items(studio, [item("adapters/gone.safetensors", enabled=False)])


def test_cards_say_what_a_file_is_and_when_it_is_gone(studio: Studio, adapter: Path) -> None:
    known, gone = cards(studio, Page(studio), [str(adapter), "/etc/passwd"], "starter")
    assert (known["name"], known["kind"]) == ("korvu", "lora")
    assert known["problem"] is None
    assert gone["name"] == "passwd"
    assert "not in the library" in gone["problem"]


def test_an_image_names_its_stack_by_file_and_the_library_finds_it(
    studio: Studio, adapter: Path
) -> None:
    entries = [item("korvu.safetensors", strength=0.4), item("elsewhere.safetensors"), "nonsense"]
    found, missing = named_stack(studio, entries)
    assert [(one["path"], one["strength"]) for one in found] == [(str(adapter), 0.4)]
    assert missing == ["elsewhere.safetensors", "?"]


def test_settings_of_an_image_survive_the_round_trip(studio: Studio) -> None:
    settings = GenerateSettings(prompt="a red robot", seed=7, steps=9, sampler="Euler a")
    text = infotext.write(settings, infotext.Facts("starter", "0123456789", (64, 64)))
    path = save_png(
        studio.workspace.outputs / "2026-01-01" / "a.png", Image.new("RGB", (8, 8)), text
    )
    facts = image_facts(image_file(studio, "2026-01-01/a.png"))
    assert facts["parameters"] == text
    assert facts["settings"]["stack"] == []  # ours, so no stack means none
    assert ("Seed", "7") in facts["facts"]
    assert saved_files(studio.workspace.outputs) == [path]
    kept = usable(facts["settings"] | {"device": "cuda:9", "steps": 10**9, "unknown": 1})
    assert (kept["prompt"], kept["seed"], kept["sampler"]) == ("a red robot", 7, "Euler a")
    assert not kept.keys() & {"device", "steps", "unknown", "stack"}


def test_another_programs_image_leaves_the_stack_alone(studio: Studio) -> None:
    path = studio.workspace.outputs / "2026-01-01" / "b.png"
    text = "a cat\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 3"
    facts = image_facts(save_png(path, Image.new("RGB", (8, 8)), text))
    assert "stack" not in facts["settings"] and facts["settings"]["seed"] == 3
    plain = image_facts(save_png(path.with_name("c.png"), Image.new("RGB", (8, 8))))
    assert (plain["settings"], plain["facts"], plain["parameters"]) == ({}, [], "")


def test_a_dropped_image_of_another_program(studio: Studio, adapter: Path) -> None:
    page = Page(studio)

    def dropped(name: str, **chunks: Any) -> Any:
        info = PngInfo()
        for key, value in chunks.items():
            info.add_text(key, value if isinstance(value, str) else json.dumps(value))
        path = studio.workspace.cache / name
        with open(path, "wb") as file:
            Image.new("RGB", (8, 8)).save(file, "PNG", pnginfo=info)
        return take(studio, page, path, name, "starter")

    swarm = {"prompt": "a cat", "seed": 3, "loras": ["Korvu"], "loraweights": ["0.5"], "steps": 900}
    answer = dropped("a.png", parameters={"sui_image_params": swarm})["settings"]
    assert (answer["program"], answer["prompt"], answer["seed"]) == ("SwarmUI", "a cat", 3)
    assert "900" in answer["notes"][0]
    found, missing = named_stack(studio, answer["stack"])
    assert ([one["path"] for one in found], missing) == ([str(adapter)], [])
    with pytest.raises(FileError, match="cannot be restored") as caught:
        dropped("b.png", invokeai_graph={"nodes": {}})
    assert "InvokeAI" in (caught.value.why or "")
    with pytest.raises(FileError, match="not an adapter"):
        dropped("c.png", Software="Paint")


@pytest.mark.parametrize("identity", ["../adapters/korvu.safetensors", "/etc/passwd", "", "x.png"])
def test_only_images_below_outputs_can_be_asked_for(studio: Studio, identity: str) -> None:
    with pytest.raises(InputError):
        image_file(studio, identity)


def test_reports_say_how_many_layers_were_left_out() -> None:
    layers = [f"layer {k}" for k in range(500)]
    report = FileReport("a", "lora", 0, layers, "0 of 500 layers matched")
    facts = report_facts([report])["a"]
    assert facts["unmatched_count"] == 500
    assert len(facts["unmatched"]) == 200


def test_columns_get_names_and_checked_files(studio: Studio, adapter: Path) -> None:
    base, named = columns_of(
        studio,
        [{"name": " ", "stack": []}, {"name": "k" * 99, "stack": [item(adapter)], "seconds": 3}],
    )
    assert base.name == "Column 1"
    assert (len(named.name), named.seconds) == (60, 3)


@pytest.mark.parametrize("value", ["x", [], [1], [{"stack": [item("/etc/passwd")]}], [{}] * 13])
def test_hostile_columns_are_refused(studio: Studio, value: Any) -> None:
    with pytest.raises(InputError):
        columns_of(studio, value)


def test_seeds_are_numbers_and_ranges() -> None:
    assert seed_list("1-4, 9 9;12") == [1, 2, 3, 4, 9, 12]


@pytest.mark.parametrize("text", ["", "one", "1-", "4-1", "1-1000000000", "-3"])
def test_seeds_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        seed_list(text)


def test_the_last_run_needs_a_run(studio: Studio) -> None:
    assert finished_runs(studio) == []
    with pytest.raises(MissingError, match="no finished run"):
        last_run(studio)


def test_the_last_run_is_compared_with_the_base_on_its_own_prompts(
    studio: Studio, adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunState(
        run="r1", name="korvu", method="lora", base="starter", state="finished",
        files=(str(adapter),), seconds=83.0, step=300,
    )  # fmt: skip
    held = studio.workspace.datasets / "korvu" / "held-out"
    dataset = SimpleNamespace(name="korvu", path=held.parent, held_out=held)
    sampled = Sampled(step=1, prompts=("a korvu", "a korvu at the beach"))
    config = RunConfig.parse({"data": {"folder": "korvu"}})
    view = RunView(run, config, [sampled], 0)
    monkeypatch.setattr(studio.runs, "all", lambda: [run.changed(state="failed"), run])
    monkeypatch.setattr(studio.runs, "view", lambda identity: view)
    monkeypatch.setattr(studio.library, "datasets", lambda: [dataset])
    values = last_run(studio)
    assert [column["name"] for column in values["columns"]] == ["Base", "korvu"]
    assert values["columns"][1]["stack"][0]["path"] == str(adapter)
    assert values["prompts"] == ["a korvu", "a korvu at the beach"]
    assert values["reference"] == str(held)
    assert references(studio)[1] == ("korvu: held-out images", str(held))


def test_a_comparison_is_listed(studio: Studio) -> None:
    folder = studio.workspace.comparisons / "20260101-000000-shapes"
    folder.mkdir()
    column: dict[str, Any] = {"name": "Base", "stack": [], "seconds": None, "bytes": 0,
              "measures": {"kid": None, "image_text": 0.25}}  # fmt: skip
    comparison = {
        "id": folder.name, "name": "shapes", "base": "starter", "created": 1.0, "complete": True,
        "prompts": ["a"], "seeds": [1], "columns": [column], "cells": [], "notes": [],
        "settings": GenerateSettings().model_dump(), "seconds": 1.0, "reference": {},
    }  # fmt: skip
    (folder / "comparison.json").write_text(json.dumps(comparison))
    assert studio.generation.comparisons.listed()[0].columns == ("Base",)


def test_captions_taken_as_prompts_are_text_as_it_stands(studio: Studio) -> None:
    folder = studio.workspace.datasets / "d"
    folder.mkdir()
    for place, caption in enumerate(("a (toy),\n[red]", "plain")):
        Image.new("RGB", (8, 8)).save(folder / f"{place}.png")
        (folder / f"{place}.txt").write_text(caption)
    found = captions_of(studio, str(folder))
    assert found == [r"a \(toy\), \[red\]", "plain"]
    assert weighted(found[0]) == "a (toy), [red]"
