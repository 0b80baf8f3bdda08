"""The kinds of images that can be read, and readers that odd metadata does not stop.

Owns: which content is read, by which reader, and which way up an image is. Of EXIF only the
orientation is needed: it is read here, from the bytes, and nothing of EXIF is ever written.
Refuses to know: limits and errors (`images`), colours (`image_colour`).
"""

from __future__ import annotations

import contextlib
import io
import re
import struct
from collections.abc import Callable
from typing import BinaryIO

from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

from studio.formats.sniff import Content

_ORIENTATION = 0x0112
_WHOLE_NUMBERS = {1: "B", 3: "H", 4: "I", 8: "h", 9: "i"}  # EXIF's types, by how they are unpacked
_XMP = re.compile(rb'tiff:Orientation(?:\s*=\s*"|>)\s*([1-8])')
_EXIF_ITEM = re.compile(rb"(infe\x02[\s\S]{7})Exif")  # AVIF's entry for EXIF, before its kind
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class _Jpeg(JpegImageFile):
    """A JPEG, its first image where it holds several (phones store depth and HDR that way)."""

    def _read_dpi_from_exif(self) -> None:
        """Nobody needs the resolution of a printer, and odd EXIF makes this fail or complain."""


class _Tiff(TiffImageFile):
    def load_end(self) -> None:
        """Turned upright, also when another tag of the file cannot be read."""
        try:
            super().load_end()
        except Exception:
            said = self.tag_v2.get(_ORIENTATION)
            if isinstance(said, int) and said in _TURNS:
                turned = self.transpose(_TURNS[said])
                self.im, self._size = turned.im, turned.size


class _Avif(AvifImageFile):
    """An AVIF. Its container says how it is turned, so EXIF that cannot be read is done without."""

    def _open(self) -> None:
        assert self.fp is not None, "it was just opened"
        try:
            super()._open()
        except Exception:
            self.fp.seek(0)
            data = self.fp.read()
            without = _EXIF_ITEM.sub(rb"\1skip", data)
            if without == data:
                raise
            self.fp = io.BytesIO(without)
            super()._open()


KINDS: dict[Content, str] = {
    "png": "PNG", "jpeg": "JPEG", "webp": "WEBP", "bmp": "BMP", "gif": "GIF", "tiff": "TIFF",
    "avif": "AVIF",
}  # fmt: skip
TOLERANT: dict[str, Callable[[BinaryIO], ImageFile]] = {
    "JPEG": _Jpeg, "TIFF": _Tiff, "AVIF": _Avif,
}  # fmt: skip
"""Readers in place of the library's own, where those stumble over metadata."""


def orientation(image: ImageFile, file: BinaryIO) -> int:
    """1…8 as EXIF numbers them, from the header alone; 1 where nothing, or nothing valid, is said.

    Of a TIFF always 1: its reader turns it. `file` is where `image` came from; its place is kept.
    """
    if image.format == "TIFF":
        return 1
    found = exif_orientation(image.info.get("exif") or b"")
    if found is None and image.format == "PNG":
        found = exif_orientation(_png_exif(file) or _raw_profile(image))
    if found is None:
        xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
        said = _XMP.search(xmp.encode("utf-8", "replace") if isinstance(xmp, str) else xmp)
        found = int(said[1]) if said else None
    return found or 1


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """The image as its camera was held."""
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def exif_orientation(block: bytes) -> int | None:
    """The orientation in a block of EXIF, in either byte order and any type of whole number.

    None when there is none that is valid. No other field is looked at, so none can do harm.
    """
    block = block.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        return None
    with contextlib.suppress(struct.error):  # cut off: what was not found is not there
        (start,) = struct.unpack_from(f"{order}I", block, 4)
        (count,) = struct.unpack_from(f"{order}H", block, start)
        for place in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(f"{order}HH", block, place)
            if tag == _ORIENTATION and kind in _WHOLE_NUMBERS:
                (value,) = struct.unpack_from(order + _WHOLE_NUMBERS[kind], block, place + 8)
                if 1 <= value <= 8:
                    return int(value)
    return None


def _png_exif(file: BinaryIO) -> bytes:
    """The eXIf chunk of a PNG, which may stand behind the pixels: those are stepped over."""
    place = file.tell()
    try:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            length = int.from_bytes(head[:4], "big")
            if head[4:] == b"eXIf":
                return file.read(min(length, 1 << 16))
            if head[4:] == b"IEND":
                break
            file.seek(length + 4, 1)
        return b""
    finally:
        file.seek(place)


def _raw_profile(image: ImageFile) -> bytes:
    """EXIF as ImageMagick keeps it in a text chunk: three lines, then hexadecimal digits."""
    text = image.info.get("Raw profile type exif")
    with contextlib.suppress(ValueError):
        return bytes.fromhex("".join(str(text).split("\n")[3:])) if text else b""
    return b""
