"""Images in: opened with limits, upright and in sRGB, their sizes and the settings they carry.

Owns: every call of `Image.open` (a test enforces it), limits, and what is said of an image that
cannot be read.
Refuses to know: what the settings text means (`studio.infer` writes and parses it), and writing
(`image_write`).
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal

from PIL import Image
from PIL.ImageFile import ImageFile

from studio.core.counts import counted
from studio.core.errors import FileError, StorageError
from studio.formats import metadata
from studio.formats.image_colour import plain, transparent
from studio.formats.image_kinds import KINDS, TOLERANT, orientation, upright
from studio.formats.image_look import SIDE, Look, look_at, stored_as
from studio.formats.image_texts import USER_COMMENT, texts_of
from studio.formats.image_write import encoded, without_alpha
from studio.formats.safetensors_header import read_header
from studio.formats.sniff import open_file, sniff_bytes, wrong_content

MAX_PIXELS = 64_000_000
BLACK = 2  # of 255: what JPEG makes of black

# Pillow only warns about huge images; here they are refused, so the warning says nothing new.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


@dataclass(frozen=True)
class Header:
    """What is known of an image without its pixels."""

    width: int
    """Pixels, as shown: after it is turned upright."""
    height: int
    transparent: bool


@dataclass(frozen=True)
class Checked:
    """What decoding an image has shown."""

    note: str | None
    """What had to be passed over although it can be used, as a sentence's end."""
    black: bool
    """Whether every pixel is."""
    look: Look = field(default_factory=Look)


def open_image(path: str | Path, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """The image in sRGB: RGB, or RGBA when it has transparency; turned upright by its EXIF tag.

    PNG, JPEG, WebP, AVIF, BMP, GIF (first frame) and TIFF (first page), by content. FileError for
    anything else, for broken files, and for more than `max_pixels` pixels; StorageError when the
    disk does not give it.
    """
    with _opened(path, max_pixels) as (image, file):
        turn = orientation(image, file)
        image.load()
        return plain(upright(image, turn))[0]


def carried_image(path: str | Path) -> Image.Image:
    """The small image that an adapter file carries, as `open_image` gives it. FileError without one."""
    data = metadata.thumbnail(read_header(path).metadata)
    if data is None:
        raise FileError("This file carries no image", where=path)
    with _decoded(io.BytesIO(data), path, MAX_PIXELS) as image:
        image.load()
        return plain(image)[0]


def check_image(path: str | Path) -> Checked:
    """Decodes an image to see whether it is whole, and what it looks like. Errors of `open_image`."""
    with _opened(path, MAX_PIXELS) as (image, file):
        turn, stored = orientation(image, file), stored_as(image)
        animated = bool(getattr(image, "is_animated", False))
        part = min(1.0, SIDE / min(image.size))  # JPEG: all bytes, fewer pixels
        image.draft(None, (round(image.width * part), round(image.height * part)))
        image.load()
        as_is = image.mode == "RGB" and not {"icc_profile", "transparency"} & image.info.keys()
        decoded, note = (image, None) if as_is else plain(image)
        bright = decoded.convert("L").point(lambda value: 255 * (value > BLACK))
        tiny, sharpness = look_at(upright(decoded, turn))
        look = Look(tiny, sharpness, stored, animated, turn > 1)
        return Checked(note, bright.getbbox() is None, look)


def image_header(path: str | Path, max_pixels: int = MAX_PIXELS) -> Header:
    """Size and transparency, from the header alone. Errors of `open_image`."""
    with _opened(path, max_pixels) as (image, file):
        width, height = image.size
        if orientation(image, file) >= 5:
            width, height = height, width
        return Header(width, height, transparent(image))


def image_size(path: str | Path, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Width and height in pixels as shown (after orientation), from the header alone."""
    header = image_header(path, max_pixels)
    return header.width, header.height


def thumbnail(path: str | Path, side: int = 256, encoding: Literal["png", "jpeg"] = "png") -> bytes:
    """A small copy that fits in `side` × `side` pixels, encoded; never larger than the original."""
    with _opened(path, MAX_PIXELS) as (image, file):
        turn = orientation(image, file)
        image.draft("RGB", (2 * side, 2 * side))  # JPEG: decode at a fraction of the size
        image.load()
        small, _ = plain(upright(image, turn))
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    if encoding == "jpeg":
        return encoded(without_alpha(small), "JPEG", quality=85)
    return encoded(small, "PNG")


def small_image(path: str | Path, side: int) -> Image.Image:
    """The image as `open_image` gives it, made smaller while its short side stays above `side`."""
    with _opened(path, MAX_PIXELS) as (image, file):
        turn = orientation(image, file)
        part = min(1.0, 2 * side / min(image.size))
        image.draft(None, (round(image.width * part), round(image.height * part)))
        image.load()
        small, _ = plain(upright(image, turn))
    return small.reduce(max(1, min(small.size) // (2 * side)))


def read_texts(path: str | Path) -> dict[str, str]:
    """Every text an image carries, by where it stands. Errors as in `open_image`."""
    with _opened(path, MAX_PIXELS) as (image, _):
        if image.format == "PNG":
            image.load()  # chunks may stand behind the pixels
        return texts_of(image)


def read_parameters(path: str | Path) -> str | None:
    """The settings text an image carries, or None. Errors as in `open_image`."""
    texts = read_texts(path)
    return texts.get("parameters") or texts.get(USER_COMMENT)


@contextmanager
def _opened(path: str | Path, max_pixels: int) -> Iterator[tuple[ImageFile, BinaryIO]]:
    with open_file(path) as file, _decoded(file, path, max_pixels) as image:
        yield image, file


@contextmanager
def _decoded(file: BinaryIO, path: str | Path, max_pixels: int) -> Iterator[ImageFile]:
    """The image in `file`, which lies at or in `path`; what goes wrong with it inside is said."""
    try:
        content = sniff_bytes(file.read(512))
        file.seek(0)
        if content not in KINDS:
            raise wrong_content(path, content, "an image the studio can read")
        kind = KINDS[content]
        image = TOLERANT[kind](file) if kind in TOLERANT else Image.open(file, formats=[kind])
        width, height = image.size
        if width * height > max_pixels:
            raise _too_large(path, width, height, max_pixels)
        yield image
    except (FileError, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(path, 0, 0, max_pixels) from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno:  # the disk, not what is on it
            raise StorageError(
                "This file could not be read",
                where=path,
                why=f"The system said: {error.strerror}",
            ) from error
        raise FileError(
            "This image cannot be read",
            where=path,
            why="Its data is damaged or cut off.",
            remedy="Export it again as PNG or JPEG.",
        ) from error


def _too_large(path: str | Path, width: int, height: int, max_pixels: int) -> FileError:
    pixels = counted(height, "pixel")
    size = f"It has {width:,} × {pixels}" if width else "It has far too many pixels"
    return FileError(
        "This image is too large",
        where=path,
        why=f"{size}; the limit is {max_pixels:,} in total.",
        remedy="Make a smaller copy of it.",
    )
