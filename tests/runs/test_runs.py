"""Runs from Start to the verified file, seen as any viewer sees them: through the folder on disk."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from studio.app import Studio
from studio.core import manifest
from studio.core.errors import DatasetError, InputError, MissingError
from studio.formats import safetensors_file
from studio.formats.images import read_parameters
from studio.infer import infotext
from studio.runs import estimate as estimating
from studio.runs import preparation, worker
from studio.runs.records import Finished, RunView, Sampled, Saved, StateChanged, Step, Validated
from studio.settings.training import GenerateSettings, RunConfig, StackItem
from tests import failpoint

Make = Callable[..., RunConfig]


def reach(studio: Studio, run: str, wanted: Callable[[RunView], object]) -> RunView:
    """Polls like a page until the view is as wanted."""
    for _ in range(6000):
        view = studio.runs.view(run)
        if wanted(view):
            return view
        threading.Event().wait(0.02)
    raise AssertionError(studio.runs.view(run).state)


@pytest.mark.parametrize("method", ["lora", "textual-inversion"])
def test_a_run_leaves_a_verified_file_and_the_whole_story(
    studio: Studio, config: Make, method: str
) -> None:
    run = studio.runs.start(config(method=method))
    state = studio.runs.wait(run)
    assert state.state == "finished", state
    assert state.step == state.steps == 4 and state.last_checkpoint == 4
    events = studio.runs.view(run).events
    assert [e.step for e in events if isinstance(e, Step)] == [1, 2, 3, 4]
    assert [e.step for e in events if isinstance(e, Sampled)] == [0, 2, 4], "a step-0 baseline"
    assert [e.step for e in events if isinstance(e, Validated)] == [0, 2, 4]
    assert [e.step for e in events if isinstance(e, Saved)] == [2, 4]
    assert [e.state for e in events if isinstance(e, StateChanged)] == [
        "queued", "preparing", "running", "finished",
    ]  # fmt: skip
    verification = next(e for e in events if isinstance(e, Finished)).verify
    assert (
        verification
        and verification.ok
        and verification.matched
        and not verification.unmatched
        and verification.change
    )
    for event in events:
        for image in event.images if isinstance(event, Sampled) else ():
            assert studio.runs.file(run, image).is_file()
    for file in map(Path, state.files):
        assert file.parent == studio.workspace.adapters and file.stat().st_size
    info = next(i for i in studio.library.adapters() if i.path == Path(state.files[0]))
    assert info.problem is None
    assert info.kind == ("lora" if method == "lora" else "embedding")
    assert info.trigger == ("zibbo cat" if method == "lora" else "zibbo")  # as the captions say it
    for step in (2, 4):
        folder = studio.runs.folder(run) / "checkpoints" / f"step-{step:06d}"
        assert manifest.verify(folder)["step"] == step


def test_a_sample_says_how_it_was_made(studio: Studio, config: Make) -> None:
    """The sample of step 0 is what the base generates with the settings in it."""
    run = studio.runs.start(
        config("train.steps=2", "sample.negative_prompt=dog", "sample.guidance=3")
    )
    studio.runs.wait(run)
    sample = studio.runs.folder(run) / "samples" / "step-000000" / "0.png"
    found = infotext.read(read_parameters(sample) or "")
    assert (found["negative_prompt"], found["guidance"], found["base"]) == ("dog", 3, "tiny")
    settings = GenerateSettings.parse({**found, "count": 1, "device": "cpu"})
    (made,) = studio.generation.generate(settings).images
    with Image.open(sample) as one, Image.open(made.path) as other:
        assert np.array_equal(np.asarray(one), np.asarray(other))


def test_images_are_generated_between_steps_and_the_base_is_untouched(
    studio: Studio, config: Make
) -> None:
    settings = GenerateSettings(base="tiny", prompt="a cat", count=1, steps=2, device="cpu")
    before = studio.generation.generate(settings).images[0].path.read_bytes()
    run = studio.runs.start(
        config("train.steps=40", "sample.every=0", "save.every=0", "validation.every=0")
    )
    reach(studio, run, lambda view: view.state.state == "running")
    during = studio.generation.generate(settings).images[0].path.read_bytes()
    assert studio.runs.active() == [run], "the training had not ended"
    state = studio.runs.wait(run)
    stack = [StackItem(path=state.files[0])]
    trained = studio.generation.generate(settings.model_copy(update={"stack": stack}))
    after = studio.generation.generate(settings).images[0].path.read_bytes()
    assert before == during == after != trained.images[0].path.read_bytes()
    assert trained.reports[0].matched > 0 and not trained.reports[0].unmatched


def test_pause_stop_and_resume_give_the_uninterrupted_result(studio: Studio, config: Make) -> None:
    whole = studio.runs.wait(studio.runs.start(config("train.steps=12")))
    run = studio.runs.start(config("train.steps=12", "name='in pieces'"))
    reach(studio, run, lambda view: any(isinstance(e, Step) for e in view.events))
    studio.runs.command(run, "pause")
    reach(studio, run, lambda view: view.state.state == "paused")
    studio.runs.command(run, "continue")
    studio.runs.command(run, "stop")
    stopped = studio.runs.wait(run)
    if stopped.state == "stopped":  # it may have been faster than the command
        assert stopped.last_checkpoint == stopped.step > 0
        assert stopped.files, "stopping leaves a usable file"
        studio.runs.resume(run)
        stopped = studio.runs.wait(run)
    assert stopped.state == "finished"
    one, other = (safetensors_file.read_tensors(s.files[0])[0] for s in (whole, stopped))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    with pytest.raises(InputError, match="finished"):
        studio.runs.resume(run)


def test_a_full_disk_pauses_and_continue_goes_on(
    studio: Studio, config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = threading.Event()
    full.set()

    def failing(operation: str, path: Path) -> None:
        if full.is_set() and "checkpoints" in str(path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(failpoint, "reached", failing)
    run = studio.runs.start(config())
    view = reach(studio, run, lambda view: view.state.state == "paused")
    assert "disk is full" in (view.state.reason or "")
    full.clear()
    studio.runs.command(run, "continue")
    state = studio.runs.wait(run)
    assert state.state == "finished" and state.last_checkpoint == 4 and not state.reason


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("CUDA out of memory. Tried to allocate"), "memory is full"),
        pytest.param(MemoryError(), "memory is full", marks=pytest.mark.slow),
        (ZeroDivisionError("x"), "fault in the program"),
    ],
)
def test_a_failure_is_never_shown_as_success(
    studio: Studio, config: Make, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    from studio.train.loop import Trainer

    def failing(self: Trainer, number: int, step: int) -> None:
        if step == 4:
            raise error
        return normal(self, number, step)

    normal = Trainer.batch_loss
    monkeypatch.setattr(Trainer, "batch_loss", failing)
    run = studio.runs.start(config())
    state = studio.runs.wait(run)
    assert state.state == "failed" and said in (state.reason or "")
    assert "step 2, is intact" in (state.reason or "") and state.remedy
    assert state.files == ()
    monkeypatch.setattr(Trainer, "batch_loss", normal)
    assert studio.runs.wait(studio.runs.resume(run)).state == "finished", "the same process goes on"


def test_the_queue_can_be_left_and_runs_go_to_the_trash(studio: Studio, config: Make) -> None:
    first = studio.runs.start(config("train.steps=30", "save.every=0"))
    second = studio.runs.start(config(name="second"))
    assert studio.runs.view(second).state.state == "queued"
    with pytest.raises(InputError, match="still going on"):
        studio.runs.delete(second)
    studio.runs.command(second, "stop")
    assert studio.runs.view(second).state.state == "stopped"
    kept = studio.runs.delete(second)
    assert kept.is_relative_to(studio.workspace.trash) and (kept / "config.toml").is_file()
    studio.runs.command(first, "stop")
    assert studio.runs.wait(first).state in ("stopped", "finished")
    assert [state.run for state in studio.runs.all()] == [first]


@pytest.mark.parametrize("run", ["", ".", "..", "../runs", "nope", "/etc", "a/b"])
def test_a_run_id_is_never_a_path(studio: Studio, run: str) -> None:
    with pytest.raises(MissingError):
        studio.runs.view(run)


def test_a_run_whose_settings_are_damaged_is_still_seen(studio: Studio, config: Make) -> None:
    first = studio.runs.start(config("train.steps=30", "save.every=0"))
    run = studio.runs.start(config(name="damaged"))
    (studio.runs.folder(run) / "config.toml").write_text("nonsense =")
    studio.runs.command(first, "stop")
    assert studio.runs.wait(run).state == "failed"
    view = studio.runs.view(run)
    assert view.config is None
    assert "settings of this run cannot be read" in (view.state.reason or "")
    with pytest.raises(MissingError, match="cannot be read"):
        studio.runs.config(run)


def test_preflight_blocks_and_warns(studio: Studio, config: Make) -> None:
    found = studio.runs.preflight(config())
    assert found.ok and found.facts is not None
    assert found.facts.images == 4 and found.facts.trigger == "zibbo"
    assert found.facts.epochs == 2.0
    (studio.workspace.datasets / "zibbo" / "3.txt").unlink()
    (studio.workspace.datasets / "zibbo" / "0.txt").write_text("a cat")
    (studio.workspace.datasets / "zibbo" / "1.png").write_bytes(b"not an image")
    warnings = " ".join(studio.runs.preflight(config()).warnings)
    assert "1 of 3 images has no caption" in warnings
    assert "absent from 2 of 3 captions" in warnings
    assert "1.png is left out" in warnings
    empty = studio.workspace.datasets / "empty"
    empty.mkdir()
    for changes, said in (
        (("data.folder='empty'",), "no images"),
        (("data.folder='nowhere'",), "no dataset “nowhere”"),
        (("base='nothing'",), "no base model “nothing”"),
        (("data.folder=''",), "No dataset is chosen"),
    ):
        refused = studio.runs.preflight(config(*changes))
        assert not refused.ok and said in refused.errors[0]
        with pytest.raises(InputError, match="Nothing was started"):
            studio.runs.start(config(*changes))
    assert studio.runs.all() == []


def test_memory_is_that_of_the_device_that_computes_from_its_base_on(
    studio: Studio, config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    def reset(place: torch.device) -> None:
        asked.append(("reset", str(place)))

    def peak(place: torch.device) -> int:
        asked.append(("peak", str(place)))
        return 123

    monkeypatch.setattr(preparation, "reset_peak_memory", reset)
    for module in (estimating, worker):
        monkeypatch.setattr(module, "peak_memory", peak)
    assert studio.runs.estimate(config()).peak_memory == 123
    assert asked == [("reset", "cpu"), ("peak", "cpu")]
    asked.clear()
    state = studio.runs.wait(studio.runs.start(config()))
    assert state.peak_memory == 123
    assert asked[0] == ("reset", "cpu") and set(asked[1:]) == {("peak", "cpu")}


def test_the_estimate_is_measured_and_leaves_nothing(studio: Studio, config: Make) -> None:
    estimate = studio.runs.estimate(config())
    assert estimate.seconds_per_step > 0 and estimate.trained["unet"] > 1000
    assert estimate.buckets == [{"width": 32, "height": 32, "items": 4}]
    assert studio.runs.all() == []


def test_imports_keep_originals_and_names(studio: Studio, tmp_path: Path) -> None:
    image = studio.workspace.datasets / "zibbo" / "0.png"
    before = image.read_bytes()
    info = studio.library.import_dataset([image, image.with_suffix(".txt")], "zibbo")
    assert info.path.name == "zibbo-2" and info.captioned == 1
    assert image.read_bytes() == before
    note = tmp_path / "note.safetensors"
    note.write_text("hello")
    with pytest.raises(InputError, match="not an adapter") as caught:
        studio.library.import_adapter(note, "note.safetensors")
    assert "Nothing was changed" in str(caught.value) and studio.library.adapters() == []
    with pytest.raises(DatasetError, match="no image"):
        studio.library.import_dataset([note], "x")
