"""An aesthetic embedding is the mean of its images' features, however they are batched."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from studio import methods
from studio.adapters.loading import load_adapter
from studio.clip.encoders import load_clip
from studio.compare.concept import generate_with
from studio.compare.metrics import to_references
from studio.core.errors import MismatchError, UnavailableError
from studio.core.paths import ASSETS, Workspace
from studio.families.base import Base
from studio.families.loading import load_base
from studio.formats import aesthetic, safetensors_file
from studio.formats.dataset import read_dataset
from studio.formats.inspect import inspect
from studio.infer.options import SamplingOptions
from studio.library import presets
from studio.library.library import Library
from studio.methods.base import ExportFacts
from studio.runs.preflight import preflight
from studio.settings.training import RunConfig, StackItem
from studio.starter import world
from studio.train.data import load_pixels, read_items
from studio.train.loop import Trainer
from tests.compare.tiny_clip import make_clip
from tests.matrix.conftest import make_trainer
from tests.near import assert_near
from tests.tiny import make_tiny_sd1

SIZES = (32, 32, 32, 64, 64)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    folder = make_tiny_sd1(tmp_path_factory.mktemp("aesthetic") / "tiny")
    make_clip(folder / "clip")
    return load_base(folder, "cpu", "fp32")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five images of two shapes; the last one counts three times. No captions at all."""
    folder = tmp_path_factory.mktemp("mood")
    often = folder / "3_mood"
    often.mkdir()
    for k, height in enumerate(SIZES):
        noise = np.random.default_rng(k).integers(0, 255, (height, 32, 3), np.uint8)
        Image.fromarray(noise).save((often if k == 4 else folder) / f"{k}.png")
    return folder


def trainer(base: Base, images: Path, tmp_path: Path, *changes: str) -> Trainer:
    return make_trainer(base, "aesthetic", images, tmp_path, *changes)


def plain_mean(base: Base, images: Path) -> torch.Tensor:
    """CLIP's own features of the files, un-normalised, weighted by hand."""
    clip = load_clip(base.path)
    config = presets.make_config({"data": {"folder": str(images)}})
    items = read_items(read_dataset(images), config.data, 32, 4)
    pixels = [((load_pixels(item) + 1) * 127.5).round().permute(1, 2, 0) for item in items]
    rows = torch.cat([clip.raw_image_features(one[None].to(torch.uint8)) for one in pixels])
    weights = torch.tensor([float(item.repeats) for item in items])
    assert sorted(weights.tolist()) == [1, 1, 1, 1, 3]
    return (weights[:, None] * rows).sum(0) / weights.sum()


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_it_is_the_weighted_mean_whatever_fills_up_a_batch(
    base: Base, images: Path, tmp_path: Path, batch: int
) -> None:
    run = trainer(base, images, tmp_path, f"train.batch_size={batch}", "train.steps=9")
    run.run()
    found = run.trainable.state()["direction"][0]
    assert_near(found, plain_mean(base, images))
    assert not 0.99 < float(found.norm()) < 1.01, "the file keeps CLIP's own length"


