"""Folders of images that were opened by their path: remembered, so that a restart finds them again.

Owns: the list on disk. A folder that is not there now stays on it, because a drive that is unplugged
comes back. Refuses to know: what is in the folders.
"""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

from studio.core import atomic
from studio.core.errors import StorageError, StudioError
from studio.core.names import path_of, printable
from studio.core.paths import Workspace, is_folder
from studio.core.text import read_json

FILE = "opened-folders.json"


class OpenedFolders:
    """By id, which is the path as text; in the order in which they were opened."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._file = workspace.cache / FILE
        self._lock = threading.Lock()
        self._paths = self._read()

    def all(self) -> dict[str, Path]:
        """Those that may be named from where the page is open."""
        with self._lock:
            paths = dict(self._paths)
        return {identity: path for identity, path in paths.items() if self._allowed(path)}

    def add(self, path: Path) -> str:
        """Remembers a folder; returns its id."""
        identity = printable(path)
        with self._lock:
            if identity not in self._paths:
                self._paths[identity] = path
                self._write()
        return identity

    def forget(self, identity: str) -> None:
        """Takes a folder off the list; its files stay."""
        with self._lock:
            if self._paths.pop(identity, None):
                self._write()

    def _allowed(self, path: Path) -> bool:
        """Whether it may be opened; if so, it is from here on."""
        try:
            if is_folder(path):
                self._workspace.open_folder(path)
            else:
                self._workspace.named(path)
        except StudioError:
            return False
        return True

    def _read(self) -> dict[str, Path]:
        try:
            found = read_json(self._file)
        except (OSError, ValueError):
            return {}
        names = [name for name in found if isinstance(name, str)] if isinstance(found, list) else []
        return {name: path_of(name) for name in names if path_of(name).is_absolute()}

    def _write(self) -> None:
        with contextlib.suppress(StorageError):  # then it is known until the studio ends
            atomic.write_json(self._file, list(self._paths))
