"""The card “Edit many at once”: edits in an order of one's own, tried and made, and the list of changes.

Owns: its server functions and what the card shows of each edit. Everything visible is rendered by
`static/scripts/caption/`. Refuses to know: what edits do, how captions lie on disk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from studio.core.names import printable
from studio.ui.live import Json, Page, read

if TYPE_CHECKING:
    from studio.app import Studio

EXAMPLES = 5


class CaptionEdits:
    """What the card asks of Python."""

    def __init__(self, studio: Studio, page: Page) -> None:
        self.changes, self.library = studio.library.caption_changes, page.library

    @property
    def functions(self) -> list[Callable[[Any], Any]]:
        """Its server functions."""
        return [self.edit_captions, self.caption_changes, self.undo_change]

    def props(self) -> list[Json]:
        """The edits and their fields."""
        from studio.caption.edits import EDITS

        return [
            {
                "name": edit.name, "title": edit.title, "says": edit.says, "needs": edit.needs,
                "fields": [
                    {
                        "name": one.name, "label": one.label, "kind": one.kind, "hint": one.hint,
                        "value": one.default, "choices": [list(pair) for pair in one.choices],
                    }
                    for one in edit.fields
                ],
            }
            for edit in EDITS
        ]  # fmt: skip

    def edit_captions(self, argument: Any) -> Json:
        """Shows what steps would change, or makes the changes (`action` is “preview” or “apply”)."""
        identity, action, steps, files = read(
            argument, dataset=str, action=str, steps=list, files=list
        )
        folder, names = self.library.own(identity), [str(name) for name in files]
        if action == "apply":
            done = self.changes.apply(folder, steps, names)
            return {"changed": done.changed, "kept": done.kept}
        found = self.changes.preview(folder, steps, names).changes
        examples = [
            {
                "file": printable(one.image.name),
                "before": one.before or "",
                "after": one.after,
            }
            for one in found[:EXAMPLES]
        ]
        return {"changes": len(found), "examples": examples}

    def caption_changes(self, argument: Any) -> list[Json]:
        """The changes of many captions of a dataset, newest first."""
        from studio.library.caption_changes import plain

        (identity,) = read(argument, dataset=str)
        return [plain(entry) for entry in self.changes.past(self.library.path(identity))]

    def undo_change(self, argument: Any) -> Json:
        """Takes one of them back, by its name."""
        identity, name = read(argument, dataset=str, name=str)
        return self.changes.undo(self.library.own(identity), name)
