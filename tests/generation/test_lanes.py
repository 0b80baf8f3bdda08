"""Lanes: the same noise in each, one turn on the device, what is left when it is stopped; and
what one file of a stack does to an image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from studio import cli
from studio.app import Studio
from studio.commands import generate
from studio.core.errors import InputError, Interrupted, SettingsError
from studio.families.loading import load_base
from studio.formats.images import read_parameters
from studio.generation.records import GeneratedLane
from studio.infer import infotext
from studio.settings.generation import CompareSettings
from studio.settings.lanes import LanesSettings
from studio.settings.training import GenerateSettings
from tests.tiny import make_tiny_sdxl, write_tiny_embedding, write_tiny_lora

COMMON: dict[str, Any] = {
    "base": "tiny", "prompt": "a red cat", "count": 2, "steps": 2, "seed": 5, "device": "cpu",
}  # fmt: skip


@pytest.fixture
def adapter(studio: Studio) -> Path:
    base = load_base(studio.workspace.bases / "tiny", "cpu")
    return write_tiny_lora(studio.workspace.adapters / "korvu.safetensors", base)


def item(path: Path, **changes: Any) -> dict[str, Any]:
    return {"path": str(path), **changes}


def pixels(path: Path) -> bytes:
    with Image.open(path) as image:
        return image.tobytes()


def test_lanes_share_their_noise_and_carry_their_own_settings(
    studio: Studio, adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = LanesSettings.parse(
        {
            "common": COMMON,
            "lanes": [
                {"name": "base"},
                {"name": "korvu", "stack": [item(adapter, strength=0.5)]},
                {"name": "dog", "prompt": "a dog", "stack": [item(adapter)]},
            ],
        }
    )
    holds: list[str] = []
    hold = studio.runtime.lock.hold

    def counted(name: str, **options: bool) -> Any:
        holds.append(name)
        return hold(name, **options)

    monkeypatch.setattr(studio.runtime.lock, "hold", counted)
    seen: list[tuple[int, int, str]] = []
    heard: list[GeneratedLane] = []
    made = studio.generation.generate_lanes(
        settings, lambda *step: seen.append(step), None, heard.append
    )
    assert heard == made
    assert holds == ["generating"]
    assert [lane.name for lane in made] == ["base", "korvu", "dog"]
    assert [lane.prompt for lane in made] == ["a red cat", "a red cat", "a dog"]
    assert [done for done, _, _ in seen] == sorted(done for done, _, _ in seen)
    assert seen[-1][:2] == (6, 6)
    for (_, own), lane in zip(settings.batches(), made, strict=True):
        alone = studio.generation.generate(own)
        for together, single in zip(lane.batch.images, alone.images, strict=True):
            assert together.seed == single.seed
            assert pixels(together.path) == pixels(single.path)
    text = read_parameters(made[2].batch.images[1].path)
    assert text is not None
    found = infotext.read(text)
    assert (found["prompt"], found["seed"]) == ("a dog", 6)
    assert [entry["path"] for entry in found["stack"]] == ["korvu.safetensors"]
    columns = {pixels(lane.batch.images[0].path) for lane in made}
    assert len(columns) == 3


def test_lanes_from_the_terminal(
    studio: Studio, adapter: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = [
        "generate", "a red cat", "--workspace", str(studio.workspace.root), "--base", "tiny",
        "--count", "1", "--set", "steps=2", "--set", "device=cpu",
        "--lane", "plain=", "--lane", "half=korvu:0.5;a dog", "--json",
    ]  # fmt: skip
    assert generate.run(cli.parse(typed)) == 0
    plain, half = json.loads(capsys.readouterr().out)["lanes"]
    assert (plain["name"], plain["adapters"]) == ("plain", [])
    assert (half["name"], len(half["adapters"])) == ("half", 1)
    assert half["images"][0]["prompt"] == "a dog"
    assert plain["images"][0]["seed"] == half["images"][0]["seed"] == 1


def test_stopped_lanes_keep_what_was_finished(studio: Studio) -> None:
    settings = LanesSettings.parse({"common": COMMON, "lanes": [{}, {}, {}]})
    done: list[int] = []
    made = studio.generation.generate_lanes(
        settings, lambda step, total, text: done.append(step), lambda: bool(done) and done[-1] >= 3
    )
    assert [lane.name for lane in made] == ["Lane 1"]
    assert all(image.path.is_file() for image in made[0].batch.images)
    with pytest.raises(Interrupted):
        studio.generation.generate_lanes(settings, None, lambda: True)


def test_lanes_have_different_names_and_at_least_one_at_most_six() -> None:
    lanes = LanesSettings.parse({"lanes": [{"name": "a"}, {"name": "a"}, {"name": " "}]}).lanes
    assert [lane.name for lane in lanes] == ["a", "a 2", "Lane 3"]
    for count in (0, 7):
        with pytest.raises(SettingsError, match="lanes"):
            LanesSettings.parse({"lanes": [{}] * count})


def test_the_shared_stack_comes_first_in_every_lane() -> None:
    settings = LanesSettings.parse(
        {"common": {"stack": [{"path": "all"}]}, "lanes": [{"stack": [{"path": "own"}]}, {}]}
    )
    stacks = [[entry.path for entry in own.stack] for _, own in settings.batches()]
    assert stacks == [["all", "own"], ["all"]]


def test_the_effect_of_a_file_is_the_mean_difference_of_pixels(
    studio: Studio, adapter: Path
) -> None:
    import numpy as np

    settings = GenerateSettings.parse(COMMON | {"stack": [item(adapter, enabled=False)]})
    found = studio.generation.effect(settings, 0)
    with_it, without = (
        studio.generation.generate(settings.model_copy(update={"stack": stack, "count": 1}))
        .images[0]
        .path
        for stack in ([settings.stack[0].model_copy(update={"enabled": True})], [])
    )
    arrays = [np.asarray(Image.open(path), np.float32) for path in (with_it, without)]
    assert found.difference == pytest.approx(np.abs(arrays[0] - arrays[1]).mean() / 255)
    assert found.difference and found.difference > 0.001
    assert found.reason == ""
    assert len(found.layers["fits"]) > 4 and not found.layers["missing"]
    with pytest.raises(InputError, match="no such file"):
        studio.generation.effect(settings, 1)


def test_no_effect_says_why(studio: Studio, adapter: Path) -> None:
    base = load_base(studio.workspace.bases / "tiny", "cpu")
    word = write_tiny_embedding(studio.workspace.adapters / "grumf.safetensors", base)
    stack = [item(adapter, strength=0.0), item(word)]
    settings = GenerateSettings.parse(COMMON | {"stack": stack})
    none = studio.generation.effect(settings, 0)
    assert (none.difference, none.reason) == (0.0, "Its strength is 0.")
    silent = studio.generation.effect(settings, 1)
    assert silent.difference == 0
    assert "grumf" in silent.reason
    spoken = settings.model_copy(update={"prompt": "a grumf"})
    assert studio.generation.effect(spoken, 1).difference


def test_a_file_for_another_base_is_taken_apart_layer_by_layer(studio: Studio) -> None:
    large = load_base(make_tiny_sdxl(studio.workspace.bases / "xl"), "cpu")
    path = write_tiny_lora(studio.workspace.adapters / "forxl.safetensors", large)
    found = studio.generation.effect(GenerateSettings.parse(COMMON | {"stack": [item(path)]}), 0)
    assert found.difference is None
    assert "SDXL" in found.reason and "SD 1.x" in found.reason
    layers = found.layers
    assert layers["missing"] and layers["fits"] and layers["size"]
    assert "in the base" in layers["size"][0]


def test_a_lane_of_a_batch_and_a_column_of_a_comparison_are_one_thing() -> None:
    known = {"name": "a", "stack": [{"path": "x.safetensors", "strength": 0.5}]}
    column = CompareSettings.parse({"columns": [{**known, "seconds": 3.0}, {}]}).columns
    lane = LanesSettings.parse({"lanes": [{**known, "prompt": "a fox"}]}).lanes[0]
    assert type(column[0]) is type(lane) and column[0].stack == lane.stack
    assert [one.name for one in column] == ["a", "Column 2"]
    with pytest.raises(SettingsError, match="same prompts"):
        CompareSettings.parse({"columns": [{**known, "prompt": "a fox"}]})
    with pytest.raises(SettingsError, match="60 letters"):
        LanesSettings.parse({"lanes": [{"name": "x" * 61}]})
    assert CompareSettings.parse({"columns": [{"name": "x" * 61}]}).columns[0].name == "x" * 61
