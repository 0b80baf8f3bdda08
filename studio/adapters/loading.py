"""From a path to an adapter in memory, by what the file contains and never by its name.

Owns: taking the class that the kind's row names. Refuses to know: kinds, bases, strengths.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from studio.adapters.base import Adapter
from studio.adapters.cache import AdapterCache
from studio.core.errors import FileError
from studio.formats import kinds
from studio.formats.file_report import FileReport
from studio.formats.inspect import inspect


def load_adapter(
    path: str | Path, cache: AdapterCache | None = None, report: FileReport | None = None
) -> Adapter:
    """Reads an adapter file of any kind the studio knows; with a `cache` only when it changed.

    `report` is what `inspect` said of it, where it was asked already. Raises MissingError, FileError
    (broken, hostile, or no adapter at all).
    """
    if cache is not None:
        key = ("file", *cache.identity(path))
        return cache.computed(key, lambda: load_adapter(path, None, report), lambda it: it.size)
    report = report or inspect(path, strict=True, hashes=False)
    row = kinds.find(report.kind)
    if row is None or not row.adapter:
        raise FileError(
            "This file cannot be put on a stack",
            where=path,
            why="; ".join(report.problems) or f"It is {kinds.phrase(report.kind)}.",
            remedy="Choose a LoRA, an embedding or another adapter.",
        )
    module, _, name = row.adapter.partition(":")
    adapter: type[Adapter] = getattr(import_module(module), name)
    return adapter.read(path, report.content)
