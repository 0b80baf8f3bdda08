"""A damaged image never ends a run: it is named before Start, left out, and the rest goes on."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from studio.app import Studio
from studio.core.errors import DatasetError
from studio.formats import safetensors_file
from studio.library import image_checks
from studio.library.image_checks import checked_dataset
from studio.runs.records import Message, RunState, Step
from studio.settings.training import RunConfig

Make = Callable[..., RunConfig]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A form waits two seconds; a test waits for the answer."""
    monkeypatch.setattr(image_checks, "PATIENCE", None)


def cut(path: Path, keep: float = 0.6) -> None:
    """As a copy that was interrupted leaves it: the header is whole."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])


def jpeg(path: Path, colour: str = "teal") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.effect_noise((64, 48), 90).convert("RGB").save(path, quality=95)
    return path


def texts(studio: Studio, run: str) -> str:
    return " ".join(e.text for e in studio.runs.view(run).events if isinstance(e, Message))


def steps(studio: Studio, run: str) -> list[tuple[int, float | None]]:
    return [(e.step, e.loss) for e in studio.runs.view(run).events if isinstance(e, Step)]


def tensors(state: RunState) -> dict[str, torch.Tensor]:
    return safetensors_file.read_tensors(Path(state.files[0]))[0]


def test_a_damaged_image_is_named_before_start_and_the_run_goes_on_without(
    studio: Studio, config: Make
) -> None:
    folder = studio.workspace.datasets / "zibbo"
    without = studio.runs.wait(studio.runs.start(config()))
    cut(jpeg(folder / "9 holiday.jpg"))
    found = studio.runs.preflight(config())
    assert found.ok and found.facts and found.facts.images == 4
    assert any("9 holiday.jpg is left out" in text for text in found.warnings)
    run = studio.runs.start(config())
    state = studio.runs.wait(run)
    assert state.state == "finished", state
    assert "1 image left out: 9 holiday.jpg" in texts(studio, run)
    for name, tensor in tensors(without).items():
        assert torch.equal(tensors(state)[name], tensor), "it is as if it were not there"


def test_resume_after_a_damaged_image_is_exact(studio: Studio, config: Make) -> None:
    """The plan of batches is made over the images that can be read, before and after."""
    cut(jpeg(studio.workspace.datasets / "zibbo" / "1b.jpg"))
    wanted = config("train.steps=24", "save.every=1", "sample.every=0", "validation.every=0")
    straight = studio.runs.wait(studio.runs.start(wanted))
    run = studio.runs.start(wanted)
    for _ in range(6000):
        if studio.runs.view(run).state.last_checkpoint:
            break
        threading.Event().wait(0.02)
    studio.runs.command(run, "stop")
    stopped = studio.runs.wait(run)
    assert stopped.state == "stopped", stopped
    finished = studio.runs.wait(studio.runs.resume(run))
    assert finished.state == "finished" and finished.step == 24
    for name, tensor in tensors(straight).items():
        assert torch.equal(tensors(finished)[name], tensor)


def test_a_run_of_damaged_images_alone_says_so_and_starts_nothing(
    studio: Studio, config: Make
) -> None:
    folder = studio.workspace.datasets / "broken"
    for k in range(4):
        cut(jpeg(folder / f"{k}.jpg"))
    found = studio.runs.preflight(config("data.folder=broken"))
    assert not found.ok
    assert "None of the 4 images in this folder can be read" in found.errors[0]
    assert "0.jpg is left out: This image cannot be read." in found.errors[0]
    assert "1 more image is left out." in found.errors[0]
    with pytest.raises(DatasetError, match="None of the 4"):
        studio.runs.start(config("data.folder=broken"))
    assert studio.runs.all() == []


def test_damaged_held_out_and_class_images_and_masks_are_left_out(
    studio: Studio, config: Make, tmp_path: Path
) -> None:
    folder = studio.workspace.datasets / "zibbo"
    jpeg(folder / "held_out" / "a.jpg")
    cut(jpeg(folder / "held_out" / "b.jpg"))
    jpeg(tmp_path / "cats" / "1.jpg")
    cut(jpeg(tmp_path / "cats" / "2.jpg"))
    Image.new("L", (32, 32), 255).save(folder / "0.mask.png")
    jpeg(folder / "1.mask.jpg")
    cut(folder / "1.mask.jpg")
    changed = config(
        "prior.weight=1", "prior.images=2", f"prior.folder={tmp_path / 'cats'}",
        "data.mask=files", "train.steps=2", "prior.prompts=['a cat']",
    )  # fmt: skip
    warnings = " ".join(studio.runs.preflight(changed).warnings)
    for said in (
        "1 held-out image cannot be read and is left out: b.jpg",
        "1 class image cannot be read and is left out: 2.jpg",
        "1 mask cannot be read (1.mask.jpg)",
    ):
        assert said in warnings
    run = studio.runs.start(changed)
    state = studio.runs.wait(run)
    assert state.state == "finished", state
    assert state.class_images == 2, "one of the two own is generated in its place"
    said = texts(studio, run)
    assert "1.png" in said and "b.jpg" in said


def test_a_class_image_of_the_cache_that_was_damaged_is_generated_again(
    studio: Studio, config: Make
) -> None:
    wanted = config("prior.weight=1", "prior.images=2", "train.steps=1")
    assert studio.runs.wait(studio.runs.start(wanted)).state == "finished"
    made = sorted(studio.workspace.cache.glob("class/**/*.png"))
    before = made[0].read_bytes()
    cut(made[0], 0.9)
    state = studio.runs.wait(studio.runs.start(wanted))
    assert state.state == "finished", state
    assert made[0].read_bytes() == before


def test_an_image_that_breaks_after_the_check_is_left_out_all_the_same(
    studio: Studio, config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the check and the first step a share goes away, or somebody edits a file."""
    from studio.runs import preparation

    def then_cut(*arguments: object, **options: object) -> object:
        info = checked_dataset(*arguments, **options)  # type: ignore[arg-type]
        cut(studio.workspace.datasets / "zibbo" / "3.png", 0.3)
        (studio.workspace.datasets / "zibbo" / "2.png").unlink()
        return info

    monkeypatch.setattr(preparation, "checked_dataset", then_cut)
    run = studio.runs.start(config("train.steps=2"))
    state = studio.runs.wait(run)
    assert state.state == "finished", state
    assert "2 images left out" in texts(studio, run)


