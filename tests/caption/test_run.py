"""Captioning a folder: what is written, what is kept, and what happens when it is interrupted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL.Image import Image

from studio.caption.captioner import load_captioner
from studio.caption.history import History
from studio.caption.run import CaptionOptions, caption_folder
from studio.caption.source import Means
from studio.core.errors import DatasetError, MissingError
from studio.formats.dataset import read_caption, read_captions, write_caption
from tests import failpoint


class Names:
    """Says the colour of the first pixel; counts the batches."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def caption(self, images: Sequence[Image], questions: Sequence[str] = ()) -> list[str]:
        """One caption per image."""
        self.batches.append(len(images))
        return [f"colour {image.convert('RGB').getpixel((0, 0))}" for image in images]


def test_only_missing_captions_are_written_unless_told_otherwise(images):
    write_caption(images / "2.png", "mine")
    write_caption(images / "3.png", "   ")
    seen: list[tuple[int, int, str]] = []
    report = caption_folder(
        images,
        captioner=Names(),
        options=CaptionOptions(prefix="sks"),
        on_progress=lambda *step: seen.append(step),
    )
    assert read_caption(images / "2.png") == "mine"
    assert read_caption(images / "3.png") == "sks, colour (0, 0, 255)"
    assert (list(report.written), report.kept) == (
        ["1.png", "3.png", "9.png", "10.png"],
        ["2.png"],
    )
    assert [(done, total) for done, total, _ in seen] == [(1, 4), (2, 4), (3, 4), (4, 4)]

    caption_folder(images, captioner=Names(), options=CaptionOptions(only="replace"))
    assert read_caption(images / "2.png") == "colour (0, 255, 0)"


def test_every_image_gets_its_own_caption_across_batches_and_broken_files(images):
    (images / "2.png").write_bytes(b"broken")
    model = Names()
    report = caption_folder(images, captioner=model, options=CaptionOptions(batch_size=2))
    assert model.batches == [1, 2, 1]
    assert list(report.broken) == ["2.png"]
    assert read_caption(images / "2.png") is None
    assert read_caption(images / "3.png") == "colour (0, 0, 255)"
    assert read_caption(images / "10.png") == "colour (0, 0, 0)"


def test_cancelling_keeps_what_was_written_and_going_on_finishes_the_rest(images):
    model = Names()
    report = caption_folder(
        images,
        captioner=model,
        options=CaptionOptions(batch_size=2),
        cancelled=lambda: len(model.batches) == 1,
    )
    assert report.cancelled and list(report.written) == ["1.png", "2.png"]
    again = caption_folder(images, captioner=Names(), options=CaptionOptions(batch_size=2))
    assert not again.cancelled and list(again.written) == ["3.png", "9.png", "10.png"]


def test_a_caption_typed_while_the_model_thinks_is_kept(images):
    class Slow(Names):
        def caption(self, batch: Sequence[Image], questions: Sequence[str] = ()) -> list[str]:
            write_caption(images / "1.png", "typed by hand")
            return super().caption(batch)

    report = caption_folder(images, captioner=Slow())
    assert read_caption(images / "1.png") == "typed by hand"
    assert "1.png" in report.kept and "1.png" not in report.written


def test_a_model_without_words_does_not_empty_a_caption(images):
    class Mute(Names):
        def caption(self, batch: Sequence[Image], questions: Sequence[str] = ()) -> list[str]:
            return [" "] * len(batch)

    write_caption(images / "1.png", "mine")
    report = caption_folder(
        images, captioner=Mute(), options=CaptionOptions(only="replace", prefix="sks")
    )
    assert len(report.broken) == 5 and report.written == {}
    assert read_caption(images / "1.png") == "mine"


def test_a_real_model_captions_a_folder(images, git_folder):
    report = caption_folder(
        images,
        captioner=load_captioner(git_folder, Means("cpu")),
        options=CaptionOptions(batch_size=3),
    )
    assert len(report.written) == 5
    assert all(read_captions(images).values())
    assert report.cancelled is False
    again = caption_folder(
        images, captioner=git_folder, options=CaptionOptions(only="replace"), means=Means("cpu")
    )
    assert again.written == report.written


def test_only_the_chosen_images_are_captioned(images):
    report = caption_folder(
        images, captioner=Names(), options=CaptionOptions(files=["9.png", "2.png"])
    )
    assert list(report.written) == ["2.png", "9.png"]
    assert read_caption(images / "1.png") is None
    with pytest.raises(DatasetError, match=r"no such image.*gone\.png"):
        caption_folder(
            images, captioner=Names(), options=CaptionOptions(files=["1.png", "gone.png"])
        )
    assert read_caption(images / "1.png") is None


def test_no_model_is_loaded_when_there_is_nothing_to_do(images):
    for path in read_captions(images):
        write_caption(path, "mine")
    report = caption_folder(images, captioner="there/is no such model")
    assert len(report.kept) == 5


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(DatasetError):
        caption_folder(tmp_path / "nowhere", captioner=Names())


