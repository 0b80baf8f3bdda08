"""From a path to an adapter in memory, by what the file contains and never by its name.

Owns: which class reads which kind of file. Refuses to know: bases, strengths.
"""

from __future__ import annotations

from pathlib import Path

from studio.adapters.base import Adapter
from studio.formats.inspect import inspect


def load_adapter(path: str | Path) -> Adapter:
    """Reads an adapter file of any kind the studio knows.

    Raises MissingError, FileError (broken, hostile, or no adapter at all).
    """
    from studio.adapters.aesthetic import AestheticAdapter
    from studio.adapters.checkpoint import CheckpointAdapter
    from studio.adapters.embedding import WordAdapter
    from studio.adapters.hypernetwork import HypernetworkAdapter
    from studio.adapters.lora import LoraAdapter

    kind = inspect(path, strict=True, hashes=False).kind
    if kind == "lora":
        return LoraAdapter.read(path)
    if kind == "embedding":
        return WordAdapter.read(path)
    if kind == "hypernetwork":
        return HypernetworkAdapter.read(path)
    if kind == "aesthetic":
        return AestheticAdapter.read(path)
    return CheckpointAdapter.read(path)
