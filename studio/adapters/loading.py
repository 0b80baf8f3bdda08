"""From a path to an adapter in memory, by what the file contains and never by its name.

Owns: which kind a file is. Refuses to know: bases, strengths.
"""

from __future__ import annotations

from pathlib import Path

from studio.adapters.base import Adapter
from studio.errors import FileError
from studio.formats import embedding, lora, safetensors_file
from studio.formats.sniff import sniff


def load_adapter(path: str | Path) -> Adapter:
    """Reads an adapter file of any kind the studio knows.

    Raises MissingError, FileError (broken, hostile, or no adapter at all).
    """
    from studio.adapters.lora import LoraAdapter
    from studio.adapters.words import WordAdapter

    path = Path(path)
    content = sniff(path)
    if content == "safetensors":
        header = safetensors_file.read_header(path)
        shapes = {name: entry.shape for name, entry in header.tensors.items()}
        if embedding.is_embedding_layout(shapes, header.metadata):
            return WordAdapter.read(path)
        return LoraAdapter(lora.read(path))
    if content in ("png", "webp"):
        return WordAdapter.read(path)
    try:
        return WordAdapter.read(path)
    except FileError as no_embedding:
        try:
            return LoraAdapter(lora.read(path))
        except FileError:
            raise no_embedding from None
