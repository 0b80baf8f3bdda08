"""A file of many tensors, read one at a time: safetensors, or a PyTorch checkpoint.

Owns: what both kinds offer alike (names, shapes, metadata, reading one tensor), and the limits for
whole models. Refuses to know: what the tensors mean.

A model of four gigabytes is read into a module that takes four (or two, in half precision): at no
time is there more in memory than what has been read so far and one tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from studio.core.errors import FileError
from studio.formats import pickles
from studio.formats.pickle_values import TensorSpec
from studio.formats.safetensors_header import (
    DTYPES,
    MAX_HEADER_BYTES,
    MAX_TENSORS,
    Header,
    broken,
    header_of,
)
from studio.formats.sniff import Content, open_file, sniff

if TYPE_CHECKING:
    import torch

MAX_PICKLED_BYTES = 32 << 30

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Source:
    """Names in the order in which they lie in the file, and how to read one."""

    shapes: Shapes
    metadata: dict[str, str]
    """Texts from a safetensors header; of a checkpoint, its plain values (`global_step`, …)."""
    read: Callable[[str], torch.Tensor]
    """The tensor of a name, on the CPU, as the file has it; FileError when the file ends early."""


@contextmanager
def opened(path: str | Path, content: Content | None = None) -> Iterator[Source]:
    """Opens a file of tensors; FileError when it is neither kind, broken or hostile.

    `content` is what `sniff` said of it, where it was asked already.
    """
    if (content or sniff(path)) != "safetensors":
        with pickles.opened_checkpoint(path, max_bytes=MAX_PICKLED_BYTES) as (value, read):
            specs = _specs(value, path)
            shapes = {name: spec.shape for name, spec in specs.items()}
            yield Source(shapes, _facts(value), lambda name: read(specs[name]))
        return
    with open_file(path) as file:
        header = header_of(file, path, MAX_HEADER_BYTES, MAX_TENSORS)
        order = sorted(header.tensors, key=lambda name: header.tensors[name].begin)
        shapes = {name: header.tensors[name].shape for name in order}
        yield Source(shapes, header.metadata, lambda name: _read(file, header, name, path))


def outline(path: str | Path) -> tuple[Shapes, dict[str, str]]:
    """Names, shapes and metadata without torch and without reading data. Errors as in `opened`."""
    with opened(path) as source:
        return dict(source.shapes), source.metadata


def _read(file: BinaryIO, header: Header, name: str, path: str | Path) -> torch.Tensor:
    import torch

    entry = header.tensors[name]
    dtype = getattr(torch, DTYPES[entry.dtype][1])
    buffer = torch.empty(entry.end - entry.begin, dtype=torch.uint8)
    file.seek(header.data_start + entry.begin)
    if buffer.numel() and _fill(file, memoryview(buffer.numpy())) != buffer.numel():
        raise broken(path, "It ended while a tensor was being read.")
    return buffer.view(dtype).reshape(entry.shape)


def _fill(file: BinaryIO, target: memoryview) -> int:
    filled = 0
    while filled < len(target):
        count = file.readinto(target[filled:])  # type: ignore[attr-defined]
        if not count:
            break
        filled += count
    return filled


def _specs(value: Any, path: str | Path) -> dict[str, TensorSpec]:
    inner = value.get("state_dict", value) if isinstance(value, dict) else None
    if not isinstance(inner, dict):
        raise FileError(
            "This file holds no table of tensors",
            where=path,
            remedy="Choose a model file.",
        )
    return {
        name: entry
        for name, entry in inner.items()
        if isinstance(name, str) and isinstance(entry, TensorSpec)
    }


def _facts(value: Mapping[Any, Any]) -> dict[str, str]:
    plain = (str, int, float, bool)
    return {k: str(v) for k, v in value.items() if isinstance(k, str) and type(v) in plain}
