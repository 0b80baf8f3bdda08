"""What belongs to a folder that is written once: names, sizes and sums, so that half of it is seen.

Owns: the file `manifest.json`. Refuses to know: what the files are.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from studio.core import atomic
from studio.core.atomic import sha256
from studio.core.errors import FileError
from studio.core.temporaries import PREFIX as TEMPORARY_PREFIX
from studio.core.text import read_json

MANIFEST = "manifest.json"


def write(folder: str | Path, extra: Mapping[str, Any] | None = None) -> Path:
    """Lists every file of `folder` with size and SHA-256; written last, so its presence is a promise."""
    folder = Path(folder)
    files = {
        file.relative_to(folder).as_posix(): {"size": file.stat().st_size, "sha256": sha256(file)}
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != MANIFEST and not file.name.startswith(TEMPORARY_PREFIX)
    }
    return atomic.write_json(folder / MANIFEST, {"files": files, **(extra or {})})


def verify(folder: str | Path) -> dict[str, Any]:
    """Reads the manifest and checks every file by hash; raises FileError on the first difference."""
    folder = Path(folder)
    try:
        manifest: dict[str, Any] = read_json(folder / MANIFEST)
        files = manifest["files"]
        items = [(name, facts["sha256"]) for name, facts in files.items()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FileError(
            "This checkpoint is incomplete",
            where=folder,
            why="Its manifest is missing or unreadable, so it was never announced as saved.",
            remedy="Use an earlier checkpoint of the same run.",
        ) from error
    for name, digest in items:
        file = folder / name
        try:
            intact = file.is_file() and sha256(file) == digest
        except OSError:  # the disk cannot read it any more
            intact = False
        if not intact:
            raise FileError(
                "This checkpoint is damaged",
                where=file,
                why="The file is missing or its hash differs from the manifest.",
                remedy="Use an earlier checkpoint of the same run.",
            )
    return manifest
