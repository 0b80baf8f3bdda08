"""Images out: PNG, JPEG and WebP, written durably with their settings inside.

Owns: how images are encoded, and where generation settings are kept in each kind of file.
Refuses to know: what the settings text means (`studio.infer` writes and parses it), and reading
(`images`).

Settings: PNG text chunk `parameters`; JPEG and WebP EXIF UserComment, as A1111's web UI does.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.core import atomic
from studio.core.errors import FileError
from studio.core.names import encodable
from studio.settings.training import FileFormat

ENDINGS: dict[FileFormat, str] = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}
_MOST_EXIF = 65_000  # bytes; a JPEG segment ends at 65,535
_EXIF_FRAME = 200  # bytes of an EXIF block around one comment, generously
_EXIF_IFD, _USER_COMMENT = 0x8769, 0x9286
_LONG, _UNDEFINED = 4, 7  # types of EXIF values


def save_png(path: str | Path, image: Image.Image, parameters: str | None = None) -> Path:
    """Writes a PNG durably, with the settings text in the `parameters` chunk."""
    return atomic.write_bytes(path, encoded_png(image, parameters))


def encoded_png(image: Image.Image, parameters: str | None = None) -> bytes:
    """The bytes of such a file."""
    info = PngInfo()
    if parameters:
        info.add_text("parameters", encodable(parameters))
    return encoded(image, "PNG", pnginfo=info)


def save_jpeg(
    path: str | Path, image: Image.Image, parameters: str | None = None, quality: int = 92
) -> Path:
    """Writes a JPEG durably (transparency becomes white), settings in EXIF UserComment."""
    flat = without_alpha(image)
    data = encoded(flat, "JPEG", quality=quality, subsampling=0, exif=_comment(parameters))
    return atomic.write_bytes(path, data)


def save_webp(
    path: str | Path, image: Image.Image, parameters: str | None = None, quality: int = 90
) -> Path:
    """Writes a WebP durably, settings in EXIF UserComment."""
    data = encoded(image, "WEBP", quality=quality, method=4, exif=_comment(parameters))
    return atomic.write_bytes(path, data)


def save(
    stem: Path, image: Image.Image, parameters: str | None, kind: FileFormat, quality: int
) -> Path:
    """Writes `stem` with the ending of `kind`; PNG knows no quality. Returns the file's path.

    Settings that EXIF has no room for make it a PNG: a generated image is never lost to its text.
    """
    if kind != "png" and not _fits(parameters):
        kind = "png"
    path = stem.with_name(stem.name + ENDINGS[kind])
    if kind == "jpeg":
        return save_jpeg(path, image, parameters, quality)
    if kind == "webp":
        return save_webp(path, image, parameters, quality)
    return save_png(path, image, parameters)


def without_alpha(image: Image.Image) -> Image.Image:
    """RGB; white behind transparency."""
    if image.mode != "RGBA":
        return image.convert("RGB")
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image.getchannel("A"))
    return white


def encoded(image: Image.Image, format_name: str, **options: Any) -> bytes:
    """The image as the bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, format=format_name, **options)
    return buffer.getvalue()


def _comment(text: str | None) -> bytes:
    """An EXIF block with a UserComment: the marker UNICODE, then UTF-16 big-endian. FileError when
    it does not fit into a segment of a JPEG.

    Laid out here, because EXIF wants this tag with type 7 (UNDEFINED) and other programs break on
    any other, while Pillow gives bytes type 1 (BYTE). EXIF 2.32, 4.6: a big-endian TIFF header,
    IFD 0 with the place of the EXIF IFD, and that with the comment.
    """
    if not text:
        return b""
    if not _fits(text):
        raise FileError(
            "The settings are too long for this kind of image",
            why=f"JPEG and WebP files carry at most {_MOST_EXIF // 2:,} characters of them; "
            f"these are {len(text):,}.",
            remedy="Save as PNG, or shorten the prompt.",
        )
    comment = b"UNICODE\0" + encodable(text).encode("utf-16-be")
    header = b"Exif\0\0" + struct.pack(">2sHL", b"MM", 42, 8)
    # each directory: one entry of twelve bytes (tag, type, count, value or its place), none after
    first = struct.pack(">HHHLLL", 1, _EXIF_IFD, _LONG, 1, 26, 0)
    second = struct.pack(">HHHLLL", 1, _USER_COMMENT, _UNDEFINED, len(comment), 44, 0)
    return header + first + second + comment


def _fits(text: str | None) -> bool:
    return len(encodable(text or "").encode("utf-16-be")) + _EXIF_FRAME <= _MOST_EXIF
