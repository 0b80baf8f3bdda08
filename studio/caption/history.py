"""The captions there were before: kept for every change of many, and brought back.

Owns: the record of each change (written before the captions are), undoing it, and which images
were left for a person to look at. Refuses to know: models, edits, the page.

    <dataset>/<time>.jsonl    one file for each change, never deleted
      {"what": …, "folder": …, "time": …, "by": …, "job": …}    a captioning says who writes, and how;
                                                                an edit says it in words: "says": […]
      {"image": …, "before": …, "after": …, "had_file": …}    durable before it is done
      {"look": image, "why": …, "text": …, "before": …}       left for a person
      {"finished": …}    a captioning that was not stopped
      {"undone": …, "kept": …}    and how many captions stayed, because somebody had changed them
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from studio.caption.changes import Applied, Change, reads, write_changes
from studio.caption.job import Job, job_of
from studio.caption.undoing import rows_of, undo
from studio.core import atomic
from studio.core.errors import FileError, MissingError
from studio.core.paths import slug
from studio.formats.captions import Looked, own_file


@dataclass(frozen=True)
class Entry:
    """One change of many captions that can be undone."""

    file: Path
    what: str
    time: float
    replaced: int
    """Captions that stood there before and were replaced."""
    added: int
    """Captions where there was none."""
    by: str = ""
    """Which captioner wrote them; empty for an edit."""
    says: tuple[str, ...] = ()
    """What an edit did, in words."""
    undone: float | None = None
    """When it was taken back."""
    kept: int = 0
    """How many captions stayed then, because somebody had changed them: once they are again as the
    change left them, it can be taken back by its name once more."""

    @property
    def name(self) -> str:
        """What it is called, among the changes of its dataset."""
        return self.file.stem


class Record:
    """The record of one change while it is made."""

    def __init__(
        self,
        file: str | Path,
        what: str,
        folder: str | Path = "",
        job: Job | None = None,
        says: Sequence[str] = (),
    ) -> None:
        self.file, self.job = Path(file), job
        self.done: frozenset[Path] = frozenset()
        """Images that this change has been at already, when it is continued."""
        self._head: dict[str, Any] | None = {
            "what": what,
            "folder": str(folder),
            "time": time.time(),
        }
        if job is not None:
            self._head |= {"by": job.by, "job": asdict(job)}
        if says:
            self._head["says"] = list(says)

    @classmethod
    def continued(cls, file: Path, rows: list[dict[str, Any]], job: Job) -> Self:
        """The record of a change that was stopped; what comes now is undone together with it."""
        record = cls(file, str(rows[0].get("what", "")), job=job)
        record._head = None
        looked = Looked()
        written = (
            Path(row["image"])
            for row in rows
            if "image" in row
            and (reads(Path(row["image"]), looked) or "") != (row.get("before") or "")
        )
        record.done = frozenset([*written, *(Path(row["look"]) for row in rows if "look" in row)])
        return record

    def finish(self) -> None:
        """Notes that nothing of the change is left to do."""
        if self._head is None:
            self._append([{"finished": time.time()}])

    def write(self, changes: Sequence[Change]) -> Applied:
        """Records the changes durably, then makes them.

        A caption that is no longer what `before` says is left alone. Raises StorageError when the
        disk refuses; what was written until then can be undone.
        """
        looked = Looked()
        rows = [
            {
                "image": str(change.image),
                "before": change.before,
                "after": change.after,
                "had_file": own_file(change.image, looked) is not None,
            }
            for change in changes
        ]
        self._append(rows)
        return write_changes(changes)

    def mark_for_review(self, image: Path, why: str, text: str, before: str | None) -> None:
        """Notes that a person should look at an image; `text` was not written."""
        self._append([{"look": str(image), "why": why, "text": text[:500], "before": before}])

    def _append(self, rows: list[dict[str, Any]]) -> None:
        if not rows:
            return
        if self._head is not None:
            rows, self._head = [self._head, *rows], None
        for place, row in enumerate(rows):
            atomic.append_line(self.file, json.dumps(row), durable=place == len(rows) - 1)


class History:
    """The changes of every dataset, below one folder."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self._seen: dict[Path, tuple[tuple[int, int], list[dict[str, Any]]]] = {}

    def begin(
        self, folder: str | Path, what: str, job: Job | None = None, says: Sequence[str] = ()
    ) -> Record:
        """A record for a change of the dataset in `folder`; its file appears with its first row.
        `says` is what an edit does, in words."""
        place = self._of(folder)
        stamp = time.strftime("%Y%m%d-%H%M%S")
        for count in range(1, 10_000):
            file = place / f"{stamp}-{count:04d}.jsonl"
            if not file.exists():
                return Record(file, what, Path(folder).resolve(), job, says)
        raise FileError("There are too many changes in one second", where=place)

    def past(self, folder: str | Path) -> list[Entry]:
        """Every change of a dataset, newest first, also those that were taken back."""
        return [found for file in self._files(folder) if (found := _entry(file, self._read(file)))]

    def entries(self, folder: str | Path) -> list[Entry]:
        """What can be undone in a dataset, newest first."""
        return [entry for entry in self.past(folder) if entry.undone is None]

    def unfinished(self, folder: str | Path) -> Record | None:
        """The newest captioning of a dataset, when it was stopped or broke off: it can go on."""
        for file in self._files(folder):
            rows = self._read(file)
            job = job_of(rows[0]) if rows else None
            if job is not None:
                over = any("finished" in row or "undone" in row for row in rows)
                return None if over else Record.continued(file, rows, job)
        return None

    def writers(self, folder: str | Path, captions: dict[Path, str | None]) -> dict[Path, str]:
        """Which captioner wrote a caption, where it still stands as it was written."""
        wrote: dict[Path, tuple[str, str]] = {}
        for file in reversed(self._files(folder)):
            rows = self._read(file)
            if rows and not any("undone" in row for row in rows):
                by = str(rows[0].get("by", ""))
                wrote |= {Path(r["image"]): (str(r.get("after")), by) for r in rows if "image" in r}
        if not wrote:
            return {}
        found = {path: wrote.get(path.resolve(), ("", "")) for path in captions}
        return {p: by for p, (text, by) in found.items() if by and text == (captions[p] or "")}

    def undo(
        self, folder: str | Path, may: Callable[[Path], object] = Path, name: str = ""
    ) -> Applied:
        """Brings back the captions from before a change that still stands: the one of this name, or
        the newest. One that was taken back but for captions changed since can be named again.

        Raises MissingError when there is none.
        """
        for entry in self.past(folder):
            if entry.name == name if name else entry.undone is None:
                if entry.undone is None or entry.kept:
                    return undo(entry.file, may)
        raise MissingError(
            "This change of the dataset's captions is not there, or was taken back already"
            if name
            else "No change of this dataset's captions is left to undo",
            where=name or folder,
            safe="Captions typed by hand are never part of it.",
        )

    def to_review(self, folder: str | Path, captions: dict[Path, str | None]) -> dict[Path, str]:
        """Images that a person should look at: their captions are as they were when it was noted."""
        wanted: dict[Path, tuple[str, str | None] | None] = {}
        for file in reversed(self._files(folder)):
            for row in self._read(file):
                if "look" in row:
                    wanted[Path(row["look"])] = str(row.get("why", "")), row.get("before")
                elif "image" in row:
                    wanted[Path(row["image"])] = None
        if not any(wanted.values()):
            return {}
        found = {}
        for image, text in captions.items():
            noted = wanted.get(image.resolve())
            if noted is not None and (noted[1] or "") == (text or ""):
                found[image] = noted[0]
        return found

    def _of(self, folder: str | Path) -> Path:
        resolved = Path(folder).resolve()
        digest = hashlib.sha256(str(resolved).encode("utf-8", "surrogatepass")).hexdigest()
        return self.root / f"{slug(resolved.name, 'dataset')}-{digest[:10]}"

    def _files(self, folder: str | Path) -> list[Path]:
        """The dataset's records, newest first."""
        return sorted(self._of(folder).glob("*.jsonl"), reverse=True)

    def _read(self, file: Path) -> list[dict[str, Any]]:
        """The lines of a record, read again when it has grown."""
        try:
            found = file.stat()
        except OSError:
            return []
        state = (found.st_mtime_ns, found.st_size)
        if file not in self._seen or self._seen[file][0] != state:
            self._seen[file] = state, rows_of(file)
        return self._seen[file][1]


def _entry(file: Path, rows: list[dict[str, Any]]) -> Entry | None:
    """What a record says of its change; None where it changed nothing."""
    changes = [row for row in rows if "image" in row]
    if not changes:
        return None
    head = rows[0] if "what" in rows[0] else {}
    end: dict[str, Any] = next((row for row in reversed(rows) if "undone" in row), {})
    replaced = sum(bool((row.get("before") or "").strip()) for row in changes)
    return Entry(
        file=file,
        what=str(head.get("what", "")),
        time=float(head.get("time", 0.0)),
        replaced=replaced,
        added=len(changes) - replaced,
        by=str(head.get("by", "")),
        says=tuple(str(one) for one in head.get("says", [])),
        undone=float(end["undone"]) if "undone" in end else None,
        kept=int(end.get("kept", 0)),
    )
