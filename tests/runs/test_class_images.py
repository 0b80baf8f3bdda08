"""Prior preservation from the settings to the loss: class images are generated once and counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from studio.app import Studio
from studio.core.errors import InputError
from studio.families.token_match import without
from studio.formats.dataset_file import write_dataset_file
from studio.runs.events import read_events
from studio.runs.records import Step
from studio.settings.training import RunConfig

Config = Callable[..., RunConfig]


def generated(studio: Studio) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in studio.workspace.cache.glob("class/**/*.png")}


def test_class_images_are_generated_once_and_teach(studio: Studio, config: Config) -> None:
    wanted = config("method=dreambooth", "prior.weight=0.5", "prior.images=3", "train.steps=2")
    first = studio.runs.wait(studio.runs.start(wanted))
    assert first.state == "finished", first
    assert first.class_images == 3
    made = generated(studio)
    assert len(made) == 3
    second = studio.runs.start(wanted)
    assert studio.runs.wait(second).state == "finished"
    assert generated(studio) == made, "used again, not generated again"
    config_of = studio.runs.config(second)
    assert config_of.prior.prompts == ["a cat 0", "a cat 1", "a cat 2", "a cat 3"]
    events, _ = read_events(studio.runs.folder(second), 0)
    steps = [event for event in events if isinstance(event, Step)]
    assert all(0 < (step.prior or 0) < (step.loss or 0) for step in steps)


def test_the_weight_counts(studio: Studio, config: Config) -> None:
    losses = {}
    for weight in (0.25, 1.0):
        run = studio.runs.start(
            config("method=dreambooth", f"prior.weight={weight}", "prior.images=2", "train.steps=1")
        )
        studio.runs.wait(run)
        events, _ = read_events(studio.runs.folder(run), 0)
        losses[weight] = next(event.prior or 0.0 for event in events if isinstance(event, Step))
    assert losses[1.0] == pytest.approx(4 * losses[0.25], rel=1e-4)


def test_own_class_images_come_first(studio: Studio, config: Config, tmp_path: Path) -> None:
    own = tmp_path / "cats"
    own.mkdir()
    Image.new("RGB", (40, 32), "teal").save(own / "cat.png")
    run = studio.runs.start(
        config("prior.weight=1", "prior.images=1", f"prior.folder={own}", "train.steps=1")
    )
    assert studio.runs.wait(run).state == "finished"
    assert not generated(studio)


def test_what_is_missing_is_said_before_anything_starts(
    studio: Studio, config: Config, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="There are no class images in"):
        studio.runs.start(config("prior.weight=1", f"prior.folder={tmp_path / 'nowhere'}"))
    bare = studio.workspace.datasets / "bare"
    bare.mkdir()
    Image.new("RGB", (32, 32)).save(bare / "1.png")
    own = tmp_path / "own"
    own.mkdir()
    Image.new("RGB", (32, 32)).save(own / "1.png")
    with pytest.raises(InputError, match="own class images need a prompt"):
        studio.runs.start(config("prior.weight=1", "data.folder=bare", f"prior.folder={own}"))
    assert not studio.runs.all()
    style = config("prior.weight=1", data={"folder": "neonline"})
    assert any("hold it back" in warning for warning in studio.runs.preflight(style).warnings)
    gentle = config("prior.weight=0.1", data={"folder": "neonline"})
    assert not any("hold it back" in warning for warning in studio.runs.preflight(gentle).warnings)
    subject = config("prior.weight=1")
    assert not any("hold it back" in warning for warning in studio.runs.preflight(subject).warnings)
    warned = studio.runs.preflight(config("prior.prompts=['a cat']"))
    assert any("prior weight is 0" in warning for warning in warned.warnings)


def test_without_a_class_a_preset_trains_without_class_images(
    studio: Studio, config: Config
) -> None:
    """Own images, no captions, and a preset with prior preservation: it works, and says what is off."""
    bare = studio.workspace.datasets / "bare"
    bare.mkdir()
    for k in range(2):
        Image.new("RGB", (32, 32), (k, 0, 0)).save(bare / f"{k}.png")
    wanted = config("method=dreambooth", "prior.weight=1", "data.folder=bare", "train.steps=1")
    found = studio.runs.preflight(wanted)
    (said,) = [text for text in found.warnings if "No class images are used" in text]
    assert found.ok and found.about[said] == "dataset.class_word"
    run = studio.runs.start(wanted)
    assert studio.runs.wait(run).state == "finished"
    assert studio.runs.config(run).prior.weight == 0 and not generated(studio)
    write_dataset_file(bare, {"class_word": "cat"})
    named = studio.runs.preflight(wanted)
    assert not any("No class images are used" in text for text in named.warnings)


def test_the_trigger_goes_and_the_gap_closes() -> None:
    assert without("a zibbo cat on the beach", "zibbo") == "a cat on the beach"
    assert without("zibbo, a cat, in snow", "zibbo") == "a cat, in snow"
    assert without("a zibbo-2 cat", "zibbo") == "a zibbo-2 cat"
    assert without("zibbo", "zibbo") == ""


def test_a_trained_model_is_listed_as_base_and_in_the_library(
    studio: Studio, config: Config
) -> None:
    state = studio.runs.wait(studio.runs.start(config("method=dreambooth", "train.steps=2")))
    assert state.state == "finished", state
    (file,) = map(Path, state.files)
    assert file == studio.workspace.bases / "my-zibbo" / "my-zibbo.safetensors"
    made = next(base for base in studio.library.bases() if base.name == "my-zibbo")
    assert not made.problems and made.family == "sd1"
    listed = next(info for info in studio.library.adapters() if info.path == file)
    assert (listed.kind, listed.problem, listed.trigger) == ("checkpoint", None, "zibbo cat")
    again = studio.runs.wait(studio.runs.start(config("method=dreambooth", "train.steps=1")))
    assert Path(again.files[0]).parent.name == "my-zibbo-2"
