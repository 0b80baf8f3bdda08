"""Who names paths: somebody at this machine, or somebody over a link.

Owns: the record. Refuses to know: how a path is checked against it (`core.paths`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from studio.core.errors import InputError


@dataclass(frozen=True)
class Access:
    """Who names paths. Somebody at this machine may name any that the system lets them read; over a
    link it is the workspace, what ships, and `allowed`, and no link leads out of these."""

    remote: bool = False
    allowed: tuple[Path, ...] = ()

    @classmethod
    def over_a_link(cls, folders: Sequence[str | Path] = ()) -> Access:
        """With the folders named at the start; raises InputError for one that is none."""
        found = []
        for folder in folders:
            path = Path(folder).expanduser()
            if not path.is_dir():
                raise InputError(
                    "This folder is not there",
                    where=path,
                    remedy="Give --allow a folder on this machine.",
                )
            found.append(path.resolve())
        return cls(True, tuple(found))
