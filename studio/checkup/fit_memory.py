"""How captions fit their images, remembered while neither of them nor the CLIP changes.

Owns: what a result depends on, and one small file for each dataset. Like every memory it is optional:
what cannot be read or written is found again. Refuses to know: how fits are computed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from studio.checkup.records import Fit
from studio.core import atomic
from studio.core.errors import StorageError
from studio.core.tables import read_table
from studio.formats.dataset_info import DatasetInfo

LAYOUT = 1


class FitMemory:
    """The fits of datasets, in files of `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, info: DatasetInfo, clip: Path) -> list[Fit] | None:
        """What was found of exactly these images, captions and CLIP; None when that was never."""
        table = read_table(self._file(info))
        rows = table.get("fits")
        if not isinstance(rows, list) or table.get("key") != _key(info, clip):
            return None
        paths = [item.path for item in info.items]
        try:
            return [Fit(paths[at], cosine, fit, better) for at, cosine, fit, better in rows]
        except (TypeError, ValueError, IndexError):
            return None

    def keep(self, info: DatasetInfo, clip: Path, fits: Sequence[Fit]) -> None:
        """Remembers them in place of what was found of this dataset before."""
        place = {item.path: at for at, item in enumerate(info.items)}
        rows = [[place[fit.file], fit.similarity, fit.fit, fit.better] for fit in fits]
        try:
            data = json.dumps({"key": _key(info, clip), "fits": rows}).encode("ascii")
            atomic.write_bytes(self._file(info), data)
        except StorageError:
            return

    def _file(self, info: DatasetInfo) -> Path:
        name = hashlib.sha256(os.fsencode(info.path.absolute())).hexdigest()[:32]
        return self._folder / f"{name}.json"


def _key(info: DatasetInfo, clip: Path) -> str:
    """Names everything that a result depends on."""
    seen = [repr((LAYOUT, info.trigger, os.fspath(clip)))]
    try:
        files = sorted(path for path in clip.iterdir() if path.is_file())
        seen += [repr((path.name, *_stamp(path))) for path in files]
        seen += [
            repr((os.fspath(i.path), *_stamp(i.path), i.caption, *filter(None, [i.recipe.key])))
            for i in info.items
        ]
    except OSError:  # gone meanwhile: equal to nothing that was kept
        seen.append(os.urandom(8).hex())
    return hashlib.sha256("\n".join(seen).encode("utf-8", "surrogatepass")).hexdigest()


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
