"""One edit of each common kind over many captions at once, for scripts and other parts of the studio.

Owns: the order in which they combine, their preview. Refuses to know: what each does to a caption
(`tag_words`), edits in an order of one's own (`steps`), the record that undoes them (`history`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from studio.caption.history import Applied, Change, Record
from studio.caption.tag_words import (
    add_prefix,
    add_suffix,
    dedupe_tags,
    insert_trigger,
    remove_tags,
    rename_tag,
    replace,
)
from studio.caption.undoing import undo
from studio.formats.several import Listed, text_of, weights_of
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
    changes = [Change(path, text, _after(text, edit)) for path, text in captions.items()]
    return [change for change in changes if change.after != (change.before or "")]


def _after(text: str | None, edit: BulkEdit) -> str:
    """A caption after an edit, or each of several."""
    if not isinstance(text, Listed):
        return edited(text, edit)
    rows = list(weights_of(text).items()) or [("", 1)]
    return text_of((edited(line, edit), times) for line, times in rows)


def apply(changes: Sequence[Change], record: str | Path | Record) -> Applied:
    """Writes the captions. `record` (a file, or a record begun) is what `undo` needs.

    A caption that is no longer what the preview showed is left alone. Raises StorageError when
    the disk refuses; what was written until then can be undone with the record.
    """
    own = record if isinstance(record, Record) else Record(record, WHAT)
    return own.write(changes)
