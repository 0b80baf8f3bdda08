"""Edits over many captions at once: pure functions, a preview, and a way back.

Owns: what each edit does to one caption, the order in which edits combine, and the undo record.
Refuses to know: models, the page. Imports no torch.

A caption is a sentence or a list of tags with commas; every function here takes both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio import atomic
from studio.config import Settings, setting
from studio.errors import FileError, InputError
from studio.formats.captions import Looked, caption_file
from studio.formats.dataset import read_caption, read_captions, write_caption
from studio.text import path_of, read_json


class BulkEdit(Settings):
    """What is done to every chosen caption, in this order; empty fields do nothing."""

    remove: list[str] = setting(
        default_factory=list, help="Tags that are taken out.", label="Remove tags", multiline=True
    )
    find: str = setting("", "Text that is replaced, whatever its case.", label="Find")
    replace: str = setting("", "What stands there instead; empty deletes it.", label="Replace by")
    whole_words: bool = setting(True, "Leave “cat” alone inside “catalogue”.")
    trigger: str = setting("", "Put in where it is missing.", label="Trigger word")
    class_word: str = setting("", "The trigger goes in front of this word where it occurs.")
    prefix: str = setting("", "Put in front where it is not there yet.")
    suffix: str = setting("", "Put at the end where it is not there yet.")
    dedupe: bool = setting(False, "Keep only the first of equal tags.", label="Remove repeats")


@dataclass(frozen=True)
class Change:
    """One caption before and after; `before` is None where there was none."""

    picture: Path
    before: str | None
    after: str


@dataclass(frozen=True)
class Applied:
    """What really happened. `kept` are pictures whose caption had changed in the meantime."""

    changed: list[Path]
    kept: list[Path]


def add_prefix(caption: str, prefix: str) -> str:
    """`prefix` in front, unless it is there. A bare word gets a comma, “photo of ” does not."""
    if not prefix.strip() or caption.casefold().startswith(prefix.strip().casefold()):
        return caption
    if not caption.strip():
        return prefix.strip(" ,")
    return prefix + ("" if prefix[-1].isspace() else ", ") + caption


def add_suffix(caption: str, suffix: str) -> str:
    """`suffix` at the end, unless it is there; with a comma unless it brings its own start."""
    if not suffix.strip() or caption.casefold().endswith(suffix.strip().casefold()):
        return caption
    if not caption.strip():
        return suffix.strip(" ,")
    return caption + ("" if suffix[0].isspace() or suffix[0] in ",.;" else ", ") + suffix


def replace(caption: str, find: str, by: str, *, whole_words: bool = True) -> str:
    """Every `find`, whatever its case, becomes `by`; `find` is plain text, not a pattern."""
    if not find:
        return caption
    pattern = _word(find) if whole_words else re.compile(re.escape(find), re.IGNORECASE)
    return _tidy(pattern.sub(lambda _: by, caption)) if pattern.search(caption) else caption


def remove_tags(caption: str, tags: Iterable[str]) -> str:
    """Without the tags that equal one of `tags`, whatever their case."""
    unwanted = {tag.strip().casefold() for tag in tags if tag.strip()}
    parts = caption.split(",")
    kept = [part for part in parts if part.strip().casefold() not in unwanted]
    return caption if len(kept) == len(parts) else _tidy(",".join(kept))


def dedupe_tags(caption: str) -> str:
    """Only the first of tags that are equal but for case and spaces; empty tags go too."""
    first: dict[str, str] = {}
    for part in caption.split(","):
        if part.strip():
            first.setdefault(" ".join(part.casefold().split()), part.strip())
    return ", ".join(first.values())


def insert_trigger(caption: str, trigger: str, class_word: str = "") -> str:
    """The trigger, where it is missing: before the class word (“a sks dog”), else in front."""
    trigger = trigger.strip()
    if not trigger or _word(trigger).search(caption):
        return caption
    found = _word(class_word.strip()).search(caption) if class_word.strip() else None
    if found:
        return f"{caption[: found.start()]}{trigger} {caption[found.start() :]}"
    return f"{trigger}, {caption}" if caption.strip() else f"{trigger} {class_word}".strip()


def edited(caption: str | None, edit: BulkEdit) -> str:
    """One caption after all of `edit`, in the order of its fields."""
    text = remove_tags(caption or "", edit.remove)
    text = replace(text, edit.find, edit.replace, whole_words=edit.whole_words)
    text = insert_trigger(text, edit.trigger, edit.class_word)
    text = add_suffix(add_prefix(text, edit.prefix), edit.suffix)
    return (dedupe_tags(text) if edit.dedupe else text).strip()


def preview(captions: Mapping[Path, str | None], edit: BulkEdit) -> list[Change]:
    """The captions that `edit` would change, in the order given. Nothing is written."""
    changes = [Change(path, text, edited(text, edit)) for path, text in captions.items()]
    return [change for change in changes if change.after != (change.before or "")]


def preview_folder(folder: str | Path, edit: BulkEdit) -> list[Change]:
    """`preview` over a dataset; DatasetError when it cannot be opened."""
    return preview(read_captions(folder), edit)


def apply(changes: Sequence[Change], record: str | Path) -> Applied:
    """Writes the captions. `record` (a JSON file, written first) is what `undo` needs.

    A caption that is no longer what the preview showed is left alone. Raises StorageError when
    the disk refuses; what was written until then can be undone with the record.
    """
    looked = Looked()
    rows = [
        {
            "picture": str(change.picture),
            "before": change.before,
            "after": change.after,
            "had_file": caption_file(change.picture, looked) is not None,
        }
        for change in changes
    ]
    atomic.write_json(record, {"changes": rows})
    return _write(changes)


def undo(record: str | Path, may: Callable[[Path], object] = Path) -> Applied:
    """Puts back the captions from before `apply`, except those edited since.

    Where there was no text file, an older `.caption` or `metadata.jsonl` speaks again: the file
    that was written moves into a folder `undone` beside the record. Raises FileError when the
    record is missing or damaged.
    """
    record = Path(record)
    try:
        rows: list[dict[str, Any]] = read_json(record)["changes"]
        changes = [
            (path_of(r["picture"]), r["before"], r["after"], bool(r["had_file"])) for r in rows
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileError(
            "This edit cannot be undone: its record is missing or damaged", where=record
        ) from error
    for picture, *_ in changes:  # raises for a picture that whoever asks may not name
        may(picture)
    done = Applied([], [])
    for picture, before, after, had_file in changes:
        if had_file:
            part = _write([Change(picture, after, before or "")])
            done.changed.extend(part.changed)
            done.kept.extend(part.kept)
        elif _reads(picture) == after:
            written = caption_file(picture) or picture.with_suffix(".txt")
            atomic.move_to_trash(written, record.parent / "undone")
            done.changed.append(picture)
        else:
            done.kept.append(picture)
    return done


def _write(changes: Sequence[Change]) -> Applied:
    done, looked = Applied([], []), Looked()
    for change in changes:
        try:
            if read_caption(change.picture, looked) == change.before:
                write_caption(change.picture, change.after, looked)
                done.changed.append(change.picture)
                continue
        except InputError:  # the picture went away, or its text file is no caption any more
            pass
        done.kept.append(change.picture)
    return done


def _reads(picture: Path) -> str | None:
    try:
        return read_caption(picture)
    except InputError:
        return None


def _word(text: str) -> re.Pattern[str]:
    # \b would fail at triggers such as “<cat>” or “*”, so the neighbours are looked at instead
    return re.compile(rf"(?<!\w){re.escape(text)}(?!\w)", re.IGNORECASE)


def _tidy(text: str) -> str:
    """Commas and spaces as a person would set them after something was taken out."""
    parts = (" ".join(part.split()) for part in text.split(","))
    return ", ".join(part for part in parts if part)
