"""The library of adapters for a page: looked through in the background, told in small portions.

Owns: the thread that looks, how far it is, and what changed since a page asked last.
Refuses to know: what a header says (`LibraryFiles`, `Headers`), how a row looks.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.core.errors import StudioError

if TYPE_CHECKING:
    from studio.library.adapter_info import AdapterInfo
    from studio.library.files import LibraryFiles

log = logging.getLogger(__name__)
PORTION = 1000
"""Rows in one answer: a page shows the first of them while it asks for the rest."""
SAVE_SECONDS = 5.0


@dataclass(frozen=True)
class IndexNews:
    """What changed after `since`. A page repeats with `version` until there is no `more`."""

    epoch: str
    version: int
    changed: list[AdapterInfo]
    gone: list[str]
    more: bool
    looking: bool
    done: int
    total: int


class AdapterIndex:
    """Rows by path, each with the number of its last change."""

    def __init__(self, library: LibraryFiles) -> None:
        self._library = library
        self._epoch = secrets.token_hex(4)  # numbers mean nothing after a restart
        self._rows: dict[str, tuple[int, AdapterInfo]] = {}
        self._gone: dict[str, int] = {}
        self._version = 0
        self._done = self._total = 0
        self._thread: threading.Thread | None = None
        self._again = False
        self._lock = threading.Lock()

    def look(self) -> None:
        """Looks through the folders on a thread; asked while it looks, it looks once more after."""
        with self._lock:
            if self._thread is not None:
                self._again = True
                return
            self._thread = threading.Thread(target=self._work, name="shelf", daemon=True)
            self._thread.start()

    def news(self, epoch: str = "", since: int = 0) -> IndexNews:
        """What a page that knows everything up to `since` does not know yet."""
        with self._lock:
            if epoch != self._epoch:
                since = 0
            new = sorted(
                ((number, info) for number, info in self._rows.values() if number > since),
                key=lambda entry: entry[0],
            )
            portion, more = new[:PORTION], len(new) > PORTION
            version = portion[-1][0] if more else self._version
            gone = [path for path, number in self._gone.items() if since < number <= version]
            return IndexNews(
                self._epoch, version, [info for _, info in portion], gone, more,
                self._thread is not None, self._done, self._total,
            )  # fmt: skip

    def info(self, path: str) -> AdapterInfo | None:
        """One file by its path, as far as it has been seen."""
        with self._lock:
            found = self._rows.get(path)
        return found[1] if found else None

    def wait(self) -> None:
        """Blocks until nothing is being looked through."""
        while (thread := self._thread) is not None:
            thread.join()

    def _work(self) -> None:
        while True:
            try:
                self._scan()
            except (OSError, StudioError):
                log.exception("the library could not be looked through")
            with self._lock:
                if not self._again:
                    self._thread = None
                    return
                self._again = False

    def _scan(self) -> None:
        paths = self._library.adapter_files()
        with self._lock:
            self._done, self._total = 0, len(paths)
        seen: set[str] = set()
        saved = time.monotonic()
        for path in paths:
            info = self._library.listed(path) if path.exists() else None  # gone meanwhile
            with self._lock:
                self._done += 1
                if info is not None and not info.is_plain_picture:
                    seen.add(str(path))
                    known = self._rows.get(str(path))
                    if known is None or known[1] != info:
                        self._version += 1
                        self._rows[str(path)] = (self._version, info)
                        self._gone.pop(str(path), None)
            if time.monotonic() - saved > SAVE_SECONDS:
                self._library.headers.save()
                saved = time.monotonic()
        with self._lock:
            for name in self._rows.keys() - seen:
                self._version += 1
                del self._rows[name]
                self._gone[name] = self._version
        self._library.headers.save(only={str(path) for path in paths})
