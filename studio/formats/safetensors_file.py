"""safetensors files: tensors and hashes; read with limits, written deterministically.

Owns: reading tensors behind a checked header (`safetensors_header`, offered here as well), and
writing the container: header, then the tensors' bytes without gaps.
Refuses to know: what the tensors mean.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from studio.core import atomic
from studio.core.names import encodable
from studio.formats.safetensors_header import (
    DTYPES,
    MAX_HEADER_BYTES,
    MAX_TENSORS,
    Header,
    TensorEntry,
    broken,
    header_of,
    read_header,
)
from studio.formats.sniff import open_file

if TYPE_CHECKING:
    import torch

__all__ = [
    "DTYPES", "MAX_HEADER_BYTES", "MAX_TENSORS", "Header", "TensorEntry", "file_hashes", "header_of",
    "model_hash", "read_header", "read_scalars", "read_tensors", "tensors_hash", "to_bytes", "write",
]  # fmt: skip

_BLOCK = 1 << 20
_SCALARS = {
    "F64": "<d", "F32": "<f", "F16": "<e", "BF16": "<f",
    "I64": "<q", "I32": "<i", "I16": "<h", "I8": "<b", "U8": "<B",
}  # fmt: skip


def read_tensors(
    path: str | Path,
    *,
    only: Callable[[str], bool] | None = None,
    max_header_bytes: int = MAX_HEADER_BYTES,
    max_tensors: int = MAX_TENSORS,
) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Reads tensors (all, or those whose name passes `only`) onto the CPU, with the metadata.

    Errors as in `read_header`.
    """
    import torch

    tensors: dict[str, torch.Tensor] = {}
    with open_file(path) as file:
        header = header_of(file, path, max_header_bytes, max_tensors)
        for name, entry in header.tensors.items():
            if only is not None and not only(name):
                continue
            dtype = getattr(torch, DTYPES[entry.dtype][1])
            if entry.begin == entry.end:
                tensors[name] = torch.empty(entry.shape, dtype=dtype)
                continue
            file.seek(header.data_start + entry.begin)
            buffer = bytearray(file.read(entry.end - entry.begin))
            if len(buffer) != entry.end - entry.begin:
                raise broken(path, "It ended while a tensor was being read.")
            tensors[name] = torch.frombuffer(buffer, dtype=dtype).reshape(entry.shape)
    return tensors, header.metadata


def read_scalars(file: BinaryIO, header: Header, names: Iterable[str]) -> dict[str, float]:
    """The values of one-element tensors by name, without torch; of rare types they are skipped."""
    values: dict[str, float] = {}
    for name in names:
        entry = header.tensors[name]
        if math.prod(entry.shape) != 1 or entry.dtype not in _SCALARS:
            continue
        file.seek(header.data_start + entry.begin)
        raw = file.read(entry.end - entry.begin)
        if entry.dtype == "BF16":  # the upper half of an F32
            raw = b"\0\0" + raw
        values[name] = float(struct.unpack(_SCALARS[entry.dtype], raw)[0])
    return values


def write(
    path: str | Path,
    tensors: Mapping[str, torch.Tensor],
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Writes a file durably; the same tensors and metadata always give the same bytes.

    Raises ValueError for a dtype the format has no name for, StorageError when the disk refuses.
    """
    head, order = _layout(tensors, metadata or {})

    def fill(temporary: Path) -> None:
        with open(temporary, "wb") as file:
            file.write(head)
            for name in order:
                file.write(_raw(tensors[name]))

    return atomic.write_with(path, fill)


def to_bytes(
    tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str] | None = None
) -> bytes:
    """The file that `write` would write, in memory."""
    head, order = _layout(tensors, metadata or {})
    return head + b"".join(_raw(tensors[name]) for name in order)


def tensors_hash(tensors: Mapping[str, torch.Tensor]) -> str:
    """`model_hash` of the file that `write` would make of these tensors, before it is written."""
    digest = hashlib.sha256()
    for name in _layout(tensors, {})[1]:
        digest.update(_raw(tensors[name]))
    return digest.hexdigest()


def model_hash(path: str | Path) -> str:
    """SHA-256 of the bytes after the header: kohya's `sshs_model_hash`, blind to metadata edits."""
    with open_file(path) as file:
        header = header_of(file, path, MAX_HEADER_BYTES, MAX_TENSORS)
        file.seek(header.data_start)
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def file_hashes(path: str | Path, data_start: int | None = None) -> dict[str, str]:
    """Every hash that people name a file by, in one reading of it.

    `sha256`; `short`, its first ten digits; `legacy`, the old eight-digit hash of web UIs: SHA-256
    of 64 KiB at 1 MiB into the file; and where `data_start` says how long the header is, `model`:
    see `model_hash`.
    """
    whole, legacy, behind = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
    place = 0
    with open_file(path) as file:
        while block := file.read(_BLOCK):
            whole.update(block)
            if place == _BLOCK:
                legacy.update(block[:0x10000])
            if data_start is not None:
                behind.update(memoryview(block)[max(0, data_start - place) :])
            place += len(block)
    found = {"sha256": whole.hexdigest(), "short": whole.hexdigest()[:10]}
    found["legacy"] = legacy.hexdigest()[:8]
    return found if data_start is None else {**found, "model": behind.hexdigest()}


def _dtype_name(tensor: torch.Tensor) -> str:
    wanted = str(tensor.dtype).removeprefix("torch.")
    for name, (_, torch_name) in DTYPES.items():
        if torch_name == wanted:
            return name
    raise ValueError(f"safetensors has no name for {wanted}")


def _layout(
    tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]
) -> tuple[bytes, list[str]]:
    """The header bytes and the order of the tensors: widest types first, then by name.

    Widest first keeps every tensor aligned to its own element size.
    """
    names = {name: _dtype_name(tensor) for name, tensor in tensors.items()}
    order = sorted(tensors, key=lambda name: (-DTYPES[names[name]][0], name))
    fields: dict[str, Any] = {}
    if metadata:
        fields["__metadata__"] = {key: str(metadata[key]) for key in sorted(metadata)}
    reached = 0
    for name in order:
        shape = list(tensors[name].shape)
        end = reached + math.prod(shape) * DTYPES[names[name]][0]
        fields[name] = {"dtype": names[name], "shape": shape, "data_offsets": [reached, end]}
        reached = end
    header = json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
    body = encodable(header).encode("utf-8")
    body += b" " * (-len(body) % 8)
    return len(body).to_bytes(8, "little") + body, order


def _raw(tensor: torch.Tensor) -> bytes:
    import torch

    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return bytes(flat.view(torch.uint8).numpy().data) if flat.numel() else b""