class Says(Names):
    """Says what it is told to, in order."""

    def __init__(self, *texts: str) -> None:
        super().__init__()
        self.texts = list(texts)

    def caption(self, images: Sequence[Image], questions: Sequence[str] = ()) -> list[str]:
        """One caption per image."""
        return [self.texts.pop(0) for _ in images]


def test_replaced_captions_are_kept_and_come_back(images, tmp_path):
    for name in ("1", "2", "3"):
        write_caption(images / f"{name}.png", f"right {name}")
    before = read_captions(images)
    history = History(tmp_path / "history")
    report = caption_folder(
        images,
        captioner=Names(),
        options=CaptionOptions(only="replace"),
        record=history.begin(images, "described"),
    )
    assert (len(report.written), report.replaced) == (5, 3)
    again = History(tmp_path / "history")  # as after a restart
    (entry,) = again.entries(images)
    entry.file.write_text(entry.file.read_text().replace('{"image"', '{"picture"'))  # an older one
    assert '{"picture"' in entry.file.read_text() and again.entries(images) == [entry]
    assert (entry.what, entry.replaced, entry.added) == ("described", 3, 2)
    write_caption(images / "3.png", "typed since")
    undone = again.undo(images)
    assert undone.kept == [images / "3.png"] and len(undone.changed) == 4
    assert read_captions(images) == {**before, images / "3.png": "typed since"}
    assert again.entries(images) == []


def test_changes_are_undone_one_by_one_newest_first(images, tmp_path):
    history = History(tmp_path / "history")
    for said in ("first one", "second one", "third one"):
        caption_folder(images, captioner=Says(*[said] * 5), options=CaptionOptions(only="replace"), record=history.begin(images, said))  # fmt: skip
    left: list[str | None] = ["second one", "first one", None]
    for word in left:
        history.undo(images)
        assert set(read_captions(images).values()) == {word}
    with pytest.raises(MissingError, match="left to undo"):
        history.undo(images)


def test_a_run_that_dies_between_record_and_caption_loses_nothing(images, tmp_path, monkeypatch):
    write_caption(images / "1.png", "right one")
    write_caption(images / "2.png", "right two")
    before = read_captions(images)
    history = History(tmp_path / "history")

    def die(operation: str, path: Path) -> None:
        if operation == "write" and path.name == "2.txt":
            raise KeyboardInterrupt

    monkeypatch.setattr(failpoint, "reached", die)
    with pytest.raises(KeyboardInterrupt):
        caption_folder(images, captioner=Names(), options=CaptionOptions(only="replace"), record=history.begin(images, "described"))  # fmt: skip
    monkeypatch.setattr(failpoint, "reached", None)
    assert read_caption(images / "1.png") != "right one"
    with open(next((tmp_path / "history").rglob("*.jsonl")), "a") as file:
        file.write('{"image": "torn')
    history.undo(images)
    assert read_captions(images) == before


def test_what_reads_like_no_caption_is_marked_and_the_earlier_one_stays(images, tmp_path):
    write_caption(images / "1.png", "right one")
    history = History(tmp_path / "history")
    texts = ["a " + "big " * 30, "a red cat", "in the in the in the", "dog", "a fish"]
    report = caption_folder(images, captioner=Says(*texts), options=CaptionOptions(only="replace", prefix="sks"), record=history.begin(images, "described"))  # fmt: skip
    assert list(report.written) == ["2.png", "10.png"]
    assert {name: found["why"] for name, found in report.marked.items()} == {
        "1.png": "It repeats “big”", "3.png": "It repeats “in the”", "9.png": "It is a single word",
    }  # fmt: skip
    assert read_caption(images / "1.png") == "right one"
    assert read_caption(images / "3.png") is None
    marked = History(tmp_path / "history").to_review(images, read_captions(images))
    assert sorted(path.name for path in marked) == ["1.png", "3.png", "9.png"]
    write_caption(images / "3.png", "somebody looked")
    marked = history.to_review(images, read_captions(images))
    assert sorted(path.name for path in marked) == ["1.png", "9.png"]
    caption_folder(images, captioner=Says("a good one"), options=CaptionOptions(files=["9.png"]), record=history.begin(images, "described"))  # fmt: skip
    marked = history.to_review(images, read_captions(images))
    assert [path.name for path in marked] == ["1.png"]


def test_a_caption_typed_while_captions_are_replaced_is_kept(images, tmp_path):
    write_caption(images / "1.png", "before")

    class Slow(Names):
        def caption(self, batch: Sequence[Image], questions: Sequence[str] = ()) -> list[str]:
            write_caption(images / "1.png", "typed by hand")
            return super().caption(batch)

    report = caption_folder(images, captioner=Slow(), options=CaptionOptions(only="replace"))
    assert read_caption(images / "1.png") == "typed by hand" and report.kept == ["1.png"]