def test_more_than_one_pass_changes_nothing_and_reads_nothing(
    base: Base, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trainer(base, images, tmp_path)
    for step in range(1, run.plan.batches_per_epoch + 1):
        run.one_step(step)
    before = {name: tensor.clone() for name, tensor in run.trainable.state().items()}
    monkeypatch.setattr(type(run.trainable), "_feature", None)
    fact = run.one_step(run.plan.batches_per_epoch + 1)
    assert 0 < fact.loss < 1 and fact.norm == 0
    after = run.trainable.state()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_the_loss_is_the_distance_to_the_mean_so_far(
    base: Base, images: Path, tmp_path: Path
) -> None:
    run = trainer(base, images, tmp_path, "train.batch_size=1")
    assert run.validation.measure() == (1.0, None), "no direction yet"
    assert run.one_step(1).loss == pytest.approx(0, abs=1e-6), "one image is its own mean"
    second = run.one_step(2).loss
    state = run.trainable.state()
    if len(state["numbers"]) == 2:
        a, b = state["features"]
        mean = state["repeats"].float() @ state["features"] / state["repeats"].sum()
        own = [float(torch.cosine_similarity(x, mean, dim=0)) for x in (a, b)]
        assert min(abs(second - (1 - cosine)) for cosine in own) < 1e-6
    known = run.trainable.state()["numbers"].tolist()
    run.validation.measure()
    assert run.trainable.state()["numbers"].tolist() == known, "measuring teaches nothing"


def test_a_refused_step_leaves_no_trace(base: Base, images: Path, tmp_path: Path) -> None:
    run = trainer(base, images, tmp_path)
    run.trainable.begin_step(1, 9)
    run.batch_loss(0, 1)
    assert len(run.trainable.state()["numbers"]) == 0
    assert not run.trainable.state()["direction"].any()


def test_both_files_hold_the_direction_and_one_says_how_to_use_it(
    base: Base, images: Path, tmp_path: Path
) -> None:
    run = trainer(base, images, tmp_path, "options.steps=7", "options.rate=3e-4")
    run.run()
    facts = ExportFacts("Neon mood", "neon", 9, 1, time.time(), time.time())
    twin, plain = run.trainable.export(tmp_path / "out", facts)
    assert (twin.name, plain.name) == ("Neon-mood.safetensors", "Neon-mood.pt")
    direction = run.trainable.state()["direction"]
    tensors, header = safetensors_file.read_tensors(twin)
    assert torch.equal(tensors["aesthetic"], direction)
    assert header["modelspec.trigger_phrase"] == "neon"
    assert header["modelspec.title"] == "Neon mood"
    loaded = load_adapter(twin)
    assert loaded.kind == load_adapter(plain).kind == "aesthetic"
    assert loaded.info["steps"] == 7 and loaded.info["rate"] == 3e-4
    assert loaded.info["trigger"] == "neon"
    assert load_adapter(plain).info["steps"] == 5
    theirs = torch.load(plain, weights_only=True)  # as web UIs do
    assert theirs.shape == (1, 16) and torch.equal(theirs, direction)
    for file, dialect in ((twin, "safetensors"), (plain, "pt")):
        report = inspect(file)
        assert (report.kind, report.dialect, report.problems) == ("aesthetic", dialect, [])
    assert inspect(twin).trigger == "neon" and inspect(twin).family == "sd1"
    assert aesthetic.read(twin).norm == pytest.approx(float(direction.norm()))


def test_samples_show_the_direction_as_it_grows(base: Base, images: Path, tmp_path: Path) -> None:
    run = trainer(base, images, tmp_path, "options.rate=1e-2")
    plain = base.encode_pair("", "a cat")[1].embeds
    with run.trainable.attached():
        assert torch.equal(base.encode_pair("", "a cat")[1].embeds, plain), "nothing read yet"
    seen = [plain]
    for step in (1, 2):
        run.one_step(step)
        with run.trainable.attached():
            seen.append(base.encode_pair("", "a cat")[1].embeds)
    assert all(not torch.equal(a, b) for a, b in itertools.pairwise(seen))
    assert torch.equal(base.encode_pair("", "a cat")[1].embeds, plain)
    assert base.steering == []


def config(**values: Any) -> RunConfig:
    return presets.make_config({"method": "aesthetic", **values})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"train": {"steps": 3, "batch_size": 4}}, None),
        ({"train": {"steps": 10, "batch_size": 4}}, "takes 3 steps .*; the 7 after that"),
        ({"train": {"steps": 2, "batch_size": 4}}, "read only 8 of 12 images .*; 3 steps"),
        (
            {"train": {"steps": 6, "batch_size": 4}, "data": {"flip": True}},
            None,
        ),
        (
            {"train": {"steps": 6, "batch_size": 2, "gradient_accumulation": 2},
             "data": {"repeats": 2}},
            None,
        ),
        ({"train": {"steps": 12}, "options": {"steps": 0}}, "0 steps per prompt"),
        ({"train": {"steps": 12}, "options": {"text_negative": True}}, "no aesthetic text"),
        ({"train": {"steps": 12}, "prior": {"weight": 1.0}}, "nothing is denoised: prior"),
        ({"train": {"steps": 12, "gradient_checkpointing": True}}, "gradient checkpointing"),
    ],
)  # fmt: skip
def test_check_counts_the_steps_that_matter(values: dict[str, Any], expected: str | None) -> None:
    import re

    found = methods.find("aesthetic").check(config(**values), ["a"] * 12)
    assert len(found) == (0 if expected is None else 1), found
    assert expected is None or re.search(expected, found[0])


