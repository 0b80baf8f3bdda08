"""The prompts that images were asked for with, newest first, kept in the workspace.

Owns: `prompts.json`. Refuses to know: the page, what a prompt means.
"""

from __future__ import annotations

import threading
from contextlib import suppress

from studio.core import atomic, text
from studio.core.errors import StorageError
from studio.core.paths import Workspace

MOST = 200
FILE = "prompts.json"


class PromptHistory:
    """Pairs of prompt and negative prompt, each kept once. Only a convenience: a disk that takes
    no writes loses it, and nobody is stopped."""

    def __init__(self, workspace: Workspace) -> None:
        self.path = workspace.root / FILE
        self._lock = threading.Lock()

    def all(self) -> list[tuple[str, str]]:
        """(prompt, negative prompt), newest first; none where the file is damaged."""
        try:
            found = text.read_json(self.path)
            return [(str(one), str(other)) for one, other in found["prompts"]][:MOST]
        except (OSError, ValueError, KeyError, TypeError):
            return []

    def add(self, prompt: str, negative: str) -> None:
        """Puts a pair in front."""
        if prompt.strip():
            with self._lock:
                self._write(
                    [(prompt, negative), *(p for p in self.all() if p != (prompt, negative))]
                )

    def remove(self, prompt: str, negative: str) -> None:
        """Forgets a pair."""
        with self._lock:
            self._write([pair for pair in self.all() if pair != (prompt, negative)])

    def _write(self, pairs: list[tuple[str, str]]) -> None:
        with suppress(StorageError):
            atomic.write_json(self.path, {"version": 1, "prompts": pairs[:MOST]})
