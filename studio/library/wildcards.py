"""Wildcards: text files whose lines a prompt chooses from.

Owns: the files below the workspace's `wildcards/`, and which of them a name means. Refuses to know:
how prompts name them (`studio.infer.template`).

A line is a choice; empty lines and those that begin with `#` are none. A file in a folder is called
by both names: `__colours/warm__`.
"""

from __future__ import annotations

import os
from pathlib import Path

from studio.core.errors import FileError, InputError, MissingError
from studio.core.names import printable
from studio.core.paths import Workspace
from studio.core.text import lines, read_text
from studio.settings.training import nearest

ENDING = ".txt"


class Wildcards:
    """The wildcards of a workspace, looked up anew each time: files are edited while it runs."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    def files(self) -> dict[str, Path]:
        """Name → file, by name."""
        root = self.workspace.wildcards
        found = {}
        for folder, _, names in os.walk(root):
            for name in names:
                path = Path(folder, name)
                if path.suffix.lower() == ENDING and not name.startswith("."):
                    called = printable(path.relative_to(root).with_suffix("").as_posix())
                    found[called] = path
        return dict(sorted(found.items()))

    def lines(self, name: str) -> list[str]:
        """The choices of a wildcard. Capitals do not matter. MissingError for a name that no file
        has, InputError for a file without choices, FileError for one that cannot be read."""
        files = {called.lower(): path for called, path in self.files().items()}
        path = files.get(name.lower())
        if path is None:
            raise _missing(name, list(files))
        try:
            found = [line.strip() for line in lines(read_text(self.workspace.inside(path)))]
        except OSError as error:
            raise FileError(
                "This wildcard cannot be read", where=path.name, why=error.strerror
            ) from None
        choices = [line for line in found if line and not line.startswith("#")]
        if not choices:
            raise InputError(
                f"The wildcard “{name}” has no lines",
                where=f"__{name}__",
                remedy=f"Write one choice per line into wildcards/{name}{ENDING}.",
                safe="Nothing was generated.",
            )
        return choices


def _missing(name: str, known: list[str]) -> MissingError:
    close = nearest(name.lower(), known)
    return MissingError(
        f"There is no wildcard “{name}”",
        where=f"__{name}__",
        why="The prompt names it between double underscores.",
        remedy=(f"Did you mean “{close}”? Or write" if close else "Write")
        + f" one choice per line into the workspace's file wildcards/{name}{ENDING}; "
        f"\\__{name}\\__ is the word itself.",
        safe="Nothing was generated.",
    )
