"""Captioning as a job: previews write nothing, what was stopped goes on, and who wrote what is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from PIL.Image import Image

from studio.app import Studio
from studio.caption.batches import MOST_FAILURES
from studio.caption.history import History, Job
from studio.caption.run import CaptionOptions, caption_folder
from studio.caption.source import AnswerError
from studio.core.errors import Interrupted, MissingError
from studio.core.paths import Workspace
from studio.formats.dataset import read_captions, write_caption

JOB = Job("Tagger wd", {"kind": "tagger", "model": "wd"}, "append")


class Counts:
    """Says which image of all this is; counts batches and keeps the questions."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.questions: list[str] = []

    def caption(self, images: Sequence[Image], questions: Sequence[str] = ()) -> list[str]:
        self.batches.append(len(images))
        self.questions += questions
        return [f"colour {image.convert('RGB').getpixel((0, 0))}" for image in images]


def texts(folder: Path) -> list[str | None]:
    return list(read_captions(folder).values())


def test_a_preview_shows_images_from_all_over_and_writes_nothing(images: Path, tmp_path: Path):
    write_caption(images / "1.png", "before")
    history = History(tmp_path / "history")
    options = CaptionOptions("append", "sks", preview=3)
    report = caption_folder(images, Counts(), options, record=history.begin(images, "x", JOB))
    assert report.would == {
        "1.png": {"before": "before", "after": "sks, before, colour (255, 0, 0)"},
        "3.png": {"before": "", "after": "sks, colour (0, 0, 255)"},
        "10.png": {"before": "", "after": "sks, colour (0, 0, 0)"},
    }
    assert texts(images) == ["before", None, None, None, None] and not report.written
    assert not list((tmp_path / "history").rglob("*.jsonl"))
    few = CaptionOptions(files=["2.png"], preview=3)
    assert list(caption_folder(images, Counts(), few).would) == ["2.png"]


def test_what_was_stopped_goes_on_where_it_stopped_and_is_undone_as_one(
    images: Path, tmp_path: Path
):
    for name in ("1", "2", "9"):
        write_caption(images / f"{name}.png", f"words {name}")
    before = read_captions(images)
    history = History(tmp_path / "history")
    model = Counts()
    options = CaptionOptions("append", batch_size=2)
    caption_folder(images, model, options, record=history.begin(images, "described", JOB),
                   cancelled=lambda: len(model.batches) == 1)  # fmt: skip
    assert texts(images)[0] == "words 1, colour (255, 0, 0)" and texts(images)[4] is None

    again = History(tmp_path / "history")  # as after a restart
    record = again.unfinished(images)
    assert record is not None and record.job == JOB
    report = caption_folder(images, model, options, record=record)
    assert list(report.written) == ["3.png", "9.png", "10.png"] and report.kept == []
    assert texts(images)[0] == "words 1, colour (255, 0, 0)", "it was appended twice"
    assert again.unfinished(images) is None, "there is nothing left of it"
    (entry,) = again.entries(images)
    assert (entry.by, entry.replaced, entry.added) == ("Tagger wd", 3, 2)
    again.undo(images)
    assert read_captions(images) == before


def test_what_was_recorded_and_never_written_is_done_again(images: Path, tmp_path: Path):
    history = History(tmp_path / "history")
    record = history.begin(images, "described", JOB)
    options = CaptionOptions("append")
    caption_folder(images, Counts(), CaptionOptions(files=["1.png", "2.png"]), record=record)
    (file,) = (tmp_path / "history").rglob("*.jsonl")
    file.write_text(file.read_text().replace('"finished"', '"torn"'))
    (images / "2.txt").unlink()  # as if the power went between record and caption
    going = history.unfinished(images)
    assert going is not None
    report = caption_folder(images, Counts(), options, record=going)
    assert list(report.written) == ["2.png", "3.png", "9.png", "10.png"]
    history.undo(images)
    assert texts(images) == [None] * 5


