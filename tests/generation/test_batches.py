"""One batch: tags in the prompt, an image to start from, and what an interruption leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from studio.app import Studio
from studio.core.errors import InputError, Interrupted, MissingError, SettingsError
from studio.core.paths import STARTER
from studio.families.base import Base
from studio.families.loading import load_base
from studio.families.part_files import base_hash
from studio.formats import safetensors_file
from studio.formats.images import read_parameters
from studio.infer import infotext
from studio.library.prompt_tags import lanes_with_tags, notes, with_tags
from studio.settings.generation import Lane
from studio.settings.lanes import LanesSettings
from studio.settings.training import GenerateSettings, StackItem
from studio.ui.components.stack import card
from studio.ui.live import Page
from tests.tiny import write_tiny_embedding, write_tiny_lora


@pytest.fixture
def base(studio: Studio) -> Base:
    return load_base(studio.workspace.bases / "tiny", "cpu")


@pytest.fixture
def lora(studio: Studio, base: Base) -> Path:
    return write_tiny_lora(
        studio.workspace.adapters / "My Korvu.safetensors", base, ("to_q", "q_proj"),
        ("unet", "text_encoder"),
    )  # fmt: skip


def settings(prompt: str = "a cat", **more: Any) -> GenerateSettings:
    values = {"base": "tiny", "device": "cpu", "steps": 2, "count": 1, "batch_size": 1}
    return GenerateSettings.parse({**values, "prompt": prompt, **more})


def generated(studio: Studio, *arguments: Any, **more: Any) -> np.ndarray:
    made = studio.generation.generate(settings(*arguments, **more))
    with Image.open(made.images[0].path) as image:
        return np.asarray(image)


def test_a_tag_is_a_file_on_the_stack(studio: Studio, lora: Path) -> None:
    stack = [StackItem(path=str(lora), strength=0.4, text_strength=0.9).model_dump()]
    expected = generated(studio, "a cat", stack=stack)
    assert np.array_equal(generated(studio, "a cat <lora:my korvu:0.9:0.4>"), expected)
    assert np.array_equal(generated(studio, "<lyco:My Korvu:te=0.9:unet=0.4>, a cat"), expected)
    assert not np.array_equal(generated(studio, "a cat"), expected)
    made = studio.generation.generate(settings("a cat <lora:my korvu:0.9:0.4>"))
    found = infotext.read(read_parameters(made.images[0].path) or "")
    assert found["prompt"] == "a cat"
    assert found["stack"] == [
        {"path": "My Korvu.safetensors", "strength": 0.4, "text_strength": 0.9}
    ]


def test_a_tag_of_the_prompt_inside_a_mask_acts_there(studio: Studio, lora: Path) -> None:
    mask = Image.new("L", (32, 32), 0)
    mask.paste(255, (8, 8, 24, 24))
    mask.save(studio.workspace.cache / "mask.png")
    place = {"mask": str(studio.workspace.cache / "mask.png"), "blur": 0}
    plain = generated(studio, "a cat")
    tagged = generated(
        studio, "a cat", inpaint={**place, "prompt": "a dog <lora:my korvu:0.9:0.4>"}
    )
    stack = [StackItem(path=str(lora), strength=0.4, text_strength=0.9).model_dump()]
    named = generated(studio, "a cat", inpaint={**place, "prompt": "a dog", "stack": stack})
    without = generated(studio, "a cat", inpaint={**place, "prompt": "a dog"})
    where = np.asarray(mask) > 0
    assert np.array_equal(tagged, named) and not np.array_equal(tagged, without)
    for found in (tagged, without):
        assert np.array_equal(found[~where], plain[~where])
        assert not np.array_equal(found[where], plain[where])
    with pytest.raises(MissingError, match="nobody"):
        generated(studio, "a cat", inpaint={**place, "prompt": "<lora:nobody:1>"})
    with pytest.raises(InputError, match="outside"):
        generated(studio, "a cat", inpaint={"mask": "/etc/hosts"})


def test_a_tag_takes_a_file_that_is_understood_in_part(studio: Studio, lora: Path) -> None:
    """Training leftovers in a file are worth a word, not a refusal."""
    tensors, facts = safetensors_file.read_tensors(lora)
    odd = studio.workspace.adapters / "odd.safetensors"
    leftovers = {"lora_unet_nobody_knows.lora_nonsense": torch.zeros(3)}
    safetensors_file.write(odd, {**tensors, **leftovers}, facts)
    info = next(one for one in studio.library.adapters() if one.name == "odd")
    assert info.problem and "not understood" in info.problem
    found, moved = with_tags(settings("a cat <lora:odd:0.5>"), studio.library)
    assert found.prompt == "a cat" and [item.path for item in moved] == [str(odd)]


def test_a_tag_sets_the_strength_of_a_file_that_is_there(studio: Studio, lora: Path) -> None:
    other = studio.workspace.adapters / "other.safetensors"
    other.write_bytes(lora.read_bytes())
    stack = [
        {"path": str(lora), "strength": 0.1, "enabled": False},
        {"path": str(other), "strength": 0.2},
    ]
    found, moved = with_tags(settings("a <lora:My Korvu:0.7>", stack=stack), studio.library)
    assert found.prompt == "a"
    assert [(item.path, item.strength, item.enabled) for item in found.stack] == [
        (str(lora), 0.7, True), (str(other), 0.2, True),
    ]  # fmt: skip
    assert moved == [found.stack[0]]
    assert with_tags(found, studio.library) == (found, [])
    off = settings("a <lora:My Korvu:0.7>", syntax=False)
    assert with_tags(off, studio.library) == (off, [])


def test_tags_of_the_shared_prompt_go_to_the_lanes_that_generate_it(
    studio: Studio, lora: Path
) -> None:
    lanes = LanesSettings(
        common=settings("a cat <lora:My Korvu:0.5>"),
        lanes=[Lane(name="shared"), Lane(name="own", prompt="a dog <lora:My Korvu:2>"),
               Lane(name="none", prompt="a fox")],
    )  # fmt: skip
    found, moved = lanes_with_tags(lanes, studio.library)
    assert found.common.prompt == "a cat"
    assert [lane.prompt for lane in found.lanes] == ["", "a dog", "a fox"]
    strengths = [[item.strength for item in lane.stack] for lane in found.lanes]
    assert strengths == [[0.5], [2.0], []]
    assert [item.path for item in moved] == [str(lora)]


def test_a_file_answers_to_the_name_inside_it(studio: Studio, lora: Path) -> None:
    from safetensors.torch import load_file, save_file

    renamed = studio.workspace.adapters / "download-4711.safetensors"
    save_file(load_file(lora), renamed, metadata={"ss_output_name": "Neon Line"})
    found, _ = with_tags(settings("a <lora:neon line:0.5>"), studio.library)
    assert [item.path for item in found.stack] == [str(renamed)]


def test_a_name_that_nobody_has(studio: Studio, lora: Path, base: Base) -> None:
    write_tiny_embedding(studio.workspace.adapters / "zorp.safetensors", base)
    with pytest.raises(MissingError) as caught:
        studio.generation.generate(settings("a <lora:korvu:1>"))
    assert caught.value.remedy == "Did you mean “My Korvu”?"
    assert caught.value.where == "<lora:korvu:1>"
    with pytest.raises(MissingError) as caught:
        with_tags(settings("a <lora:zorp>"), studio.library)
    assert caught.value.why == "“zorp” is an embedding."
    with pytest.raises(MissingError, match="hypernetwork “My Korvu”"):
        with_tags(settings("a <hypernet:My Korvu:1>"), studio.library)
    with pytest.raises(SettingsError, match="strength"):
        with_tags(settings("a <lora:My Korvu:99>"), studio.library)
    assert not list(studio.workspace.outputs.rglob("*.png"))


def test_block_weights_and_steps_of_a_tag_reach_the_stack(studio: Studio, lora: Path) -> None:
    chosen = settings("a <lora:My Korvu:0,7:lbw=OUTALL:start=1>", steps=4)
    (item,) = with_tags(chosen, studio.library)[1]
    names = ["BASE", *studio.library.blocks("tiny")]
    assert set(item.blocks) == set(names) and item.blocks["BASE"] == 1 and item.blocks["M00"] == 0
    assert (item.strength, item.start, item.end) == (0.7, 0.25, 1.0)
    unknown = chosen.model_copy(update={"base": "somebody/elsewhere"})
    assert len(with_tags(unknown, studio.library)[1][0].blocks) == 26
    assert not np.array_equal(
        generated(studio, "a <lora:My Korvu:1:lbw=NONE>"), generated(studio, "a <lora:My Korvu:1>")
    )


@pytest.mark.parametrize("tag", ["<lora:My Korvu:>", "<lora:My Korvu:1:lbw=x>", "<lora:My Korvu:1"])
def test_a_tag_that_cannot_be_read_is_no_text(studio: Studio, lora: Path, tag: str) -> None:
    with pytest.raises(InputError, match="cannot be read") as caught:
        studio.generation.generate(settings(f"a cat {tag}"))
    assert caught.value.where == tag and caught.value.why and caught.value.remedy
    assert not list(studio.workspace.outputs.rglob("*.png"))


def test_what_of_a_tag_has_no_effect_is_noted(studio: Studio) -> None:
    lanes = LanesSettings(common=settings("a <lora:x:1:1:4>"), lanes=[Lane(), Lane(prompt="b")])
    (note,) = notes(lanes)
    assert "<lora:x:1:1:4>" in note and "dyn=4" in note
    wrong = LanesSettings(common=settings("a", negative_prompt="ugly <lora:x:1>"), lanes=[Lane()])
    assert "negative prompt" in notes(wrong)[0]
    off = lanes.common.model_copy(update={"syntax": False})
    assert notes(lanes.model_copy(update={"common": off})) == []


def test_starting_from_an_image_of_the_workspace_only(studio: Studio, tmp_path: Path) -> None:
    inside = studio.workspace.cache / "start.png"
    Image.new("RGB", (32, 32), "red").save(inside)
    outside = tmp_path / "secret.png"
    inside.rename(outside)
    Image.new("RGB", (32, 32), "red").save(inside)
    assert not np.array_equal(generated(studio, image=str(inside)), generated(studio))
    with pytest.raises(InputError, match="outside"):
        studio.generation.generate(settings(image=str(outside)))


def test_an_interruption_keeps_what_was_finished(studio: Studio) -> None:
    seen: list[int] = []
    made = studio.generation.generate(
        settings(count=3),
        on_progress=lambda done, *_: seen.append(done),
        cancelled=lambda: len(seen) >= 3,  # in the middle of the second image
    )
    assert [image.seed for image in made.images] == [1]
    assert [path.name for path in studio.workspace.outputs.rglob("*.png")] == [
        made.images[0].path.name
    ]
    with pytest.raises(Interrupted):
        studio.generation.generate(settings(count=3), cancelled=lambda: True)


def test_live_previews_are_small_images(studio: Studio) -> None:
    previews: list[tuple[int, list[str]]] = []
    studio.generation.generate(
        settings(count=3, batch_size=2, preview_every=2),
        on_preview=lambda place, urls: previews.append((place, urls)),
    )
    assert [(place, len(urls)) for place, urls in previews] == [(0, 2), (2, 1)]
    assert all(url.startswith("data:image/jpeg;base64,") for _, urls in previews for url in urls)


def test_a_file_of_an_earlier_starter_is_flagged(studio: Studio, lora: Path) -> None:
    from safetensors.torch import load_file, save_file

    def named(name: str, base_name: str, value: str) -> Path:
        path = studio.workspace.adapters / f"{name}.safetensors"
        facts = {"ss_sd_model_name": base_name, "ss_sd_model_hash": value}
        save_file(load_file(lora), path, metadata=facts)
        return path

    old = named("old", "starter", "0123456789")
    fine = [
        named("new", "starter", base_hash(STARTER)[:10]),
        named("other", "dreams", "0123456789"),  # a base whose weights have their own name
    ]
    assert all(studio.library.adapter(path).stale is None for path in fine)
    stale = studio.library.adapter(old).stale
    assert stale and "earlier starter" in stale
    assert stale in studio.library.inspect(old)["problems"]
    assert card(Page(studio), studio.library.adapter(old))["problem"] == stale
    made = studio.generation.generate(settings(stack=[{"path": str(old)}]))
    assert made.reports[0].message.startswith(stale)
