"""Embeddings inside pictures: the text chunk, and the two striped borders that survive re-saving.

Owns: finding the embedding's JSON in a picture and turning it into plain tables of numbers.
Refuses to know: what the vectors are for (`embedding` checks and names them).

Source: A1111's modules/textual_inversion/image_embedding.py. Text chunk `sd-ti-embedding`: base64
of JSON with tensors as `{"TORCHTENSOR": nested lists}`. Borders: each pixel's low four bits hold
half a byte of a zlib stream of the same JSON, left the low halves, right the high ones, both
masked by a fixed random sequence; black columns part them from the picture.
"""

from __future__ import annotations

import base64
import zlib
from pathlib import Path
from typing import Any

from studio.formats import images
from studio.text import parse_json

CHUNK = "sd-ti-embedding"
MAX_JSON_BYTES = 32 << 20
MAX_BORDER_PIXELS = 4_000_000


def read_value(path: Path) -> Any | None:
    """The embedding's JSON value, or None when the picture carries none.

    Raises ValueError when something is there but damaged; errors of `images.open_image`.
    """
    text = images.read_text_chunk(path, CHUNK)
    if text is not None:
        return _parse(base64.b64decode(text, validate=False))
    data = _border_bytes(path)
    return None if data is None else _parse(data)


def _parse(data: bytes) -> Any:
    return parse_json(data)


def _border_bytes(path: Path) -> bytes | None:
    import numpy as np

    image = images.open_image(path).convert("RGB")
    if image.width * image.height > MAX_BORDER_PIXELS:
        return None
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
    if data[:1] != b"\x78":  # every zlib stream starts with it; ordinary pictures do not
        return None
    stream = zlib.decompressobj()
    try:
        unpacked = stream.decompress(data, MAX_JSON_BYTES)
    except zlib.error:
        return None
    return unpacked if stream.eof else None


def _mask(count: int) -> Any:
    """The low halves of the sequence x → 1664525 x + 1013904223 mod 2³², each x mod 255."""
    import numpy as np

    values = np.empty(count, dtype=np.uint8)
    x = 0
    for i in range(count):
        x = (1664525 * x + 1013904223) & 0xFFFFFFFF
        values[i] = x % 255
    return values & 0x0F
