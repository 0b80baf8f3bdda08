"""Warnings before a run, and the suggestion during it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from studio.app import Studio
from studio.core import atomic
from studio.families.detect import describe
from studio.library.presets import all_presets, make_config
from studio.runs.advice import FULL_SIZE, rate_advice
from studio.runs.completion import complete
from studio.runs.preparation import Preparation
from studio.runs.records import Finished, Message
from studio.runs.records import only as only_events
from studio.settings.training import RunConfig
from studio.train.data import Plan
from studio.train.validation import ValidationLoss

Make = Callable[..., RunConfig]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (("train.learning_rate=1",), "Learning rate 1 is outside 1e-5 … 1e-3, what usually works for LoRA on this base."),
        (("train.learning_rate=1e-4",), None),
        (("train.learning_rate=1e-3",), None),
        (("train.learning_rate=1e-4", "train.text_learning_rate=1e-7"), "Learning rate 1e-7 is outside"),
        (("train.learning_rate=1e-3", "train.optimizer=lion"), "outside 1e-6 … 3.33e-4, what usually works for LoRA on this base with Lion"),
        (("train.learning_rate=1", "train.optimizer=prodigy"), None),
        (("train.learning_rate=1e-4", "train.optimizer=prodigy"), "leave it at 1 (it is 0.0001)"),
        (("train.schedule=listed", "train.rates=1e-4:10, 0.5"), "Learning rate 0.5 is outside"),
        (("method=textual-inversion", "train.learning_rate=1e-6"), "outside 5e-4 … 0.01, what usually works for Textual Inversion"),
        (("method=hypernetwork", "train.learning_rate=5e-3"), "outside 1e-6 … 5e-5"),
    ],
)  # fmt: skip
def test_rates_of_a_full_size_base(
    studio: Studio, changes: tuple[str, ...], said: str | None
) -> None:
    base = replace(describe(studio.workspace.bases / "tiny"), size_bytes=FULL_SIZE)
    found = rate_advice(make_config({}, list(changes)), base)
    assert len(found) == (said is not None), found
    assert said is None or said in found[0].text


def test_a_base_states_its_own_rates_and_a_small_one_without_gets_no_advice(
    studio: Studio, config: Make
) -> None:
    assert not any("rate" in text for text in studio.runs.preflight(config()).warnings)
    facts = studio.workspace.bases / "tiny" / "studio.toml"
    atomic.write_text(facts, "[learning_rates]\nlora = [1e-4, 5e-3]\n")
    found = studio.runs.preflight(config())
    assert found.ok and any(
        "Learning rate 0.01 is outside 1e-4 … 5e-3" in w for w in found.warnings
    )


@pytest.mark.parametrize("preset", all_presets(), ids=lambda preset: preset.name)
def test_no_preset_is_warned_about(studio: Studio, preset) -> None:
    base = replace(describe(studio.workspace.bases / "tiny"), size_bytes=FULL_SIZE)
    if not preset.base:
        assert rate_advice(make_config(preset.values), base) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (("data.mask=files",), "No image has a mask beside them: masks have no effect."),
        (("data.mask=alpha",), "1 of 4 images does not have transparency"),
        (("loss.zero_terminal_snr=true",), "meant for bases that predict v"),
        (("loss.huber_delta=0.3",), "“loss.huber_delta” has no effect"),
        (("data.template=['a [nmae] [name]']",), "“[nmae]” in the caption template stays as it is"),
        (("data.template=['[filewords]']",), None),
    ],
)  # fmt: skip
def test_what_has_no_effect_or_rarely_works_is_said(
    studio: Studio, config: Make, changes: tuple[str, ...], said: str | None
) -> None:
    for k in range(3):
        noise = np.random.default_rng(k).integers(0, 255, (32, 32, 4), np.uint8)
        Image.fromarray(noise).save(studio.workspace.datasets / "zibbo" / f"{k}.png")
    found = studio.runs.preflight(config(*changes))
    assert found.ok
    if said is None:
        assert found.warnings == []
    else:
        assert any(said in text for text in found.warnings), found.warnings


@pytest.mark.parametrize(
    ("changes", "said", "key"),
    [
        (("train.steps=1000000",), "1,000,000 steps are far more", "train.steps"),
        (("train.batch_size=5",), "larger than the dataset (4)", "train.batch_size"),
        (("train.learning_rate=1",), "Learning rate 1 is outside 0.1 and less", "train.learning_rate"),
        (("data.resolution=512",), "The base was made for 32 px; at 512 px", "data.resolution"),
        (("train.warmup_steps=4",), "The warm-up is as long as the run", "train.warmup_steps"),
        (("data.trigger=blorp",), "belongs to another dataset, other; this dataset's own is “zibbo”", "data.trigger"),
    ],
)  # fmt: skip
def test_a_warning_names_its_setting(
    studio: Studio, config: Make, changes: tuple[str, ...], said: str, key: str
) -> None:
    other = studio.workspace.datasets / "other"
    other.mkdir()
    Image.new("RGB", (32, 32)).save(other / "1.png")
    atomic.write_text(other / "dataset.toml", 'trigger = "blorp"')
    found = studio.runs.preflight(config(*changes))
    (text,) = [warning for warning in found.warnings if said in warning]
    assert found.ok and found.about[text] == key


@pytest.mark.parametrize(
    ("changes", "said", "key"),
    [
        (("device=cuda:77",), "“cuda:77” is not available", "device"),
        (
            ("options.only=nonsense",),
            "The layer filter “nonsense” leaves no layer to train",
            "options.only",
        ),
        (("device=gpu",), "“gpu” is not a device", "device"),
        (("base=nothing",), "There is no base model “nothing”", "base"),
        (("data.folder=nothing",), "There is no dataset “nothing”", "data.folder"),
        (("options.continue_from=nothing",), "nothing", "options.continue_from"),
    ],
)
def test_an_error_names_its_setting(
    studio: Studio, config: Make, changes: tuple[str, ...], said: str, key: str
) -> None:
    found = studio.runs.preflight(config(*changes))
    (text,) = found.errors
    assert said in text and found.about[text] == key


@pytest.mark.parametrize("only", ["", "attn2", "up_blocks, -attn1"])
def test_layers_are_counted_as_the_run_counts_them(studio: Studio, config: Make, only: str) -> None:
    wanted = config(f"options.only={only}", "train.steps=1", "options.rank=1")
    facts = studio.runs.preflight(wanted).facts
    assert facts is not None and facts.layers
    run = studio.runs.start(wanted)
    done = studio.runs.wait(run)
    verification = only_events(studio.runs.view(run).events, Finished)[0].verify
    assert done.state == "finished" and verification is not None
    assert verification.matched == facts.layers


def test_black_masks_are_named(studio: Studio, config: Make) -> None:
    folder = studio.workspace.datasets / "zibbo"
    masks = [folder / f"{k}.mask.png" for k in range(4)]
    for mask in masks:
        Image.new("L", (32, 32)).save(mask)
    found = studio.runs.preflight(config("data.mask=files"))
    assert any("All masks are black" in text for text in found.warnings)
    Image.new("L", (32, 32), 255).save(masks[0])
    found = studio.runs.preflight(config("data.mask=files"))
    assert not any("All masks are black" in text for text in found.warnings)


def test_a_template_brings_the_trigger_in(studio: Studio, config: Make) -> None:
    for k in range(4):
        (studio.workspace.datasets / "zibbo" / f"{k}.txt").write_text("a cat")
    assert any("absent from 4 of 4" in w for w in studio.runs.preflight(config()).warnings)
    assert studio.runs.preflight(config("data.template=['[name], [filewords]']")).warnings == []
    crops = studio.runs.preflight(config("data.crop=random", "data.flip=true"))
    assert crops.facts and crops.facts.epochs == 0.2, (
        "4 steps of 2 images; an epoch shows 4 × 4 × 2"
    )


@pytest.mark.parametrize(
    ("changes", "epochs"),
    [
        ((), 4.0),
        (("data.buckets=false",), 4.0),
        (("train.batch_size=5",), 6.0),
        (("train.batch_size=5", "data.buckets=false"), 12.0),
        (("train.gradient_accumulation=3",), 12.0),
        (("data.repeats=2",), 2.4),
        (("data.flip=true", "data.crop=random", "data.crops=3"), 0.8),
    ],
)
def test_epochs_are_those_of_the_trainer(
    studio: Studio, config: Make, changes: tuple[str, ...], epochs: float
) -> None:
    """Five images of two shapes make three batches of two, and two of five."""
    folder = studio.workspace.datasets / "zibbo"
    for name in ("0", "wide"):
        Image.new("RGB", (64, 32), (200, 40, 9)).save(folder / f"{name}.png")
    (folder / "wide.txt").write_text("a zibbo cat")
    wanted = config("train.steps=12", *changes)
    facts = studio.runs.preflight(wanted).facts
    assert facts is not None
    made = Preparation(complete(wanted, studio.library).config, studio.runtime)
    made.read()
    plan = Plan(made.items, wanted.train.batch_size, wanted.seed)
    per_epoch = plan.batches_per_epoch / wanted.train.gradient_accumulation
    assert facts.epochs == round(wanted.train.steps / per_epoch, 1) == epochs


def test_epochs_are_not_guessed(studio: Studio, config: Make) -> None:
    """A base that is not here yet does not tell which images share a batch."""
    found = studio.runs.preflight(config(base="somebody/somewhere"))
    assert found.facts is not None and found.facts.epochs is None


def test_the_run_says_when_the_held_out_loss_was_lowest(
    studio: Studio, config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = iter([(1.0, 0.5), (0.9, 0.4), (0.8, 0.45), (0.7, 0.5), (0.6, 0.55)])
    monkeypatch.setattr(ValidationLoss, "measure", lambda self: next(measured))
    run = studio.runs.start(
        config("validation.every=1", "validation.patience=2", "sample.every=never")
    )
    assert studio.runs.wait(run).state == "finished", "nothing stops by itself"
    texts = [e for e in studio.runs.view(run).events if isinstance(e, Message)]
    assert [event.level for event in texts] == ["warning"]
    assert "lowest at step 1 (0.4, now 0.5)" in texts[0].text
