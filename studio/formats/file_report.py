"""What is known of a file before it is used: what its container holds, and what that means.

Owns: the two records. Refuses to know: containers (`inspect` opens them), kinds (`kinds`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from studio.core.budget import cut_all
from studio.formats.sniff import Content

MOST_TEXTS, LONGEST_TEXT = 500, 20_000  # of the metadata that a report shows
Shapes: TypeAlias = Mapping[str, tuple[int, ...]]
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Outline:
    """What a file holds, without its tensors' numbers. A kind recognises its files by this."""

    path: Path
    content: Content
    shapes: Shapes = field(default_factory=dict)
    """By name, of a table of tensors (safetensors, a pickled state dict)."""
    value: Any = None
    """The object of a pickle with `TensorSpec`s for tensors, or of an image's embedding."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """Texts of a safetensors header, whole."""
    scalars: Callable[[Iterable[str]], dict[str, float]] = lambda names: {}
    """Values of one-number tensors by name, where they can be read alone."""


@dataclass
class FileReport:
    """Everything a person wants to know before using a file. `family` None means: cannot tell."""

    path: str
    kind: str = UNKNOWN
    """A name in `kinds.KINDS`, or UNKNOWN."""
    dialect: str | None = None
    family: str | None = None
    parameters: int = 0
    rank: int | None = None
    alpha: float | None = None
    trigger: str | None = None
    hashes: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What is worth knowing of a file that can be used."""
    content: Content | None = None
    """The container, so that whoever reads the file next need not look again; not in JSON."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {key: value for key, value in asdict(self).items() if key != "content"}


def plain_texts(value: Mapping[Any, Any]) -> dict[str, str]:
    """What a pickled table says in plain values, as metadata."""
    texts = {
        key: str(entry)
        for key, entry in value.items()
        if isinstance(key, str) and type(entry) in (str, int, float, bool)
    }
    return cut_all(texts, LONGEST_TEXT, MOST_TEXTS)
