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
from studio.ui.live import QUIET, Json, Page, handler, log


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

    def keeps(
        self,
        page: Page,
        inputs: Sequence[Any],
        values: Callable[..., Json],
        contents: Callable[[Json], list[Any]],
        after: Sequence[Any] = (),
    ) -> None:
        """Keeps what `inputs` hold whenever a person has changed one, and after the events `after`;
        puts it back when the page is opened.

        `values(*contents of the inputs)` says what is kept, without what is only half typed: one
        empty number must not cost the prompt. `contents(kept)`: what the inputs are to hold again.
        """

        @handler
        def keep(*held: Any) -> None:
            self.write(values(*held))

        @handler
        def restore() -> Any:
            kept = self.read()
            found = contents(kept) if kept else [gr.skip()] * len(inputs)
            return found if len(inputs) > 1 else found[0]

        changed = [one.input for one in inputs if hasattr(one, "input")]
        gr.on(changed, keep, list(inputs), None, trigger_mode="always_last", **QUIET)
        for event in after:
            event.then(keep, list(inputs), None, **QUIET)
        assert page.demo is not None
        page.demo.load(restore, None, list(inputs), **QUIET)
