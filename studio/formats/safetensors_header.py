"""The header of a safetensors file: read with limits, checked against the file's size; torch-free.

Owns: the layout of the container's beginning and every check on it
(https://github.com/huggingface/safetensors#format): eight bytes of length, then JSON.
Refuses to know: tensors' values, writing (`safetensors_file`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from studio.core import text
from studio.core.budget import TooMuch, check_text
from studio.core.counts import counted
from studio.core.errors import FileError
from studio.formats.sniff import open_file, sniff_bytes, wrong_content

# One limit for every reader: the format's own (safetensors/src/tensor.rs), and as many tensors as
# no adapter and no model has. A long header is mostly one long text, which costs next to nothing;
# what costs is the number of values, and these are counted before anything is parsed.
MAX_HEADER_BYTES = 100_000_000
MAX_TENSORS = 100_000
_VALUES_PER_TENSOR = 20  # marks between values; entries of up to 16 dimensions

# Bytes per element, and the name of the same type in torch.
DTYPES: dict[str, tuple[int, str]] = {
    "F64": (8, "float64"), "F32": (4, "float32"), "F16": (2, "float16"), "BF16": (2, "bfloat16"),
    "F8_E4M3": (1, "float8_e4m3fn"), "F8_E5M2": (1, "float8_e5m2"),
    "I64": (8, "int64"), "I32": (4, "int32"), "I16": (2, "int16"), "I8": (1, "int8"),
    "U64": (8, "uint64"), "U32": (4, "uint32"), "U16": (2, "uint16"), "U8": (1, "uint8"),
    "BOOL": (1, "bool"),
}  # fmt: skip


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

    Raises FileError when the file is not safetensors, is
    truncated, or its offsets leave gaps, overlap or run past the end.
    """
    with open_file(path) as file:
        return header_of(file, path, max_header_bytes, max_tensors)


def header_of(file: BinaryIO, path: str | Path, max_header_bytes: int, max_tensors: int) -> Header:
    """The checked header of an open file; `path` is for messages. See `read_header`."""
    size = file.seek(0, 2)
    file.seek(0)
    start = file.read(512)
    content = sniff_bytes(start)
    if content != "safetensors":
        raise wrong_content(path, content, "a safetensors file")
    length = int.from_bytes(start[:8], "little")
    if length > size - 8:
        raise broken(
            path, f"Its header should have {counted(length, 'byte')}, the file has {size:,}."
        )
    if length > max_header_bytes:
        raise FileError(
            "This file's header is too large to be read safely",
            where=path,
            why=f"It claims {counted(length, 'byte')}; the limit is {max_header_bytes:,}.",
            remedy="Get the file from its author again.",
        )
    file.seek(8)
    fields = _parse(file.read(length), path, max_tensors)
    metadata = fields.pop("__metadata__", None) or {}
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise broken(path, "Its metadata is not a list of texts.")
    if len(fields) > max_tensors:
        raise _too_much(
            path, f"It names {counted(len(fields), 'tensor')}; the limit is {max_tensors:,}."
        )
    tensors = {name: _entry(name, value, path) for name, value in fields.items()}
    _check_offsets(tensors, size - 8 - length, path)
    return Header(metadata, tensors, 8 + length)


def _parse(raw: bytes, path: str | Path, max_tensors: int) -> dict[str, Any]:
    try:
        check_text(raw, values=_VALUES_PER_TENSOR * max_tensors)
    except TooMuch as error:
        raise _too_much(path, f"It has {error}.") from error
    try:
        fields = text.parse_json(raw.decode("utf-8"), unique=True)
    except ValueError as error:
        raise broken(path, "Its header is not readable JSON.") from error
    if not isinstance(fields, dict):
        raise broken(path, "Its header is not a table of tensors.")
    return fields


def _too_much(path: str | Path, why: str) -> FileError:
    return FileError(
        "This file's header holds more than can be read safely",
        where=path,
        why=why,
        remedy="Ask its author for a copy without the long texts or the tensors that no adapter has.",
    )


def _entry(name: str, value: Any, path: str | Path) -> TensorEntry:
    stated = value.get("dtype") if isinstance(value, dict) else None
    if isinstance(stated, str) and stated not in DTYPES:
        raise FileError(
            "This file holds a type of numbers that the studio does not read",
            where=path,
            why=f"Tensor {name[:80]!a} is of type {stated[:20]!a}.",
            remedy="Get the file in fp16, bf16 or fp32.",
        )
    try:
        dtype, shape, (begin, end) = value["dtype"], value["shape"], value["data_offsets"]
        name.encode("utf-8")
        whole = all(type(n) is int and 0 <= n < 1 << 63 for n in (*shape, begin, end))
        if not whole or len(shape) > 16 or len(value) != 3:
            raise ValueError
        expected = math.prod(shape) * DTYPES[dtype][0]
    except (KeyError, TypeError, ValueError) as error:
        raise broken(path, f"The entry of tensor {name[:80]!a} makes no sense.") from error
    if end - begin != expected:
        raise broken(path, f"Tensor {name[:80]!a} has another size than its shape says.")
    return TensorEntry(dtype, tuple(shape), begin, end)


def _check_offsets(tensors: Mapping[str, TensorEntry], size: int, path: str | Path) -> None:
    reached = 0
    for entry in sorted(tensors.values(), key=lambda entry: (entry.begin, entry.end)):
        if entry.begin != reached:
            raise broken(path, "Its tensors overlap or leave gaps.")
        reached = entry.end
    if reached > size:
        missing = reached - size
        are = "is" if missing == 1 else "are"
        raise broken(
            path, f"It is cut off: {counted(missing, 'byte')} of its tensors {are} missing."
        )
    if reached < size:
        after, belong = size - reached, "belongs" if size - reached == 1 else "belong"
        raise broken(path, f"{counted(after, 'byte')} after its tensors {belong} to nothing.")


def broken(path: str | Path, why: str) -> FileError:
    """The error for a container that contradicts itself."""
    return FileError(
        "This safetensors file is damaged",
        where=path,
        why=why,
        remedy="Download or copy it again and compare its size.",
    )
