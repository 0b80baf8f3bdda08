"""Durable writes: after a crash there is the old file or the new one, never half of either.

Owns: every byte the studio writes to disk (a test enforces it), the order of durable operations,
the manifest that makes a folder of files provably whole, and the failpoints that tests use.
Refuses to know: what is inside the files.

Order: temporary file in the same folder → write → fsync → rename → fsync the folder.
A folder of files is complete when its `manifest.json` (written last) lists every file's SHA-256.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from studio.errors import FileError, storage_error
from studio.names import encodable
from studio.text import read_json

TEMPORARY_PREFIX = ".studio-tmp-"
MANIFEST = "manifest.json"

# Tests set this to a callable `(operation, path) -> None` that may raise or exit.
failpoint: Callable[[str, Path], None] | None = None


def _reached(operation: str, path: Path) -> None:
    if failpoint is not None:
        failpoint(operation, path)


def write_with(path: str | Path, writer: Callable[[Path], None]) -> Path:
    """Lets `writer` fill a temporary file, then puts it durably in place of `path`.

    Raises StorageError when the system refuses; the old file is then untouched.
    """
    path = Path(path)
    temporary = path.parent / f"{TEMPORARY_PREFIX}{secrets.token_hex(6)}-{path.name[-40:]}"
    try:
        make_folder(path.parent)
        _reached("write", path)
        writer(temporary)
        _reached("fsync", path)
        _fsync_file(temporary)
        os.chmod(temporary, 0o666 & ~_umask())
        _reached("rename", path)
        os.replace(temporary, path)
        _reached("fsync-folder", path)
        _fsync_folder(path.parent)
    except OSError as error:
        raise storage_error(error, path, "The previous version is intact.") from error
    finally:
        if temporary.exists():
            temporary.unlink(missing_ok=True)
    return path


def write_bytes(path: str | Path, data: bytes) -> Path:
    """Puts `data` durably at `path`."""
    return write_with(path, lambda temporary: _write_all(temporary, data))


def write_text(path: str | Path, text: str) -> Path:
    """Puts `text` durably at `path`, UTF-8, newlines as given."""
    return write_bytes(path, encodable(text).encode("utf-8"))


def write_json(path: str | Path, value: Any) -> Path:
    """Puts `value` durably at `path` as indented JSON."""
    return write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def append_line(path: str | Path, line: str, *, durable: bool = False) -> None:
    """Adds one line to an append-only log; a torn last line is the reader's to skip.

    Flushed to the system (survives a killed process), and to the disk when `durable`.
    """
    assert "\n" not in line, "one line at a time"
    path = Path(path)
    data = (encodable(line) + "\n").encode("utf-8")
    try:
        make_folder(path.parent)
        _reached("append", path)
        with open(path, "ab") as file:
            if file.tell() and _last_byte(path) != b"\n":
                data = b"\n" + data
            file.write(data)
        if durable:
            _fsync_file(path)
    except OSError as error:
        raise storage_error(error, path, "Earlier lines are intact.") from error


def make_folder(path: str | Path) -> Path:
    """Makes a folder and its parents."""
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, path) from error
    return path


def new_folder(path: str | Path) -> Path:
    """Makes a folder that is not there yet; FileExistsError when it is, for all but one of those
    who make it at the same time."""
    path = Path(path)
    make_folder(path.parent)
    try:
        path.mkdir()
    except FileExistsError:
        raise
    except OSError as error:
        raise storage_error(error, path) from error
    return path


def write_manifest(folder: str | Path, extra: Mapping[str, Any] | None = None) -> Path:
    """Lists every file of `folder` with size and SHA-256; written last, so its presence is a promise."""
    folder = Path(folder)
    files = {
        file.relative_to(folder).as_posix(): {"size": file.stat().st_size, "sha256": sha256(file)}
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != MANIFEST and not file.name.startswith(TEMPORARY_PREFIX)
    }
    return write_json(folder / MANIFEST, {"files": files, **(extra or {})})


def verify_manifest(folder: str | Path) -> dict[str, Any]:
    """Reads the manifest and checks every file by hash; raises FileError on the first difference."""
    folder = Path(folder)
    try:
        manifest: dict[str, Any] = read_json(folder / MANIFEST)
        files = manifest["files"]
    except (OSError, ValueError, KeyError) as error:
        raise FileError(
            "This checkpoint is incomplete",
            where=folder,
            why="Its manifest is missing or unreadable, so it was never announced as saved.",
            remedy="Use an earlier checkpoint of the same run.",
        ) from error
    for name, facts in files.items():
        file = folder / name
        if not file.is_file() or sha256(file) != facts["sha256"]:
            raise FileError(
                "This checkpoint is damaged",
                where=file,
                why="The file is missing or its hash differs from the manifest.",
                remedy="Use an earlier checkpoint of the same run.",
            )
    return manifest


def move_to_trash(path: str | Path, trash: str | Path) -> Path:
    """Moves a file or folder into `trash` under a name that is free; returns where it went."""
    path, trash = Path(path), make_folder(trash)
    target = trash / path.name
    while target.exists():
        target = trash / f"{path.stem}-{secrets.token_hex(3)}{path.suffix}"
    try:
        shutil.move(path, target)
    except OSError as error:
        raise storage_error(error, path, "Nothing was deleted.") from error
    return target


def remove_folder(path: str | Path) -> None:
    """Deletes one of the studio's own folders (old checkpoints, half-written ones)."""
    shutil.rmtree(path, ignore_errors=True)


def copy_file(source: str | Path, target: str | Path) -> Path:
    """Copies `source` durably to `target`."""
    return write_with(target, lambda temporary: _copy(Path(source), temporary))


def sweep_temporaries(folder: str | Path) -> int:
    """Deletes temporaries that a killed process left below `folder`; returns how many."""
    orphans = [path for path in Path(folder).rglob(f"{TEMPORARY_PREFIX}*") if path.is_file()]
    for orphan in orphans:
        orphan.unlink(missing_ok=True)
    return len(orphans)


def sha256(path: str | Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _write_all(path: Path, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)


def _last_byte(path: Path) -> bytes:
    with open(path, "rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1)


def _fsync_file(path: Path) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def _fsync_folder(path: Path) -> None:
    if os.name == "nt":  # Windows has no folder handles to sync
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
