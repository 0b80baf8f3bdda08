"""The captions there were before: kept for every change of many, and brought back.

Owns: the record of each change (written before the captions are), undoing it, and which images
were left for a person to look at. Refuses to know: models, edits, the page.

    <dataset>/<time>.jsonl    one file for each change, never deleted
      {"what": …, "folder": …, "time": …, "by": …, "job": …}    a captioning says who writes, and how
      {"image": …, "before": …, "after": …, "had_file": …}    durable before it is done
      {"look": image, "why": …, "text": …, "before": …}       left for a person
      {"finished": …}    a captioning that was not stopped
      {"undone": …}
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
from studio.core import atomic
from studio.core.errors import FileError, MissingError
from studio.core.paths import slug
from studio.core.record import renamed
from studio.core.text import lines, parse_json, read_text
from studio.formats.captions import Looked, caption_file


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


class Record:
    """The record of one change while it is made."""

    def __init__(
        self, file: str | Path, what: str, folder: str | Path = "", job: Job | None = None
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
                "had_file": caption_file(change.image, looked) is not None,
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

    def begin(self, folder: str | Path, what: str, job: Job | None = None) -> Record:
        """A record for a change of the dataset in `folder`; its file appears with its first row."""
        place = self._of(folder)
        stamp = time.strftime("%Y%m%d-%H%M%S")
        for count in range(1, 10_000):
            file = place / f"{stamp}-{count:04d}.jsonl"
            if not file.exists():
                return Record(file, what, Path(folder).resolve(), job)
        raise FileError("There are too many changes in one second", where=place)

    def entries(self, folder: str | Path) -> list[Entry]:
        """What can be undone in a dataset, newest first."""
        found = []
        for file in self._files(folder):
            rows = self._read(file)
            changes = [row for row in rows if "image" in row]
            if not changes or any("undone" in row for row in rows):
                continue
            head = rows[0] if "what" in rows[0] else {}
            replaced = sum(bool((row.get("before") or "").strip()) for row in changes)
            found.append(Entry(file, str(head.get("what", "")), float(head.get("time", 0.0)),
                               replaced, len(changes) - replaced,
                               str(head.get("by", ""))))  # fmt: skip
        return found

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

    def undo(self, folder: str | Path, may: Callable[[Path], object] = Path) -> Applied:
        """Brings back the captions from before the newest change that still stands.

        Raises MissingError when there is none.
        """
        entries = self.entries(folder)
        if not entries:
            raise MissingError(
                "No change of this dataset's captions is left to undo",
                where=folder,
                safe="Captions typed by hand are never part of it.",
            )
        return undo(entries[0].file, may)

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
            self._seen[file] = state, _rows(file)
        return self._seen[file][1]


def undo(record: str | Path, may: Callable[[Path], object] = Path) -> Applied:
    """Puts back the captions from before a change, except those edited since.

    Where there was no text file, an older file or table speaks again: the file that was written
    moves into a folder `undone` beside the record. Raises FileError when the record is missing
    or damaged, and what `may` raises for an image that whoever asks may not name.
    """
    record = Path(record)
    done = Applied([], [])
    try:
        rows = [row for row in _rows(record, strict=True) if "image" in row]
        changes = [(Path(r["image"]), r["before"], r["after"], bool(r["had_file"])) for r in rows]
        last = {change[0]: change for change in changes}  # recorded twice when it broke off between
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileError(
            "This edit cannot be undone: its record is missing or damaged", where=record
        ) from error
    for image in last:
        may(image)
    looked = Looked()
    for image, before, after, had_file in last.values():
        now = reads(image, looked)
        if now == (before or "") or (now is None and before is None):
            continue  # it was recorded, and then never written
        file = caption_file(image, looked)
        if had_file:
            part = write_changes([Change(image, after, before or "")], looked)
            done.changed.extend(part.changed)
            done.kept.extend(part.kept)
        elif now == after and file is not None:
            atomic.move_to_trash(file, record.parent / "undone")
            done.changed.append(image)
        else:
            done.kept.append(image)
    atomic.append_line(record, json.dumps({"undone": time.time()}), durable=True)
    return done


def _rows(file: Path, *, strict: bool = False) -> list[dict[str, Any]]:
    """The lines of a record; one that a dying process left torn is passed over."""
    rows: list[dict[str, Any]] = []
    try:
        rows_of = lines(read_text(file))
    except (OSError, ValueError):
        if strict:
            raise
        return rows
    for line in rows_of:
        try:
            row = parse_json(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            rows.append(renamed(row, picture="image"))
    if strict and not any("before" in row for row in rows):
        raise ValueError("it holds no change")
    return rows
