"""Edits over many captions at once: pure functions, and a preview.

Owns: what each edit does to one caption, and the order in which edits combine. Refuses to know:
the record that undoes them (`history`), models, the page. Imports no torch.

A caption is a sentence or a list of tags with commas; every function here takes both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from studio.caption.history import Applied, Change, Record, undo
from studio.settings.training import Settings, setting

__all__ = [
    "Applied", "BulkEdit", "Change", "add_prefix", "add_suffix", "apply", "dedupe_tags", "edited",
    "insert_trigger", "preview", "remove_tags", "rename_tag", "replace", "undo",
]  # fmt: skip
WHAT = "edited"


class BulkEdit(Settings):
    """What is done to every chosen caption, in this order; empty fields do nothing."""

    remove: list[str] = setting(
        default_factory=list, help="Tags that are taken out.", label="Remove tags", multiline=True
    )
    tag: str = setting("", "A tag that becomes another one, as a whole.", label="Rename tag")
    new_tag: str = setting("", "What it becomes.", label="New tag")
    find: str = setting("", "Text that is replaced, whatever its case.", label="Find")
    replace: str = setting("", "What stands there instead; empty deletes it.", label="Replace by")
    whole_words: bool = setting(True, "Leave “cat” alone inside “catalogue”.")
    trigger: str = setting("", "Put in where it is missing.", label="Trigger word")
    class_word: str = setting("", "The trigger goes in front of this word where it occurs.")
    prefix: str = setting("", "Put in front where it is not there yet.")
    suffix: str = setting("", "Put at the end where it is not there yet.")
    dedupe: bool = setting(False, "Keep only the first of equal tags.", label="Remove repeats")


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
    unwanted = {_same(tag) for tag in tags if tag.strip()}
    parts = caption.split(",")
    kept = [part for part in parts if _same(part) not in unwanted]
    return caption if len(kept) == len(parts) else _tidy(",".join(kept))


def rename_tag(caption: str, tag: str, new: str) -> str:
    """The tags that equal `tag`, whatever their case, become `new`; once, also where it was there."""
    old, new = _same(tag), new.strip()
    parts = caption.split(",")
    if not old or not new or old not in map(_same, parts):
        return caption
    found: list[str] = []
    for part in parts:
        renamed = f" {new}" if _same(part) == old else part
        if _same(renamed) != _same(new) or _same(new) not in map(_same, found):
            found.append(renamed)
    return _tidy(",".join(found))


def dedupe_tags(caption: str) -> str:
    """Only the first of tags that are equal but for case and spaces; empty tags go too."""
    first: dict[str, str] = {}
    for part in caption.split(","):
        if part.strip():
            first.setdefault(_same(part), part.strip())
    return ", ".join(first.values())


def insert_trigger(caption: str, trigger: str, class_word: str = "") -> str:
    """The trigger, where it is missing: before the class word (“a sks dog”), else in front."""
    trigger = trigger.strip()
    if not trigger or _word(trigger).search(caption) or "[trigger]" in caption.casefold():
        return caption
    found = _word(class_word.strip()).search(caption) if class_word.strip() else None
    if found:
        return f"{caption[: found.start()]}{trigger} {caption[found.start() :]}"
    return f"{trigger}, {caption}" if caption.strip() else f"{trigger} {class_word}".strip()


def edited(caption: str | None, edit: BulkEdit) -> str:
    """One caption after all of `edit`, in the order of its fields."""
    text = remove_tags(caption or "", edit.remove)
    text = rename_tag(text, edit.tag, edit.new_tag)
    text = replace(text, edit.find, edit.replace, whole_words=edit.whole_words)
    text = insert_trigger(text, edit.trigger, edit.class_word)
    text = add_suffix(add_prefix(text, edit.prefix), edit.suffix)
    return (dedupe_tags(text) if edit.dedupe else text).strip()


def preview(captions: Mapping[Path, str | None], edit: BulkEdit) -> list[Change]:
    """The captions that `edit` would change, in the order given. Nothing is written."""
    changes = [Change(path, text, edited(text, edit)) for path, text in captions.items()]
    return [change for change in changes if change.after != (change.before or "")]


def apply(changes: Sequence[Change], record: str | Path | Record) -> Applied:
    """Writes the captions. `record` (a file, or a record begun) is what `undo` needs.

    A caption that is no longer what the preview showed is left alone. Raises StorageError when
    the disk refuses; what was written until then can be undone with the record.
    """
    own = record if isinstance(record, Record) else Record(record, WHAT)
    return own.write(changes)


def _same(tag: str) -> str:
    """What equal tags share: case and blanks do not count."""
    return " ".join(tag.casefold().split())


def _word(text: str) -> re.Pattern[str]:
    # \b would fail at triggers such as “<cat>” or “*”, so the neighbours are looked at instead
    return re.compile(rf"(?<!\w){re.escape(text)}(?!\w)", re.IGNORECASE)


def _tidy(text: str) -> str:
    """Commas and spaces as a person would set them after something was taken out."""
    parts = (" ".join(part.split()) for part in text.split(","))
    return ", ".join(part for part in parts if part)
