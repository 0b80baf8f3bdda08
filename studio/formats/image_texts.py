"""The texts inside an image, by where they stand: text chunks of a PNG, EXIF tags, XMP, comments,
and NovelAI's in the alpha channel.

Owns: which places are looked at, and how their bytes become text. Refuses to know: what the texts
mean (`studio.infer.foreign`), and opening images (`images`).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import iTXt

from studio.core.text import decode, encodable

USER_COMMENT, XMP, HIDDEN = "UserComment", "XMP", "alpha channel"
_PLAIN, _PACKED = b"stealth_pnginfo", b"stealth_pngcomp"
_GZIP = 31  # zlib's number for a gzip header
_MOST_HIDDEN = 1 << 22  # bytes, unpacked
_EXIF_IFD = 0x8769
_PLACES = {
    0x010E: "ImageDescription", 0x010F: "Make", 0x0110: "Model", 0x0131: "Software",
    0x927C: "MakerNote", 0x9286: USER_COMMENT,
}  # fmt: skip
_XMP_KEYS = ("XML:com.adobe.xmp", "xmp")


def texts_of(image: Image.Image) -> dict[str, str]:
    """Every text of a loaded image that is not empty, by the keyword of its chunk or EXIF tag."""
    found: dict[str, str] = {}
    for key, value in image.info.items():
        if isinstance(value, str) and image.format == "PNG":
            found[XMP if key in _XMP_KEYS else str(key)] = _repaired(value)
        elif isinstance(value, bytes) and key in (*_XMP_KEYS, "comment"):
            found[XMP if key in _XMP_KEYS else str(key)] = decode(value).text
    for tag, value in _exif(image):
        if tag in _PLACES and isinstance(value, str | bytes):
            found.setdefault(_PLACES[tag], _exif_text(tag, value))
    if not {"parameters", "Comment", USER_COMMENT} & found.keys() and (hidden := _hidden(image)):
        found[HIDDEN] = hidden
    return {key: encodable(text) for key, text in found.items() if text.strip()}


def _hidden(image: Image.Image) -> str:
    """The text that NovelAI, and an extension of A1111's web UI, keep in the lowest bits of the alpha
    channel, column by column: fifteen letters that say so, its length in bits, and its bytes.
    """
    if image.mode != "RGBA":
        return ""
    import numpy as np

    alpha = np.asarray(image.getchannel("A")).T.reshape(-1)
    begin = 8 * len(_PLAIN)
    mark = np.packbits(alpha[:begin] & 1).tobytes()
    if mark not in (_PLAIN, _PACKED):
        return ""
    length = int.from_bytes(np.packbits(alpha[begin : begin + 32] & 1).tobytes(), "big")
    data = np.packbits(alpha[begin + 32 : begin + 32 + length] & 1).tobytes()
    if mark == _PACKED:
        try:
            data = zlib.decompressobj(_GZIP).decompress(data, _MOST_HIDDEN)
        except zlib.error:
            return ""
    return decode(data).text


def _exif(image: Image.Image) -> Iterator[tuple[int, Any]]:
    try:
        exif = image.getexif()
        yield from list(exif.items())
        yield from list(exif.get_ifd(_EXIF_IFD).items())
    except Exception:  # somebody's EXIF is odd: then it says nothing
        return


def _exif_text(tag: int, value: str | bytes) -> str:
    if isinstance(value, str):
        return _repaired(value).strip("\0 ")
    if _PLACES[tag] == USER_COMMENT:
        return _comment(value)
    return decode(value).text.strip("\0 ")


def _repaired(text: str) -> str:
    """Text of a chunk that has to be Latin-1; many programs put UTF-8 there (“Ã©” for “é”)."""
    if isinstance(text, iTXt):
        return str(text)
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _comment(comment: bytes) -> str:
    """A UserComment: eight bytes say what the rest is, or are missing."""
    marker, body = comment[:8], comment[8:]
    if marker == b"UNICODE\0":
        # Writers disagree on the byte order; in Latin text the zero bytes tell it.
        little = body[1::2].count(0) > body[0::2].count(0)
        text = body.decode("utf-16-le" if little else "utf-16-be", "replace")
    elif marker in (b"ASCII\0\0\0", bytes(8)):
        text = decode(body.strip(b"\0")).text
    else:
        text = decode(comment.strip(b"\0")).text
    return text.strip("\0\ufeff ")
