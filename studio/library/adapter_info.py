"""One adapter file as a list shows it, by its header alone.

Owns: the record, and which endings and kinds count as adapters. Refuses to know: reading files.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from studio.formats.dataset import is_picture

ADAPTER_ENDINGS = (".safetensors", ".pt", ".bin", ".ckpt", ".png", ".webp")
ADAPTER_KINDS = ("lora", "embedding", "hypernetwork", "aesthetic")
STACK_KINDS = (*ADAPTER_KINDS, "checkpoint")


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

    @property
    def usable(self) -> bool:
        """Whether it can stand on a stack; a `problem` may concern a part of it only."""
        return self.kind in STACK_KINDS

    @property
    def is_plain_picture(self) -> bool:
        """A picture without an adapter in it, such as somebody's preview."""
        return self.problem is not None and is_picture(self.path)
