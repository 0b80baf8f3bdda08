"""safetensors files: header, tensors, hashes; read with limits, written deterministically.

Owns: the container (https://github.com/huggingface/safetensors#format): eight bytes of header
length, a JSON header, then the tensors' bytes without gaps.
Refuses to know: what the tensors mean.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from studio import atomic
from studio.errors import FileError
from studio.formats.sniff import open_file, sniff_bytes, wrong_content

if TYPE_CHECKING:
    import torch

MAX_HEADER_BYTES = 8 << 20
MAX_TENSORS = 20_000

# Bytes per element, and the name of the same type in torch.
DTYPES: dict[str, tuple[int, str]] = {
    "F64": (8, "float64"), "F32": (4, "float32"), "F16": (2, "float16"), "BF16": (2, "bfloat16"),
    "F8_E4M3": (1, "float8_e4m3fn"), "F8_E5M2": (1, "float8_e5m2"),
    "I64": (8, "int64"), "I32": (4, "int32"), "I16": (2, "int16"), "I8": (1, "int8"),
    "U64": (8, "uint64"), "U32": (4, "uint32"), "U16": (2, "uint16"), "U8": (1, "uint8"),
    "BOOL": (1, "bool"),
}  # fmt: skip


_SCALARS = {"F64": "<d", "F32": "<f", "F16": "<e", "BF16": "<f"}


class TensorEntry(NamedTuple):
    """One tensor as the header lists it; `begin` and `end` are bytes after the header."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class Header:
    """What a file says about itself, checked against its size."""

    metadata: dict[str, str]
    tensors: dict[str, TensorEntry]
    data_start: int

    @property
    def parameters(self) -> int:
        """How many numbers the file holds."""
        return sum(math.prod(entry.shape) for entry in self.tensors.values())


def read_header(
    path: str | Path,
    *,
    max_header_bytes: int = MAX_HEADER_BYTES,
    max_tensors: int = MAX_TENSORS,
) -> Header:
    """Reads and checks the header without torch.

    The default limits suit adapters (a header naming 100,000 empty tensors would take seconds);
    pass higher ones for checkpoints. Raises FileError when the file is not safetensors, is
    truncated, or its offsets leave gaps, overlap or run past the end.
    """
    with open_file(path) as file:
        return _read_header(file, path, max_header_bytes, max_tensors)


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
        header = _read_header(file, path, max_header_bytes, max_tensors)
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
                raise _broken(path, "It ended while a tensor was being read.")
            tensors[name] = torch.frombuffer(buffer, dtype=dtype).reshape(entry.shape)
    return tensors, header.metadata


def read_scalars(path: str | Path, header: Header, names: Iterable[str]) -> dict[str, float]:
    """The values of one-element floating-point tensors by name, without torch; others are skipped."""
    values: dict[str, float] = {}
    with open_file(path) as file:
        for name in names:
            entry = header.tensors[name]
            if math.prod(entry.shape) != 1 or entry.dtype not in _SCALARS:
                continue
            file.seek(header.data_start + entry.begin)
            raw = file.read(entry.end - entry.begin)
            if entry.dtype == "BF16":  # the upper half of an F32
                raw = b"\0\0" + raw
            values[name] = struct.unpack(_SCALARS[entry.dtype], raw)[0]
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
        header = _read_header(file, path, MAX_HEADER_BYTES * 16, MAX_TENSORS * 50)
        file.seek(header.data_start)
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def legacy_hash(path: str | Path) -> str:
    """The old eight-digit hash of web UIs: SHA-256 of 64 KiB at 1 MiB into the file."""
    with open_file(path) as file:
        file.seek(0x100000)
        return hashlib.sha256(file.read(0x10000)).hexdigest()[:8]


def _read_header(
    file: BinaryIO, path: str | Path, max_header_bytes: int, max_tensors: int
) -> Header:
    size = file.seek(0, 2)
    file.seek(0)
    start = file.read(512)
    content = sniff_bytes(start)
    if content != "safetensors":
        raise wrong_content(path, content, "a safetensors file")
    length = int.from_bytes(start[:8], "little")
    if length > size - 8:
        raise _broken(path, f"Its header should have {length:,} bytes, the file has {size:,}.")
    if length > max_header_bytes:
        raise FileError(
            "This file's header is too large to be read safely",
            where=path,
            why=f"It claims {length:,} bytes; an adapter needs at most {max_header_bytes:,}.",
            remedy="Get the file from its author again.",
        )
    file.seek(8)
    fields = _parse(file.read(length), path)
    metadata = fields.pop("__metadata__", None) or {}
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise _broken(path, "Its metadata is not a list of texts.")
    metadata = {_printable(key): _printable(value) for key, value in metadata.items()}
    if len(fields) > max_tensors:
        raise FileError(
            "This file names too many tensors",
            where=path,
            why=f"It lists {len(fields):,}; the limit here is {max_tensors:,}.",
            remedy="Choose an adapter file, not a dump of a whole program.",
        )
    tensors = {name: _entry(name, value, path) for name, value in fields.items()}
    _check_offsets(tensors, size - 8 - length, path)
    return Header(metadata, tensors, 8 + length)


def _parse(raw: bytes, path: str | Path) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(pairs)
        if len(fields) != len(pairs):
            raise ValueError("a name appears twice")
        return fields

    try:
        fields = json.loads(raw.decode("utf-8"), object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise _broken(path, "Its header is not readable JSON.") from error
    if not isinstance(fields, dict):
        raise _broken(path, "Its header is not a table of tensors.")
    return fields


def _printable(text: str) -> str:
    """JSON can smuggle in half of a surrogate pair, which no file or page can show."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _entry(name: str, value: Any, path: str | Path) -> TensorEntry:
    try:
        dtype, shape, (begin, end) = value["dtype"], value["shape"], value["data_offsets"]
        name.encode("utf-8")
        whole = all(type(n) is int and n >= 0 for n in (*shape, begin, end))
        if not whole or len(shape) > 16 or len(value) != 3:
            raise ValueError
        expected = math.prod(shape) * DTYPES[dtype][0]
    except (KeyError, TypeError, ValueError) as error:
        raise _broken(path, f"The entry of tensor {name[:80]!a} makes no sense.") from error
    if end - begin != expected:
        raise _broken(path, f"Tensor {name[:80]!a} has another size than its shape says.")
    return TensorEntry(dtype, tuple(shape), begin, end)


def _check_offsets(tensors: Mapping[str, TensorEntry], size: int, path: str | Path) -> None:
    reached = 0
    for entry in sorted(tensors.values(), key=lambda entry: (entry.begin, entry.end)):
        if entry.begin != reached:
            raise _broken(path, "Its tensors overlap or leave gaps.")
        reached = entry.end
    if reached > size:
        missing = reached - size
        raise _broken(path, f"It is cut off: {missing:,} bytes of its tensors are missing.")
    if reached < size:
        raise _broken(path, f"{size - reached:,} bytes after its tensors belong to nothing.")


def _broken(path: str | Path, why: str) -> FileError:
    return FileError(
        "This safetensors file is damaged",
        where=path,
        why=why,
        remedy="Download or copy it again and compare its size.",
    )


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
    body = json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    body += b" " * (-len(body) % 8)
    return len(body).to_bytes(8, "little") + body, order


def _raw(tensor: torch.Tensor) -> bytes:
    import torch

    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return bytes(flat.view(torch.uint8).numpy().data) if flat.numel() else b""
