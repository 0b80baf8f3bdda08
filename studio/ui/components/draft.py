"""What a form was left with, on disk: a reload, a second window or a restart find it again.

Owns: the draft's file, and when it is written. Refuses to know: what a form holds (callbacks are
handed in), which of it can still be used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from studio.core import atomic
from studio.core.errors import StorageError
from studio.core.tables import read_table
from studio.ui.live import ACTION, QUIET, Json, component, handler, log, refused


class Draft:
    """The draft of one form."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def write(self, values: Json) -> None:
        """Keeps `values`; where the disk refuses, the form only lives in the page."""
        try:
            atomic.write_json(self._file, values)
        except StorageError:
            log.warning("the draft %s could not be written", self._file.name, exc_info=True)

    def read(self) -> Json:
        """What was kept; nothing, when there is none or it cannot be read."""
        return read_table(self._file)

    def exists(self) -> bool:
        """Whether anything was ever kept."""
        return self._file.exists()

    def keeps(
        self,
        name: str,
        inputs: Sequence[Any],
        values: Callable[..., Json],
        contents: Callable[[Json], list[Any]],
        after: Sequence[Any] = (),
    ) -> None:
        """Keeps what `inputs` hold whenever a person has changed one, and after the events `after`;
        puts it back when the form is first shown. Call it inside the form's tab.

        `values(*contents of the inputs)` says what is kept, without what is only half typed: one
        empty number must not cost the prompt. `contents(kept)`: what the inputs are to hold again.
        """

        @handler
        def keep(*held: Any) -> None:
            self.write(values(*held))

        @handler
        def restore() -> list[Any]:
            kept = self.read()
            found = contents(kept) if kept else [gr.skip()] * len(inputs)
            return [gr.HTML(restored=True), *found]

        def kept(argument: Any) -> bool:
            """Whether there is anything to restore."""
            return self.exists()

        part = component(
            "draft", '<i class="cs-draft"></i>', [kept], events=["edited", "restore"],
            elem_id=f"cs-draft-{name}", form=name, restored=False, refused="",
        )  # fmt: skip
        latest: Json = {"trigger_mode": "always_last", **QUIET}
        part.edited(keep, list(inputs), None, **latest)
        gr.on([one.input for one in inputs if own_event(one)], keep, list(inputs), None, **latest)
        for event in after:
            event.then(keep, list(inputs), None, **QUIET)
        restored = part.restore(restore, None, [part, *inputs], **ACTION)
        restored.failure(refused, None, part, **QUIET)


def own_event(one: Any) -> bool:
    """Whether Python must listen to this input itself: the page tells of what is typed (`edits.js`), but
    not of what is chosen in a list, or changed in a part with a script of its own."""
    return isinstance(one, gr.Dropdown | gr.HTML)