def test_preflight_asks_for_the_clip_and_not_for_captions(
    base: Base, images: Path, workspace: Path
) -> None:
    library = Library(Workspace(workspace))
    lonely = make_tiny_sd1(library.workspace.bases / "lonely")
    settings = {"data": {"folder": str(images)}, "train": {"steps": 7}}
    missing = preflight(config(base=str(lonely), **settings), library)
    assert [text for text in missing.errors if "hf download" in text and "clip" in text]
    whole = preflight(config(base=str(base.path), **settings), library)
    assert whole.errors == []
    assert not [text for text in whole.warnings if "caption" in text or "trigger" in text.lower()]


def test_a_shared_clip_beside_the_bases_is_found_and_is_no_base(workspace: Path) -> None:
    library = Library(Workspace(workspace))
    home = make_tiny_sd1(library.workspace.bases / "mine")
    with pytest.raises(UnavailableError, match="no CLIP"):
        load_clip(home)
    make_clip(library.workspace.bases / "clip-vit-large-patch14")
    assert load_clip(home).width == 16
    assert [info.name for info in library.bases()] == ["starter", "mine"]


def test_a_clip_that_cannot_steer_the_base_shows_before_the_first_step(
    images: Path, tmp_path: Path
) -> None:
    folder = make_tiny_sd1(tmp_path / "other")
    make_clip(folder / "clip", text_width=64)
    strange = load_base(folder, "cpu", "fp32")
    with pytest.raises(MismatchError, match="does not fit this base"):
        trainer(strange, images, tmp_path)


def test_the_shipped_preset_moves_images_towards_the_style(tmp_path: Path) -> None:
    """The figures for 64 images and three seeds are in docs/log.md; this is a small copy."""
    preset = presets.find_preset("starter-aesthetic")
    base = load_base("starter", "cpu", "fp32")
    options = [f"options.{name}={value}" for name, value in preset.values["options"].items()]
    plain_options = ["options.slerp=false", "options.text=''", "options.negative=false"]
    run = trainer(
        base, ASSETS / "datasets" / "neonline", tmp_path, "train.batch_size=8", "train.steps=2",
        *plain_options, *options,
    )  # fmt: skip
    assert run.plan.batches_per_epoch == preset.values["train"]["steps"]
    run.run()
    file = run.trainable.export(tmp_path, ExportFacts("neon", "", 2, 1, 0.0, 1.0))[0]
    truth = world.concept_scenes("neonline", "held_out", 10)
    clip = load_clip(base.path)
    reference = clip.image_features(np.stack([image for image, _ in truth]))
    prompts = [text for _, text in truth]
    before, after = (
        clip.image_features(
            generate_with(base, stack, prompts, SamplingOptions(steps=8, batch_size=5))
        )
        for stack in ([], [StackItem(path=str(file))])
    )
    likeness = [float(to_references(rows, reference).mean()) for rows in (before, after)]
    assert likeness[1] > likeness[0] + 0.1
