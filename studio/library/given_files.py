"""What somebody dropped, file by file: folders are looked through, links that lead out are not taken.

Owns: finding the files and their paths below what they share. Refuses to know: datasets.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from studio.library.arrivals import Arrival, LeftOut

Given = Path | str | tuple[str, Path]
"""A file, a folder, or a file with the path that it has in the dataset."""


def arrivals_of(given: Sequence[Given]) -> tuple[list[Arrival], list[LeftOut]]:
    """Every file that was given, under its path below the folder that all of them share."""
    arrivals: list[Arrival] = []
    left_out: list[LeftOut] = []
    paths = [Path(os.path.abspath(one)) for one in given if not isinstance(one, tuple)]
    roots = [path if path.is_dir() else path.parent for path in paths]
    root = Path(os.path.commonpath(roots)) if roots else Path()
    for path in paths:
        inside = files_below(path, left_out, root) if path.is_dir() else [path]
        for file in inside:
            name = file.relative_to(root).as_posix()
            if why := _not_a_file(file, root):
                left_out.append(LeftOut(name, why))
            else:
                arrivals.append(Arrival(name, file))
    named = [one for one in given if isinstance(one, tuple)]
    arrivals += [Arrival(name, file) for name, file in named]
    return arrivals, left_out


def _not_a_file(file: Path, root: Path) -> str | None:
    try:
        if not file.resolve().is_relative_to(root.resolve()):
            return "it is a link that leads out of the folder"
        return None if file.is_file() else "it is not a file"
    except OSError as error:
        return f"it cannot be read: {error.strerror}"


def files_below(folder: Path, left_out: list[LeftOut], root: Path | None = None) -> list[Path]:
    """The files below a folder in order; links to folders are named, not followed."""
    found = []
    for where, folders, files in os.walk(folder, followlinks=False):
        here = Path(where)
        folders.sort()
        for inner in [name for name in folders if (here / name).is_symlink()]:
            folders.remove(inner)
            name = (here / inner).relative_to(root or folder).as_posix()
            left_out.append(LeftOut(name, "it is a link to a folder"))
        found += [here / name for name in sorted(files)]
    return found
