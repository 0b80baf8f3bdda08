"""Pictures in and out: opened with limits, upright, and saved with their settings inside.

Owns: every call of `Image.open` (a test enforces it), the list of allowed formats, EXIF
orientation, and where generation settings are kept in PNG, JPEG and WebP.
Refuses to know: what the settings text means (`studio.infer` writes and parses it).

Settings: PNG text chunk `parameters`; JPEG and WebP EXIF UserComment, as A1111's web UI does.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from studio import atomic
from studio.config import FileFormat
from studio.errors import FileError
from studio.formats.sniff import Content, open_file, sniff_bytes, wrong_content

MAX_PIXELS = 64_000_000

# Pillow only warns about huge pictures; here they are refused, so the warning says nothing new.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

_FORMATS: dict[Content, str] = {
    "png": "PNG", "jpeg": "JPEG", "webp": "WEBP", "bmp": "BMP", "gif": "GIF", "tiff": "TIFF",
}  # fmt: skip
ENDINGS: dict[FileFormat, str] = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}
_MOST_EXIF = 65_000  # bytes; a JPEG segment ends at 65,535
_EXIF_FRAME = 200  # bytes of an EXIF block around one comment, generously
_EXIF_IFD, _USER_COMMENT, _ORIENTATION = 0x8769, 0x9286, 0x0112
_LONG, _UNDEFINED = 4, 7  # types of EXIF values


def open_image(path: str | Path, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """The picture as RGB, or RGBA when it has transparency, turned upright by its EXIF tag.

    PNG, JPEG, WebP, BMP, GIF (first frame) and TIFF (first page), by content. FileError for
    anything else, for broken files, and for more than `max_pixels` pixels.
    """
    with _opened(path, max_pixels) as image:
        image.load()
        return _plain(_upright(image))


def image_size(path: str | Path, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Width and height in pixels as shown (after orientation), from the header alone."""
    with _opened(path, max_pixels) as image:
        width, height = image.size
        return (height, width) if _orientation(image) >= 5 else (width, height)


def has_transparency(path: str | Path) -> bool:
    """True when the picture stores transparency, from the header alone."""
    with _opened(path, MAX_PIXELS) as image:
        return _transparent(image)


def thumbnail(path: str | Path, side: int = 256, encoding: Literal["png", "jpeg"] = "png") -> bytes:
    """A small copy that fits in `side` × `side` pixels, encoded; never larger than the original."""
    with _opened(path, MAX_PIXELS) as image:
        image.draft("RGB", (2 * side, 2 * side))  # JPEG: decode at a fraction of the size
        image.load()
        small = _plain(_upright(image))
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    if encoding == "jpeg":
        return _encoded(_without_alpha(small), "JPEG", quality=85)
    return _encoded(small, "PNG")


def save_png(path: str | Path, image: Image.Image, parameters: str | None = None) -> Path:
    """Writes a PNG durably, with the settings text in the `parameters` chunk."""
    info = PngInfo()
    if parameters:
        # half of a surrogate pair cannot be written and means nothing
        info.add_text("parameters", parameters.encode("utf-8", "replace").decode("utf-8"))
    return atomic.write_bytes(path, _encoded(image, "PNG", pnginfo=info))


def save_jpeg(
    path: str | Path, image: Image.Image, parameters: str | None = None, quality: int = 92
) -> Path:
    """Writes a JPEG durably (transparency becomes white), settings in EXIF UserComment."""
    flat = _without_alpha(image)
    data = _encoded(flat, "JPEG", quality=quality, subsampling=0, exif=_comment(parameters))
    return atomic.write_bytes(path, data)


def save_webp(
    path: str | Path, image: Image.Image, parameters: str | None = None, quality: int = 90
) -> Path:
    """Writes a WebP durably, settings in EXIF UserComment."""
    data = _encoded(image, "WEBP", quality=quality, method=4, exif=_comment(parameters))
    return atomic.write_bytes(path, data)


def save(
    stem: Path, image: Image.Image, parameters: str | None, kind: FileFormat, quality: int
) -> Path:
    """Writes `stem` with the ending of `kind`; PNG knows no quality. Returns the file's path.

    Settings that EXIF has no room for make it a PNG: a drawn picture is never lost to its text.
    """
    if kind != "png" and not _fits(parameters):
        kind = "png"
    path = stem.with_name(stem.name + ENDINGS[kind])
    if kind == "jpeg":
        return save_jpeg(path, image, parameters, quality)
    if kind == "webp":
        return save_webp(path, image, parameters, quality)
    return save_png(path, image, parameters)


