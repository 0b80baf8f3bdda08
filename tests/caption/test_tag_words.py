"""Words put into captions and taken out of them, and the way back after many were changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.caption import tag_words
from studio.caption.changes import Change
from studio.caption.history import Record
from studio.caption.undoing import undo
from studio.core.errors import FileError, StorageError
from studio.formats.dataset import read_caption, read_captions, write_caption
from tests import failpoint


@pytest.mark.parametrize(
    ("caption", "prefix", "result"),
    [
        ("a dog", "sks", "sks, a dog"),
        ("a dog", "photo of ", "photo of a dog"),
        ("Photo of a dog", "photo of ", "Photo of a dog"),
        ("", "sks", "sks"),
        ("a dog", "  ", "a dog"),
    ],
)
def test_a_prefix_comes_once(caption, prefix, result):
    once = tag_words.add_prefix(caption, prefix)
    assert once == result
    assert tag_words.add_prefix(once, prefix) == result


@pytest.mark.parametrize(
    ("caption", "suffix", "result"),
    [
        ("a dog", "neon style", "a dog, neon style"),
        ("a dog", ", neon", "a dog, neon"),
        ("a dog", " at night", "a dog at night"),
        ("", "neon", "neon"),
    ],
)
def test_a_suffix_comes_once(caption, suffix, result):
    once = tag_words.add_suffix(caption, suffix)
    assert once == result
    assert tag_words.add_suffix(once, suffix) == result


@pytest.mark.parametrize(
    ("caption", "trigger", "class_word", "result"),
    [
        ("a dog on the beach", "sks", "dog", "a sks dog on the beach"),
        ("a doghouse", "sks", "dog", "sks, a doghouse"),
        ("Dog, beach", "sks", "dog", "sks Dog, beach"),
        ("a SKS dog", "sks", "dog", "a SKS dog"),
        ("asks a dog", "sks", "", "sks, asks a dog"),
        ("a toy", "<cat*>", "", "<cat*>, a toy"),
        ("a <cat*> toy", "<cat*>", "", "a <cat*> toy"),
        ("", "sks", "dog", "sks dog"),
        ("a dog", "", "dog", "a dog"),
    ],
)
def test_the_trigger_is_put_where_it_is_missing(caption, trigger, class_word, result):
    assert tag_words.insert_trigger(caption, trigger, class_word) == result


def test_replacing_takes_words_as_they_are_written():
    assert tag_words.replace("a Cat in a catalogue", "cat", "dog") == "a dog in a catalogue"
    assert tag_words.replace("a cat in a catalogue", "cat", "dog", whole_words=False) == (
        "a dog in a dogalogue"
    )
    assert tag_words.replace("1.5 (old) x", "(old)", r"\1", whole_words=True) == r"1.5 \1 x"
    assert tag_words.replace("blurry, a cat,  nice", "blurry", "") == "a cat, nice"
    assert tag_words.replace("odd  ,spacing", "cat", "dog") == "odd  ,spacing"


def test_tags_are_removed_and_repeats_dropped_without_their_case():
    assert tag_words.remove_tags(
        "Solo, a cat, simple background", ["solo", " simple background "]
    ) == ("a cat")
    assert tag_words.remove_tags("solo artist, cat", ["solo"]) == "solo artist, cat"
    assert tag_words.dedupe_tags("cat, Red Hat,, cat ,red  hat, sun") == "cat, Red Hat, sun"


def prefixed(images: Path) -> list[Change]:
    """A change of every caption in which a word is missing."""
    found = [
        Change(path, text, tag_words.add_prefix(text or "", "sks"))
        for path, text in read_captions(images).items()
    ]
    return [change for change in found if change.after != (change.before or "")]


def test_undo_brings_every_caption_back(images, tmp_path):
    write_caption(images / "1.png", "a cat")
    (images / "2.caption").write_text("an old dog")
    write_caption(images / "3.png", "third")
    before = read_captions(images)
    record = tmp_path / "undo" / "edit.json"
    changes = prefixed(images)
    assert len(Record(record, "edited").write(changes).changed) == 5
    assert read_caption(images / "2.png") == "sks, an old dog"

    write_caption(images / "3.png", "typed after the edit")
    undone = undo(record)
    assert undone.kept == [images / "3.png"]
    assert read_captions(images) == {**before, images / "3.png": "typed after the edit"}
    assert not (images / "2.txt").exists()


def test_a_caption_typed_since_the_preview_is_not_overwritten(images, tmp_path):
    changes = prefixed(images)
    write_caption(images / "1.png", "typed meanwhile")
    (images / "2.png").unlink()
    applied = Record(tmp_path / "edit.json", "edited").write(changes)
    assert applied.kept == [images / "1.png", images / "2.png"]
    assert read_caption(images / "1.png") == "typed meanwhile"


def test_a_disk_that_fills_up_half_way_loses_no_caption_and_can_be_undone(
    images, tmp_path, monkeypatch
):
    for name in ("1", "2", "3"):
        write_caption(images / f"{name}.png", f"caption {name}")
    before = read_captions(images)
    record = tmp_path / "edit.json"
    changes = prefixed(images)

    def full(operation: str, path: Path) -> None:
        if operation == "write" and path.name == "3.txt":
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(failpoint, "reached", full)
    with pytest.raises(StorageError, match="disk is full"):
        Record(record, "edited").write(changes)
    monkeypatch.setattr(failpoint, "reached", None)
    assert read_caption(images / "3.png") == "caption 3"
    undo(record)
    assert read_captions(images) == before


def test_a_damaged_record_is_an_error_people_understand(tmp_path):
    (tmp_path / "edit.json").write_text('{"changes": [{"image": 1}]}')
    for name in ("edit.json", "none.json"):
        with pytest.raises(FileError, match="cannot be undone"):
            undo(tmp_path / name)


def test_images_are_never_touched(images, tmp_path):
    before = {path: path.read_bytes() for path in images.glob("*.png")}
    record = tmp_path / "edit.json"
    Record(record, "edited").write(prefixed(images))
    undo(record)
    assert {path: path.read_bytes() for path in images.glob("*.png")} == before


@pytest.mark.parametrize(
    ("caption", "tag", "new", "result"),
    [
        ("red, dark red, Red", "red", "scarlet", "scarlet, dark red"),
        ("a red cat", "red", "blue", "a red cat"),
        ("two  dogs, x", "Two Dogs", "dogs", "dogs, x"),
        ("red, blue", "red", "blue", "blue"),
        ("blue, red, x", "red", "Blue", "blue, x"),
        ("red", "red", "RED", "RED"),
        ("red", "red", " ", "red"),
        ("", "red", "blue", ""),
    ],
)
def test_a_tag_is_renamed_as_a_whole(caption, tag, new, result):
    assert tag_words.rename_tag(caption, tag, new) == result
