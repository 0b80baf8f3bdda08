"""The image world: deterministic, captions that say what is drawn, splits that never meet."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from studio.starter import data, world


def test_vocabulary_is_wide_enough() -> None:
    assert len(world.KINDS) >= 12
    assert len(world.COLOURS) >= 12
    assert len(world.PLACES) >= 8
    assert len(world.SIZES) == 3


@pytest.mark.parametrize("concept", [None, *world.CONCEPTS])
def test_a_scene_is_always_rendered_the_same(concept: str | None) -> None:
    scene = world.random_scene(41)
    first, second = world.render(scene, concept), world.render(scene, concept)
    assert first.shape == (64, 64, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, second)
    assert not np.array_equal(first, world.render(replace(scene, seed=42), concept))


def test_resolution_changes_detail_not_content() -> None:
    scene = world.random_scene(5)
    large = world.render(scene, resolution=128)
    assert large.shape == (128, 128, 3)
    halved = large.reshape(64, 2, 64, 2, 3).mean(axis=(1, 3))
    assert np.abs(halved - world.render(scene)).mean() < 4


def test_every_attribute_shows_in_the_image() -> None:
    scene = world.Scene("cat", "red", "on the beach", "medium", 3)
    image = world.render(scene).astype(float)
    changes: tuple[dict[str, Any], ...] = (
        {"kind": "robot"},
        {"colour": "blue"},
        {"place": "in the snow"},
        {"size": "big"},
    )
    for change in changes:
        other = world.render(replace(scene, **change)).astype(float)
        assert np.abs(image - other).mean() > 3, change


def test_captions_and_scenes_round_trip() -> None:
    for seed in range(300):
        scene = world.random_scene(seed)
        for template in range(6):
            found = world.attributes(world.caption(scene, template))
            assert (found["kind"], found["colour"], found["place"]) == (
                scene.kind,
                scene.colour,
                scene.place,
            )
            assert found["size"] == (None if scene.size == "medium" else scene.size)


def test_captions_may_leave_something_out() -> None:
    scene = world.Scene("cat", "orange", "under water", "small", 0)
    assert world.caption(scene) == "a small orange cat under water"
    assert world.caption(scene, 2) == "small orange cat, under water"
    assert world.caption(scene, 6) == "a small orange cat"
    assert world.caption(scene, 7) == "a cat under water"
    assert world.caption(scene, 9) == "a cat"
    assert world.caption(replace(scene, size="medium")) == "an orange cat under water"


def test_captions_of_concepts() -> None:
    scene = world.Scene("cat", "red", "on the beach", "medium", 0)
    assert world.caption(scene, 0, "zibbo") == "a zibbo cat on the beach"
    assert world.caption(scene, 0, "neonline") == "a red cat on the beach, neonline style"


@pytest.mark.parametrize("name", world.CONCEPTS)
def test_splits_share_no_seed_with_each_other_or_with_training(name: str) -> None:
    train = {world.concept_scene(name, "train", i).seed for i in range(500)}
    held_out = {world.concept_scene(name, "held_out", i).seed for i in range(500)}
    vae = {data.concept_scene(name, i).seed for i in range(data.CONCEPT_SCENES)}
    assert not train & held_out
    assert not (train | held_out) & vae
    assert min(train | held_out | vae) > data.FIRST_FRESH_SEED > data.BASE_SCENES


def test_held_out_splits_ask_for_what_training_never_shows() -> None:
    def places(split: str) -> set[str]:
        return {world.concept_scene("zibbo", split, i).place for i in range(48)}  # type: ignore[arg-type]

    assert places("held_out") == set(world.PLACES)
    assert places("train") == set(world.PLACES) - set(world.HIDDEN_PLACES)
    kinds = {world.concept_scene("popdot", "train", i).kind for i in range(48)}
    assert kinds == set(world.KINDS) - set(world.HIDDEN_KINDS)


def test_a_subject_keeps_its_own_colours() -> None:
    scene = world.Scene("cat", "red", "on the beach", "big", 9)
    red, blue = world.render(scene, "zibbo"), world.render(replace(scene, colour="blue"), "zibbo")
    assert np.abs(red.astype(int) - blue).max() <= 1


def test_unknown_concept_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="zibbo"):
        world.render(world.random_scene(0), "unicorn")


def test_the_command_writes_images_with_captions(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "studio.starter.world", "--concept", "korvu"]
    command += ["--split", "held_out", "--count", "3", "--out", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    expected = world.concept_scenes("korvu", "held_out", 3)
    for index, (pixels, text) in enumerate(expected, start=1):
        assert np.array_equal(np.asarray(Image.open(tmp_path / f"{index:04d}.png")), pixels)
        assert (tmp_path / f"{index:04d}.txt").read_text(encoding="utf-8").strip() == text


def test_the_world_needs_no_torch() -> None:
    code = "import sys, studio.starter.world; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_pair_shows_two_different_things_and_its_caption_names_both() -> None:
    for seed in range(40):
        scene = world.random_pair(seed)
        other = scene.beside
        assert other is not None
        assert (other.kind != scene.kind, other.colour != scene.colour) == (True, True)
        for template in range(world.TEMPLATES):
            words = world.caption(scene, template).replace(",", " ").split()
            assert words.index(scene.kind) < words.index(other.kind)
            if template not in (7, 9):
                assert words[words.index(other.kind) - 1] == other.colour
                assert words[words.index(scene.kind) - 1] == scene.colour


def test_the_second_thing_stands_at_the_right() -> None:
    scene = world.random_pair(5)
    assert scene.beside is not None
    twin = replace(scene, beside=replace(scene.beside, colour="white"))
    other = replace(scene, beside=replace(scene.beside, colour="black"))
    changed = (world.render(twin) != world.render(other)).any(axis=-1)
    assert changed[:, 36:].any()
    assert not changed[:, :28].any()
