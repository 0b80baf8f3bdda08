"""From a path to an adapter in memory, by what the file contains and never by its name.

Owns: which class reads which kind of file. Refuses to know: bases, strengths.
"""

from __future__ import annotations

from pathlib import Path

from studio.adapters.aesthetic import AestheticAdapter
from studio.adapters.base import Adapter
from studio.adapters.cache import AdapterCache
from studio.adapters.checkpoint import CheckpointAdapter
from studio.adapters.embedding import WordAdapter
from studio.adapters.hypernetwork import HypernetworkAdapter
from studio.adapters.lora import LoraAdapter
from studio.formats.inspect import inspect


def load_adapter(path: str | Path, cache: AdapterCache | None = None) -> Adapter:
    """Reads an adapter file of any kind the studio knows; with a `cache` only when it changed.

    Raises MissingError, FileError (broken, hostile, or no adapter at all).
    """
    if cache is not None:
        key = ("file", *cache.identity(path))
        return cache.computed(key, lambda: load_adapter(path), lambda found: found.size)
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
