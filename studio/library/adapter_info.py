"""One adapter file as a list shows it, by its header alone.

Owns: the record, and which endings adapters have. Refuses to know: reading files.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from studio.formats import kinds
from studio.formats.dataset import is_image

ADAPTER_ENDINGS = (".safetensors", ".pt", ".bin", ".ckpt", ".png", ".webp")


@dataclass(frozen=True)
class AdapterInfo:
    """One adapter file as its header shows it."""

    name: str
    path: Path
    kind: str
    dialect: str | None
    family: str | None
    size: int
    """Bytes."""
    trigger: str
    modified: float
    preview: Path | None
    problem: str | None
    stale: str | None = None
    """Why it hardly does what it was trained for: the starter model has changed since."""
    names: tuple[str, ...] = ()
    """What the file itself says it is called."""
    thumbnail: bool = False
    """Whether the file itself carries a small image."""
    strength: float | None = None
    """What another program noted beside it as the strength to use."""

    @property
    def trigger_word(self) -> str:
        """The word that calls it; web UIs call an embedding by its file's name."""
        row = kinds.find(self.kind)
        return self.trigger or (self.name if row is not None and row.called_by_name else "")

    @property
    def usable(self) -> bool:
        """Whether it can be put on a stack; a `problem` may concern a part of it only."""
        row = kinds.find(self.kind)
        return row is not None and bool(row.adapter)

    @property
    def is_plain_image(self) -> bool:
        """An image without an adapter in it, such as somebody's preview."""
        return self.problem is not None and is_image(self.path)
