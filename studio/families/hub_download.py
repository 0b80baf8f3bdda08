"""Bringing a repository's files into the hub's cache, where a download that broke off goes on.

Owns: what is still missing, whether there is room for it, and each file until it is complete and
verified. Refuses to know: torch, which files are wanted (`hub_repository`).

The hub's own library throws away what it has of a file when it is cut off. Here that part stays
beside the place of the whole file, the next try asks for the rest, and a file takes its place only
when its SHA-256 is the one that the hub states. The library then finds every file there, and makes of
them the snapshot that other programs use too.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from studio.core import atomic
from studio.core.errors import BusyError, FileError, StorageError
from studio.families.hub_repository import RemoteFile, Repository, refused

Progress = Callable[[int, int], None]
"""Takes bytes that are here and bytes of all; a StudioError that it raises ends the download."""

SPARE = 500_000_000
"""Bytes of the disk that a download leaves free."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


def bring(found: Repository, progress: Progress) -> Path:
    """The snapshot's folder, complete.

    Raises MissingError, FileError, StorageError, and what `progress` raises; parts that are here
    stay, and the next call goes on with them.
    """
    name = f"{found.id}@{found.revision}" if found.revision else found.id
    try:
        _check_room(found)
        for file, remote in found.files.items():
            before = found.size - missing(found) - _received(found, file)

            def told(count: int, before: int = before) -> None:
                progress(before + count, found.size)

            if remote.digest and not _blob(found, remote).exists():
                _complete(found, file, told)
        progress(found.size, found.size)
        return _snapshot(found)
    except Exception as error:  # a network fails in many ways
        raise refused(name, error) from error


def missing(found: Repository) -> int:
    """Bytes that are not here yet; a part of a file is here."""
    return found.size - sum(_received(found, file) for file in found.files)


def _check_room(found: Repository) -> None:
    free = shutil.disk_usage(_existing(_cache())).free
    needed = missing(found)
    if needed and needed + SPARE > free:
        error = StorageError(
            "There is not enough room on the disk for this base",
            why=f"{needed / 1e9:,.1f} GB are still to be downloaded and {free / 1e9:,.1f} GB are free",
            remedy="Free some space, or set HF_HOME to a folder on a larger disk.",
        )
        error.full = True
        raise error


def _complete(found: Repository, file: str, progress: Callable[[int], None]) -> None:
    """Downloads what is missing of one file, verifies it, and puts it in its place."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    remote = found.files[file]
    blob, part = _blob(found, remote), _part(found, remote)
    with _alone(found, remote), atomic.growing(part) as growing:
        if growing.tell() > remote.size:  # another file's, or damaged
            growing.truncate(0)
        http_get(
            hf_hub_url(found.id, file, revision=found.commit),
            growing,
            resume_size=growing.tell(),
            headers=build_hf_headers(),
            expected_size=remote.size,
            displayed_filename=Path(file).name,
            tqdm_class=_speaking(progress),
        )
    if _SHA256.fullmatch(remote.digest) and atomic.sha256(part) != remote.digest:
        part.unlink()
        raise FileError(
            "A file arrived damaged and was thrown away",
            where=file,
            why="Its SHA-256 is not the one that the hub states.",
            remedy="Try again; the other files are kept.",
        )
    atomic.move(part, blob)


@contextlib.contextmanager
def _alone(found: Repository, remote: RemoteFile) -> Iterator[None]:
    """While nobody else downloads this file; BusyError while somebody does. The lock is the one that
    the hub's own library takes."""
    from filelock import Timeout
    from huggingface_hub.utils import WeakFileLock

    place = _cache() / ".locks" / _blob(found, remote).parents[1].name / f"{remote.digest}.lock"
    atomic.make_folder(place.parent)
    try:
        with WeakFileLock(place, timeout=1):
            yield
    except Timeout:
        raise BusyError(
            "Another program is downloading this base", where=found.id, remedy="Wait until it ends."
        ) from None


def _snapshot(found: Repository) -> Path:
    """Made by the hub's library of files that are all here."""
    from huggingface_hub import snapshot_download

    return Path(
        snapshot_download(
            found.id,
            # by its own name, so that it is found again by it without the network
            revision=found.revision or None,
            allow_patterns=list(found.files),
            tqdm_class=_speaking(lambda count: None),
        )
    )


def _received(found: Repository, file: str) -> int:
    remote = found.files[file]
    if not remote.digest:
        return 0
    if _blob(found, remote).exists():
        return remote.size
    try:
        return min(_part(found, remote).stat().st_size, remote.size)
    except OSError:  # nothing of it yet
        return 0


def _blob(found: Repository, remote: RemoteFile) -> Path:
    """Where the hub's cache has a whole file."""
    from huggingface_hub.file_download import repo_folder_name

    folder = repo_folder_name(repo_id=found.id, repo_type="model")
    return _cache() / folder / "blobs" / remote.digest


def _part(found: Repository, remote: RemoteFile) -> Path:
    return _blob(found, remote).with_name(f"{remote.digest}.incomplete")


def _cache() -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE).expanduser()


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next((one for one in (folder, *folder.parents) if os.path.isdir(one)), Path())


def _speaking(progress: Callable[[int], None]) -> Any:
    """A progress bar that tells how many bytes of a file are here, instead of showing them."""
    from tqdm import tqdm

    class Speaking(tqdm):
        def __init__(self, *args: Any, **options: Any) -> None:
            options |= {"disable": False, "file": io.StringIO()}
            options.pop("name", None)  # the hub's own class takes one
            super().__init__(*args, **options)

        def update(self, n: float | None = 1) -> bool | None:
            shown = super().update(n)
            progress(int(self.n))
            return shown

    return Speaking