def read_parameters(path: str | Path) -> str | None:
    """The settings text a picture carries, or None. Errors as in `open_image`."""
    if (text := read_text_chunk(path, "parameters")) is not None:
        return text
    with _opened(path, MAX_PIXELS) as image:
        try:
            comment = image.getexif().get_ifd(_EXIF_IFD).get(_USER_COMMENT)
        except Exception:
            return None
    if isinstance(comment, str):
        return comment or None
    return _decode_comment(comment) if isinstance(comment, bytes) else None


def read_text_chunk(path: str | Path, name: str) -> str | None:
    """One text chunk of a PNG by its keyword, or None (also for pictures that are no PNG)."""
    with _opened(path, MAX_PIXELS) as image:
        if image.format != "PNG":
            return None
        image.load()  # chunks may stand behind the pixels
        value = image.info.get(name)
        return str(value) if isinstance(value, str) else None


@contextmanager
def _opened(path: str | Path, max_pixels: int) -> Iterator[Image.Image]:
    with open_file(path) as file:
        content = sniff_bytes(file.read(512))
        file.seek(0)
        if content not in _FORMATS:
            raise wrong_content(path, content, "a picture the studio can read")
        try:
            image = Image.open(file, formats=[_FORMATS[content]])
            width, height = image.size
            if width * height > max_pixels:
                raise _too_large(path, width, height, max_pixels)
            yield image
        except FileError:
            raise
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise _too_large(path, 0, 0, max_pixels) from error
        except Exception as error:
            raise FileError(
                "This picture cannot be read",
                where=path,
                why="Its data is damaged or cut off.",
                remedy="Export it again as PNG or JPEG.",
            ) from error


def _too_large(path: str | Path, width: int, height: int, max_pixels: int) -> FileError:
    size = f"It has {width:,} × {height:,} pixels" if width else "It has far too many pixels"
    return FileError(
        "This picture is too large",
        where=path,
        why=f"{size}; the limit is {max_pixels:,} in total.",
        remedy="Make a smaller copy of it.",
    )


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _upright(image: Image.Image) -> Image.Image:
    if _orientation(image) == 1:
        return image
    return ImageOps.exif_transpose(image)


def _transparent(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info


def _plain(image: Image.Image) -> Image.Image:
    """RGB or RGBA in 8 bits, without the source's metadata."""
    if image.mode.startswith("I"):  # 16-bit greys would be clipped to white
        image = image.convert("I").point(lambda value: value * (1 / 257)).convert("L")
    plain = image.convert("RGBA" if _transparent(image) else "RGB")
    # A copy of its own: nothing may keep the file open or carry EXIF along.
    return Image.frombytes(plain.mode, plain.size, plain.tobytes())


def _without_alpha(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image.convert("RGB")
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image.getchannel("A"))
    return white


def _encoded(image: Image.Image, format_name: str, **options: Any) -> bytes:
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
            "The settings are too long for this kind of picture",
            why=f"JPEG and WebP files carry at most {_MOST_EXIF // 2:,} characters of them; "
            f"these are {len(text):,}.",
            remedy="Save as PNG, or shorten the prompt.",
        )
    comment = b"UNICODE\0" + text.encode("utf-16-be", "replace")
    header = b"Exif\0\0" + struct.pack(">2sHL", b"MM", 42, 8)
    # each directory: one entry of twelve bytes (tag, type, count, value or its place), none after
    first = struct.pack(">HHHLLL", 1, _EXIF_IFD, _LONG, 1, 26, 0)
    second = struct.pack(">HHHLLL", 1, _USER_COMMENT, _UNDEFINED, len(comment), 44, 0)
    return header + first + second + comment


def _fits(text: str | None) -> bool:
    return len((text or "").encode("utf-16-be", "replace")) + _EXIF_FRAME <= _MOST_EXIF


def _decode_comment(comment: bytes) -> str | None:
    marker, body = comment[:8], comment[8:]
    if marker == b"UNICODE\0":
        # Writers disagree on the byte order; in Latin text the zero bytes tell it.
        little = body[1::2].count(0) > body[0::2].count(0)
        text = body.decode("utf-16-le" if little else "utf-16-be", "replace")
    elif marker == b"ASCII\0\0\0":
        text = body.decode("utf-8", "replace")
    else:
        text = comment.decode("utf-8", "replace")
    return text.strip("\0 ") or None
