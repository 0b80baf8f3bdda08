"""Embeddings inside images: the text chunk, and the two striped borders that survive re-saving.

Owns: finding the embedding's JSON in an image and turning it into plain tables of numbers.
Refuses to know: what the vectors are for (`embedding` checks and names them).

Source: A1111's modules/textual_inversion/image_embedding.py. Text chunk `sd-ti-embedding`: base64
of JSON with tensors as `{"TORCHTENSOR": nested lists}`. Borders: each pixel's low four bits hold
half a byte of a zlib stream of the same JSON, left the low halves, right the high ones, both
masked by a fixed random sequence; black columns part them from the image.
"""

from __future__ import annotations

import base64
import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO

from studio.core import text
from studio.core.budget import TooMuch
from studio.formats import images
from studio.formats.sniff import open_file

CHUNK = "sd-ti-embedding"
MAX_JSON_BYTES = 32 << 20
MAX_CHUNKS = 10_000
MAX_BORDER_PIXELS = 4_000_000
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def read_value(path: Path) -> Any | None:
    """The embedding's JSON value, or None when the image carries none.

    Raises ValueError when something is there but damaged or out of proportion; errors of
    `images.open_image`.
    """
    with open_file(path) as file:
        encoded = _chunk(file, CHUNK.encode() + b"\0")
    if encoded is not None:
        return _parse(base64.b64decode(encoded, validate=False))
    data = _border_bytes(path)
    return None if data is None else _parse(data)


def _chunk(file: BinaryIO, start: bytes) -> bytes | None:
    """The text of a PNG's chunk that begins with its keyword; the pixels are not looked at.

    The keyword stands in a `tEXt` chunk, as the program writes it, or packed in a `zTXt` one.
    """
    if file.read(8) != _SIGNATURE:
        return None
    for _ in range(MAX_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            return None
        size, kind = struct.unpack(">I4s", head)
        if kind == b"IEND":
            return None
        if kind in (b"tEXt", b"zTXt") and size <= 2 * MAX_JSON_BYTES:
            data = file.read(size)
            file.seek(4, 1)
            if data.startswith(start):
                body = data[len(start) :]
                return body if kind == b"tEXt" else _unpacked(body[1:])
        else:
            file.seek(size + 4, 1)
    raise TooMuch("more chunks than any image")


def _unpacked(data: bytes) -> bytes:
    stream = zlib.decompressobj()
    try:
        unpacked = stream.decompress(data, 2 * MAX_JSON_BYTES)
    except zlib.error as error:
        raise ValueError("a packed text that is damaged") from error
    if not stream.eof:
        raise TooMuch("a packed text that is cut off or far too long")
    return unpacked


def _parse(data: bytes) -> Any:
    if len(data) > MAX_JSON_BYTES:
        raise TooMuch("more text than any embedding")
    return text.parse_json(data)


def _border_bytes(path: Path) -> bytes | None:
    import numpy as np

    width, height = images.image_size(path)
    if width * height > MAX_BORDER_PIXELS:
        return None
    image = images.open_image(path).convert("RGB")
    pixels: Any = np.asarray(image)
    lit = pixels.all(axis=2)
    if not lit.any():
        return None
    columns, rows = np.flatnonzero(lit.any(axis=0)), np.flatnonzero(lit.any(axis=1))
    low = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] & 0x0F
    black = np.flatnonzero(low.sum(axis=(0, 2)) == 0)
    if len(black) < 2:
        return None
    left, right = low[:, : black[0]], low[:, black[-1] + 1 :]
    if left.shape != right.shape or not left.size:
        return None
    mask = _mask(left.size).reshape(left.shape)
    data = ((right ^ mask) << 4 | (left ^ mask)).astype(np.uint8).tobytes()
    if data[:1] != b"\x78":  # every zlib stream starts with it; ordinary images do not
        return None
    stream = zlib.decompressobj()
    try:
        unpacked = stream.decompress(data, MAX_JSON_BYTES)
    except zlib.error:
        return None
    return unpacked if stream.eof else None


def _mask(count: int) -> Any:
    """The low halves of the sequence x → 1664525 x + 1013904223 mod 2³², each x mod 255.

    From x(1) … x(n) the next n follow at once: x(k + n) = aⁿ x(k) + c (aⁿ − 1) / (a − 1).
    """
    import numpy as np

    values: Any = np.empty(count, dtype=np.uint64)
    factor, constant, made = 1664525, 1013904223, 1
    values[0] = constant
    while made < count:
        more = min(made, count - made)
        # below 2⁶⁴, as both numbers are below 2³²
        values[made : made + more] = values[:more] * np.uint64(factor) + np.uint64(constant)
        values[made : made + more] &= np.uint64(0xFFFFFFFF)
        constant = (factor * constant + constant) & 0xFFFFFFFF
        factor = factor * factor & 0xFFFFFFFF
        made += more
    return (values % np.uint64(255)).astype(np.uint8) & 0x0F
