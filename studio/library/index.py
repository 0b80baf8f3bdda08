"""The library of adapters for a page: looked through in the background, told in small portions.

Owns: the thread that looks, how far it is, and what changed since a page asked last.
Refuses to know: what an entry is (`EntryStore`), what a header says, how a row looks.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from studio.core.errors import StudioError
from studio.library.adapter_info import ADAPTER_ENDINGS
from studio.library.entries import Entry, grouped, labels
from studio.library.entry_store import EntryStore, stamps

log = logging.getLogger(__name__)
PORTION = 1000
"""Rows in one answer: a page shows the first of them while it asks for the rest."""
SAVE_SECONDS = 5.0


@dataclass(frozen=True)
class IndexNews:
    """What changed after `since`. A page repeats with `version` until there is no `more`."""

    epoch: str
    version: int
    changed: list[Entry]
    gone: list[str]
    more: bool
    looking: bool
    done: int
    total: int


class AdapterIndex:
    """Rows by path, each with the number of its last change."""

    def __init__(self, store: EntryStore) -> None:
        self._store, self._library = store, store.library
        self._epoch = secrets.token_hex(4)  # numbers mean nothing after a restart
        self._rows: dict[str, tuple[int, Entry]] = {}
        self._gone: dict[str, int] = {}
        self._labels: dict[Path, str] | None = None
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
            self._thread = threading.Thread(target=self._work, name="library index", daemon=True)
            self._thread.start()

    def news(self, epoch: str = "", since: int = 0) -> IndexNews:
        """What a page that knows everything up to `since` does not know yet."""
        with self._lock:
            if epoch != self._epoch:
                since = 0
            new = sorted(
                (row for row in self._rows.values() if row[0] > since), key=lambda row: row[0]
            )
            portion, more = new[:PORTION], len(new) > PORTION
            version = portion[-1][0] if more else self._version
            gone = [path for path, number in self._gone.items() if since < number <= version]
            return IndexNews(
                self._epoch, version, [entry for _, entry in portion], gone, more,
                self._thread is not None, self._done, self._total,
            )  # fmt: skip

    def entry(self, path: str) -> Entry | None:
        """One entry by the path of its main file, as far as it has been seen."""
        with self._lock:
            found = self._rows.get(path)
        return found[1] if found else None

    def folders(self) -> list[str]:
        """The folders below `adapters/` in which something has been seen."""
        with self._lock:
            found = {row[1].folder for row in self._rows.values() if row[1].movable}
        return sorted(found - {""})

    def label(self, entry: Entry) -> str:
        """What an entry is called among all that have been seen: like no other."""
        with self._lock:
            if self._labels is None:
                self._labels = labels(row[1] for row in self._rows.values())
            return self._labels.get(entry.path, entry.title)

    def again(self, *paths: Path) -> None:
        """Looks at single files now: they have just been changed, moved or taken away."""
        for path in paths:
            (group,) = grouped([path, *(path.with_suffix(ending) for ending in ADAPTER_ENDINGS)])
            entries = self._store.of_group(dict.fromkeys(group))
            with self._lock:
                self._put(entries)
                here = {str(entry.path) for entry in entries}
                self._remove({str(one) for one in group} - here)

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
        groups = grouped(self._library.adapter_files())
        with self._lock:
            self._done, self._total = 0, sum(map(len, groups))
        seen: dict[str, Entry] = {}
        saved = time.monotonic()
        for group in groups:
            entries = self._store.of_group(group)
            seen |= {str(entry.path): entry for entry in entries}
            with self._lock:
                self._done += len(group)
                self._put(entries)
            if time.monotonic() - saved > SAVE_SECONDS:
                self._library.headers.save()
                saved = time.monotonic()
        with self._lock:
            self._remove(self._rows.keys() - seen.keys())
        self._library.headers.save(only={str(path) for group in groups for path in group})
        if self._store.notes.follow(stamps(seen.values())):
            with self._lock:
                self._again = True

    def _put(self, entries: Iterable[Entry]) -> None:
        """Rows as they are now. Call with the lock held."""
        for entry in entries:
            known = self._rows.get(str(entry.path))
            if known is None or known[1] != entry:
                self._version += 1
                self._rows[str(entry.path)] = (self._version, entry)
                self._gone.pop(str(entry.path), None)
                self._labels = None

    def _remove(self, names: Iterable[str]) -> None:
        """These files are no rows any more. Call with the lock held."""
        for name in self._rows.keys() & set(names):
            self._version += 1
            del self._rows[name]
            self._gone[name] = self._version
            self._labels = None