def test_nothing_goes_on_after_an_end_an_undo_or_a_newer_one(images: Path, tmp_path: Path):
    history = History(tmp_path / "history")
    assert history.unfinished(images) is None
    caption_folder(images, Counts(), record=history.begin(images, "described", JOB))
    assert history.unfinished(images) is None
    model = Counts()
    stopped = CaptionOptions("replace", batch_size=1)
    caption_folder(images, model, stopped, record=history.begin(images, "described", JOB),
                   cancelled=lambda: bool(model.batches))  # fmt: skip
    assert history.unfinished(images) is not None
    history.undo(images)
    assert history.unfinished(images) is None


def test_going_on_with_chosen_images_some_of_which_are_gone(images: Path, tmp_path: Path):
    studio = Studio(Workspace(tmp_path / "workspace"))
    folder = studio.library.captions
    job = Job("Starter", {"kind": "starter"}, "replace", "", ("1.png", "9.png", "3.png"))
    record = folder.history().begin(images, "described", job)
    caption_folder(images, Counts(), CaptionOptions("replace", files=["1.png"], batch_size=1),
                   record=record)  # fmt: skip
    (file,) = studio.workspace.captions.rglob("*.jsonl")
    file.write_text(file.read_text().replace('"finished"', '"stopped"'))
    (images / "3.png").unlink()
    report = studio.generation.caption(str(images), resume=True)
    assert {*report.written, *report.marked} == {"9.png"} and report.by == "Starter"
    with pytest.raises(MissingError, match="no captioning to continue"):
        studio.generation.caption(str(images), resume=True)
    studio.close()


def test_who_wrote_a_caption_is_known_while_it_stands(images: Path, tmp_path: Path):
    history = History(tmp_path / "history")
    caption_folder(images, Counts(), record=history.begin(images, "described", JOB))
    other = Job("Endpoint llava", {}, "replace")
    options = CaptionOptions("replace", "sks", files=["2.png"])
    caption_folder(images, Counts(), options, record=history.begin(images, "described", other))
    write_caption(images / "3.png", "typed since")
    writers = history.writers(images, read_captions(images))
    assert {path.name: by for path, by in writers.items()} == {
        "1.png": "Tagger wd", "2.png": "Endpoint llava", "9.png": "Tagger wd", "10.png": "Tagger wd",
    }  # fmt: skip
    history.undo(images)
    assert history.writers(images, read_captions(images))[images / "2.png"] == "Tagger wd"


class Fails(Counts):
    """Has no answer for some images, counted from one."""

    def __init__(self, *failing: int, error: type[Exception] = AnswerError) -> None:
        super().__init__()
        self.failing, self.error = failing, error

    def caption(self, images: Sequence[Image], questions: Sequence[str] = ()) -> list[str]:
        found = super().caption(images, questions)
        if len(self.batches) in self.failing:
            raise self.error("no answer")
        return found


def test_an_image_without_an_answer_is_left_out_and_many_in_a_row_end_it(images: Path):
    one = CaptionOptions(batch_size=1)
    report = caption_folder(images, Fails(2, 4), one)
    assert list(report.broken) == ["2.png", "9.png"] and len(report.written) == 3
    model = Fails(*range(1, 9))
    with pytest.raises(AnswerError, match=r"no answer.*so far are kept"):
        caption_folder(images, model, CaptionOptions("replace", batch_size=1))
    assert len(model.batches) == MOST_FAILURES


def test_being_stopped_inside_of_an_answer_counts_as_stopped(images: Path):
    report = caption_folder(images, Fails(3, error=Interrupted), CaptionOptions(batch_size=1))
    assert report.cancelled and list(report.written) == ["1.png", "2.png"]


def test_batches_get_smaller_until_they_fit(images: Path):
    class Small(Counts):
        def caption(self, images: Sequence[Image], questions: Sequence[str] = ()) -> list[str]:
            if len(images) > 2:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().caption(images, questions)

    model = Small()
    report = caption_folder(images, model)
    assert len(report.written) == 5 and max(model.batches) == 2
    assert texts(images)[4] == "colour (0, 0, 0)"
