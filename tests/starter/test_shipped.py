"""The starter as it ships: complete, consistent, small, and as good as its card says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from transformers import AutoModelForImageTextToText, AutoProcessor, CLIPModel, CLIPTextModel

from studio.starter import data, world
from studio.starter.classifier import AttributeClassifier, accuracy
from studio.starter.measure import generate, load_pipeline, pairs_right
from studio.starter.train_captioner import all_right, write_captions
from studio.starter.train_clip import distinct_scenes, retrieval
from studio.starter.train_vae import psnr

ASSETS = Path(__file__).parents[2] / "assets"
STARTER = ASSETS / "starter"


@pytest.fixture(scope="module")
def truth() -> tuple[list[world.Scene], np.ndarray]:
    scenes = data.fresh_scenes(200, seed=77)
    return scenes, np.stack([world.render(scene) for scene in scenes])


@pytest.fixture(scope="module")
def pipeline():
    return load_pipeline(STARTER)


def test_assets_stay_small() -> None:
    assert sum(f.stat().st_size for f in ASSETS.rglob("*") if f.is_file()) <= 20_000_000


def test_all_weights_are_half_precision() -> None:
    files = sorted(STARTER.rglob("*.safetensors"))
    assert len(files) == 6
    for path in files:
        with safe_open(path, "pt") as file:
            kinds = {file.get_slice(key).get_dtype() for key in file.keys()}  # noqa: SIM118
        assert kinds <= {"F16", "I64"}, path


def test_text_encoder_is_the_text_tower_of_clip() -> None:
    text = CLIPTextModel.from_pretrained(STARTER / "text_encoder").state_dict()
    tower = CLIPModel.from_pretrained(STARTER / "clip").text_model.state_dict()
    assert text.keys() == tower.keys()
    assert all(torch.equal(text[key], tower[key]) for key in text)


def test_pipeline_generates_what_it_is_asked(pipeline) -> None:
    judge = AttributeClassifier.load(STARTER / "classifier.safetensors")
    scenes = data.fresh_scenes(16, seed=78)
    made = generate(pipeline, [world.caption(scene) for scene in scenes], steps=16)
    again = generate(pipeline, [world.caption(scenes[0])], steps=16)
    assert made.shape == (16, 64, 64, 3)
    assert np.abs(made[0].astype(int) - again[0]).max() <= 2
    found = accuracy(judge, made, scenes)
    assert min(found[name] for name in ("kind", "colour", "place")) >= 0.9


def test_vae_keeps_scenes_and_concepts(pipeline, truth) -> None:
    assert psnr(pipeline.vae, truth[1][:32]) >= 26
    unseen = [p for name in world.FAMILIAR for p, _ in world.concept_scenes(name, "held_out", 6)]
    assert psnr(pipeline.vae, np.stack(unseen)) >= 23


def test_classifier_names_fresh_renders(truth) -> None:
    judge = AttributeClassifier.load(STARTER / "classifier.safetensors")
    assert min(accuracy(judge, truth[1], truth[0]).values()) >= 0.97


def test_judge_tells_both_things_of_a_pair() -> None:
    judge = AttributeClassifier.load(STARTER / "classifier.safetensors")
    scenes = data.fresh_pairs(48, seed=50)
    renders = np.stack([world.render(scene) for scene in scenes])
    assert pairs_right(judge, renders, scenes) >= 0.9
    assert pairs_right(judge, renders[:, :, ::-1].copy(), scenes) <= 0.1


def test_classifier_says_what_images_it_reads() -> None:
    judge = AttributeClassifier.load(STARTER / "classifier.safetensors")
    with pytest.raises(ValueError, match="64 × 64"):
        judge.predict(np.zeros((1, 32, 32, 3), np.uint8))


def test_captioner_loads_like_any_other_and_is_right(truth) -> None:
    processor = AutoProcessor.from_pretrained(STARTER / "captioner")
    captioner = AutoModelForImageTextToText.from_pretrained(
        STARTER / "captioner", dtype=torch.float32
    ).eval()
    assert all_right(write_captions(captioner, processor, truth[1][:40]), truth[0][:40]) >= 0.95


def test_clip_finds_the_caption_of_an_image(pipeline) -> None:
    clip = CLIPModel.from_pretrained(STARTER / "clip", dtype=torch.float32).eval()
    assert retrieval(clip, pipeline.tokenizer, distinct_scenes(100, seed=79)) >= 0.85


@pytest.mark.parametrize("name", world.CONCEPTS)
def test_sample_datasets_are_the_world_s_own(name: str) -> None:
    home = ASSETS / ("study" if world.CONCEPTS[name].study else "datasets") / name
    for split, folder, count in (("train", home, 12), ("held_out", home / "held_out", 16)):
        assert len(list(folder.glob("*.png"))) == count
        for index, (pixels, text) in enumerate(world.concept_scenes(name, split, count), start=1):  # type: ignore[arg-type]
            stored = np.asarray(Image.open(folder / f"{index:04d}.png"))
            assert np.array_equal(stored, pixels)
            said = (folder / f"{index:04d}.txt").read_text(encoding="utf-8").strip()
            assert said == text
    assert (home / "dataset.toml").is_file()
