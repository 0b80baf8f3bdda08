"""Images in: opened with limits and upright, their sizes and the settings they carry.

Owns: every call of `Image.open` (a test enforces it), the list of allowed formats, EXIF
orientation, and where generation settings are found in PNG, JPEG and WebP.
Refuses to know: what the settings text means (`studio.infer` writes and parses it), and writing
(`image_write`).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from PIL import Image, ImageOps

from studio.errors import FileError
from studio.formats.image_write import encoded, without_alpha
from studio.formats.sniff import Content, open_file, sniff_bytes, wrong_content

MAX_PIXELS = 64_000_000

# Pillow only warns about huge pictures; here they are refused, so the warning says nothing new.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

_FORMATS: dict[Content, str] = {
    "png": "PNG", "jpeg": "JPEG", "webp": "WEBP", "bmp": "BMP", "gif": "GIF", "tiff": "TIFF",
}  # fmt: skip
_EXIF_IFD, _USER_COMMENT, _ORIENTATION = 0x8769, 0x9286, 0x0112


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
        return encoded(without_alpha(small), "JPEG", quality=85)
    return encoded(small, "PNG")


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
