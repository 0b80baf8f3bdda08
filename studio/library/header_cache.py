"""What the headers of adapter files said, remembered on disk by path, size and time of change.

Owns: the memory, and when a file must be read again. Refuses to know: which files there are, and
what the page shows of them. No tensor is read and nothing is hashed.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from collections.abc import Collection
from dataclasses import asdict, dataclass
from os import stat_result
from pathlib import Path
from typing import Any

from studio import __version__
from studio.core import atomic
from studio.core.budget import cut
from studio.core.errors import MissingError, StorageError, StudioError
from studio.core.text import read_json
from studio.formats import metadata
from studio.formats.apart import inspect_apart
from studio.formats.file_report import FileReport
from studio.formats.inspect import inspect
from studio.library.suspects import Suspects

log = logging.getLogger("studio.headers")
LONGEST_PROBLEM = 2_000

LAYOUT = f"4 {__version__}"
"""Another version of the studio may recognise more: it reads every header again."""


@dataclass(frozen=True)
class HeaderFacts:
    """What one header says."""

    kind: str
    dialect: str | None
    family: str | None
    trigger: str
    problem: str | None
    base_name: str = ""
    base_hash: str = ""
    names: tuple[str, ...] = ()
    """What the file says it is called."""
    thumbnail: bool = False
    """Whether it carries a small image."""


class Headers:
    """Facts by file; safe to ask from several threads."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[str, tuple[int, int, HeaderFacts]] | None = None
        self._changed = False
        self._suspects = Suspects(file.parent / "reading")
        self._lock = threading.Lock()

    def of(self, path: Path, status: stat_result) -> HeaderFacts:
        """The facts of a file whose `stat()` is `status`; its header is read only when it is new."""
        key, stamp = str(path), (status.st_mtime_ns, status.st_size)
        with self._lock:
            if self._known is None:
                self._known = self._read()
            known = self._known.get(key)
        if known is not None and known[:2] == stamp:
            return known[2]
        try:
            report = self._look(path)
        except MissingError:
            raise
        except (
            OSError,
            StudioError,
        ) as error:  # of the disk, not of the file: asked again next time
            return HeaderFacts("unknown", None, None, "", _said(error))
        return self._remember(path, status, report)

    def learn(self, path: Path, report: FileReport) -> None:
        """Takes over what was just found in a file, so that it is not opened again for that."""
        with contextlib.suppress(OSError):
            self._remember(path, path.stat(), report)

    def _remember(self, path: Path, status: stat_result, report: FileReport) -> HeaderFacts:
        problem = cut("; ".join(report.problems), LONGEST_PROBLEM) or None
        base_name, base_hash = metadata.trained_on(report.metadata) or ("", "")
        facts = HeaderFacts(
            report.kind, report.dialect, report.family, report.trigger or "", problem,
            base_name, base_hash, metadata.names(report.metadata),
            "modelspec.thumbnail" in report.metadata,
        )  # fmt: skip
        with self._lock:
            known = self._known = self._read() if self._known is None else self._known
            known[str(path)] = (status.st_mtime_ns, status.st_size, facts)
            self._changed = True
        return facts

    def _look(self, path: Path) -> FileReport:
        """What is in a file. Whatever its reader does, there is a verdict, which is remembered."""
        if path in self._suspects:
            return inspect_apart(path)
        try:
            with self._suspects.reading(path):
                return inspect(path, hashes=False)
        except (OSError, StudioError):
            raise
        except Exception as error:  # a fault of ours, or no memory left: the others must not suffer
            log.exception("the header of %r could not be read", str(path))
            what = "there was not enough memory" if isinstance(error, MemoryError) else "a fault"
            problem = (
                f"Its header could not be read: {what}. It is not read again until it changes."
            )
            return FileReport(str(path), problems=[problem])

    def save(self, only: Collection[str] | None = None) -> None:
        """Writes what is known, if anything is new; with `only`, forgets all other files first."""
        with self._lock:
            known = dict(self._known or {})
            if only is not None and known.keys() - set(only):
                known = {key: entry for key, entry in known.items() if key in only}
                self._known, self._changed = known, True
            if not self._changed:
                self._suspects.settle()
                return
            self._changed = False
        files = {key: [*stamp, asdict(facts)] for key, (*stamp, facts) in known.items()}
        text = json.dumps({"layout": LAYOUT, "files": files})
        try:
            atomic.write_text(self._file, text)
        except StorageError:  # every header can be read again
            self._changed = True
        else:
            self._suspects.settle()

    def _read(self) -> dict[str, tuple[int, int, HeaderFacts]]:
        """A memory that cannot be read is as good as none: everything in it can be found again."""
        try:
            found: Any = read_json(self._file)
            if found["layout"] != LAYOUT:
                return {}
            return {
                key: (
                    int(time),
                    int(size),
                    HeaderFacts(**{**facts, "names": tuple(facts["names"])}),
                )
                for key, (time, size, facts) in found["files"].items()
            }
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return {}


def _said(error: Exception) -> str:
    if isinstance(error, StudioError):
        return str(error)
    return f"It could not be read: {getattr(error, 'strerror', None) or 'the disk refused'}."