def test_every_image_is_decoded_once_for_all_looks(
    studio: Studio, config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studio.formats import images

    decoded: list[str] = []
    check = images.check_image

    def counted(path: Path) -> images.Checked:
        decoded.append(path.name)
        return check(path)

    monkeypatch.setattr(images, "check_image", counted)
    studio.runs.preflight(config())
    studio.runs.preflight(config("train.steps=9"))
    again = Studio(studio.workspace)
    again.runs.preflight(config())
    again.close()
    assert sorted(decoded) == ["0.png", "1.png", "2.png", "3.png"]
    image = studio.workspace.datasets / "zibbo" / "2.png"
    os.utime(image, ns=(1, 1))
    studio.runs.preflight(config())
    assert decoded[4:] == ["2.png"], "only what has changed"


def test_what_is_not_used_is_one_line_and_how_often_images_count_a_note(
    studio: Studio, config: Make
) -> None:
    folder = studio.workspace.datasets / "zibbo"
    jpeg(folder / "2023_summer" / "s.jpg")
    jpeg(folder / "3_zibbo cat" / "k.jpg")
    jpeg(folder / "trip" / "t.jpg")
    (folder / "i.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    Image.new("L", (32, 32), 0).save(folder / "0.mask.png")
    (folder / "gone.txt").write_text("no image")
    (folder / "notes.md").write_text("mine")
    found = studio.runs.preflight(config())
    lines = [text for text in found.warnings if text.startswith("Not used: ")]
    assert len(lines) == 1
    for said in (
        "1 image of a kind that cannot be read here (i.heic)", "1 file taken for the mask of an image",
        "1 sub-folder (trip)", "1 caption without an image (gone.txt)", "1 other file (notes.md)",
    ):  # fmt: skip
        assert said in lines[0]
    assert any("“3_zibbo cat” × 3" in note for note in found.notes)
    assert any("“2023_summer” counts once" in note for note in found.notes)
    assert found.facts and found.facts.images == 6
    used = studio.runs.preflight(config("data.mask=files"))
    (line,) = [text for text in used.warnings if text.startswith("Not used: ")]
    assert "taken for the mask" not in line
    assert "1 mask that is black all over (0.mask.png)" in line
