"""Everything that can go wrong, said the way a person needs it.

Owns: the error tree and how an error reads. Refuses to know: who shows it (page, terminal, log).

    StudioError
    ├── InputError            what you gave us cannot be used            exit code 2
    │   ├── SettingsError     a preset, --set or form value is wrong
    │   ├── DatasetError      images or captions
    │   │   └── DatasetChanged    not what a run went on with before
    │   ├── FileError         a file is broken, hostile, or not what it says
    │   ├── MismatchError     a good file, made for another base
    │   └── MissingError      a base, dataset, run or adapter is not there
    ├── StorageError          disk full, no permission, I/O error         exit code 1
    ├── TrainingError         the run cannot go on                        exit code 1
    │   ├── NonFiniteError    NaN or infinity, caught before harm is done
    │   └── MemoryFullError   the device or the machine ran out of memory
    ├── BusyError             somebody else holds it; try again           exit code 1
    ├── UnavailableError      an optional part is not installed           exit code 1
    └── Interrupted           the user asked to stop                      exit code 130

Every error carries four sentences, each optional but the first: `what` happened, `where`
(file, key, step), `why`, and `remedy` (what to do next); `safe` names what was not lost.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Self

from studio.core.names import encodable, printable


class StudioError(Exception):
    """The root. `str(error)` is one readable paragraph without addresses or library names."""

    exit_code = 1
    problems: Mapping[str, str] = MappingProxyType({})
    """Key of a setting → the sentence about it, so that it can be shown at its field."""

    def __init__(
        self,
        what: str,
        *,
        where: str | Path | None = None,
        why: str | None = None,
        remedy: str | None = None,
        safe: str | None = None,
    ) -> None:
        self.what = encodable(what)  # it may quote a name or a text that no encoder takes
        self.where = (
            printable(where) if isinstance(where, Path) else encodable(str(where or "")) or None
        )
        self.why = encodable(why) if why else why
        self.remedy = encodable(remedy) if remedy else remedy
        self.safe = safe
        super().__init__(self.what)

    def at(self, problems: Mapping[str, str]) -> Self:
        """The same error, which now says of which settings it speaks."""
        self.problems = dict(problems)
        return self

    def __str__(self) -> str:
        return self.sentence()

    def sentence(self) -> str:
        """All parts as one paragraph: what, where, why, remedy, safe."""
        parts = [self.what if not self.where else f"{_without_stop(self.what)} ({self.where})."]
        parts += [part for part in (self.why, self.remedy, self.safe) if part]
        return " ".join(part if part.endswith((".", "!", "?")) else part + "." for part in parts)

    def as_dict(self) -> dict[str, str | None]:
        """The parts by name, for JSON output, `state.json` and the page."""
        return {
            "kind": type(self).__name__,
            "what": self.what,
            "where": self.where,
            "why": self.why,
            "remedy": self.remedy,
            "safe": self.safe,
        }


class InputError(StudioError):
    """What was given cannot be used."""

    exit_code = 2


class SettingsError(InputError):
    """A setting is unknown, of the wrong type or out of its range."""


class DatasetError(InputError):
    """Images or captions cannot be used."""


class DatasetChanged(DatasetError):
    """The dataset of a run is not what it was; going on needs somebody's word."""


class FileError(InputError):
    """A file is broken, hostile, or not what its name says."""


class MismatchError(InputError):
    """A good file that was made for another base model."""


class MissingError(InputError):
    """Something that was named is not there."""


class StorageError(StudioError):
    """The disk refused: full, read-only, no permission, I/O error."""

    full = False
    """Whether room is all that is missing."""


class TrainingError(StudioError):
    """The run cannot go on."""


class NonFiniteError(TrainingError):
    """NaN or infinity: in a loss (caught before the optimizer step), a weight, or an image."""


class MemoryFullError(TrainingError):
    """The device or the machine ran out of memory."""


class BusyError(StudioError):
    """Somebody else holds what is needed; trying again later works."""


class UnavailableError(StudioError):
    """An optional part (a library, a model beside the base) is not installed."""


class Interrupted(StudioError):
    """The user asked to stop."""

    exit_code = 130


def storage_error(error: OSError, path: str | Path, safe: str | None = None) -> StorageError:
    """Says in plain words why the system refused to read or write `path`."""
    reasons = {
        errno.ENOSPC: ("the disk is full", "Free some space, then continue."),
        errno.EDQUOT: ("your disk quota is used up", "Free some space, then continue."),
        errno.EACCES: ("permission was denied", "Check who owns the folder."),
        errno.EPERM: ("permission was denied", "Check who owns the folder."),
        errno.EROFS: ("the file system is read-only", "Choose another folder with --workspace."),
        errno.EIO: ("the disk reported an error", "Check the disk before you go on."),
        errno.ENAMETOOLONG: ("the name is too long", "Use a shorter name."),
        errno.EEXIST: ("something else of this name is in the way", "Move it away."),
        errno.ENOTDIR: ("a file lies where a folder should be", "Move it away."),
        errno.EISDIR: ("a folder lies where a file should be", "Move it away."),
        errno.ELOOP: ("there is a link where a file should be", "Move it away."),
        errno.ENOTSUP: ("the file system cannot do that", "Keep the workspace on a local disk."),
        errno.ENOLCK: ("the file system has no locks left", "Keep the workspace on a local disk."),
    }
    why, remedy = reasons.get(
        error.errno or 0, (f"the system said: {error.strerror or error}", None)
    )
    found = StorageError(
        "A file could not be written", where=path, why=f"Because {why}", remedy=remedy, safe=safe
    )
    found.full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return found


def _without_stop(sentence: str) -> str:
    return sentence[:-1] if sentence.endswith(".") else sentence
