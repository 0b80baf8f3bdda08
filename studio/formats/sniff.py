"""What a file is, by its first bytes; its name is never believed.

Owns: content signatures, the words for them, and opening files with errors people understand.
Refuses to know: what is inside a container beyond its signature.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Literal

from studio.core.errors import FileError, MissingError, StorageError

Content = Literal[
    "safetensors", "zip", "torch-legacy", "pickle",
    "png", "jpeg", "webp", "gif", "bmp", "tiff", "avif",
    "heic", "jxl", "jpeg2000", "photoshop", "raw",
    "gguf", "archive", "html", "lfs-pointer", "text", "empty", "unknown",
]  # fmt: skip

WORDS: dict[Content, str] = {
    "safetensors": "a safetensors file",
    "zip": "a zip container (how newer .pt files are packed)",
    "torch-legacy": "an old-style .pt file",
    "pickle": "a bare pickle",
    "png": "a PNG image",
    "jpeg": "a JPEG image",
    "webp": "a WebP image",
    "gif": "a GIF image",
    "bmp": "a BMP image",
    "tiff": "a TIFF image",
    "avif": "an AVIF image",
    "heic": "a HEIC image, as phones write them",
    "jxl": "a JPEG XL image",
    "jpeg2000": "a JPEG 2000 image",
    "photoshop": "a Photoshop document",
    "raw": "a camera's raw file",
    "gguf": "a GGUF model",
    "archive": "a packed archive",
    "html": "a web page, probably an error page saved in place of the download",
    "lfs-pointer": "a Git LFS pointer, a note that stands for the real file",
    "text": "a text file",
    "empty": "an empty file",
    "unknown": "not a format the studio knows",
}

# `torch.save` before 2020 begins with this number, pickled with protocol 2; later ones can be asked
# for. From 4 on a frame of thirteen bytes goes around it.
_NUMBER = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
LEGACY_MAGIC = b"\x80\x02" + _NUMBER
LEGACY_MAGICS = (
    LEGACY_MAGIC,
    b"\x80\x03" + _NUMBER,
    b"\x80\x04\x95\x0d\0\0\0\0\0\0\0" + _NUMBER,
    b"\x80\x05\x95\x0d\0\0\0\0\0\0\0" + _NUMBER,
)

_SIGNATURES: tuple[tuple[bytes, Content], ...] = (
    (b"PK\x03\x04", "zip"),
    *((magic, "torch-legacy") for magic in LEGACY_MAGICS),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"BM", "bmp"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),  # more than 4 GB are possible
    (b"MM\0+", "tiff"),
    (b"\xff\x0a", "jxl"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "jxl"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "jpeg2000"),
    (b"8BPS", "photoshop"),
    (b"FUJIFILMCCD-RAW", "raw"),
    (b"IIRO", "raw"),
    (b"IIU\0", "raw"),
    (b"GGUF", "gguf"),
    (b"\x1f\x8b", "archive"),  # gzip
    (b"7z\xbc\xaf\x27\x1c", "archive"),
    (b"Rar!\x1a\x07", "archive"),
    (b"\xfd7zXZ\0", "archive"),
    (b"\x28\xb5\x2f\xfd", "archive"),  # zstd
    (b"version https://git-lfs", "lfs-pointer"),
)

# A header longer than this is not a header, whatever byte 8 says.
_LONGEST_PLAUSIBLE_HEADER = 1 << 30


def open_file(path: str | Path) -> BinaryIO:
    """Opens `path` for reading bytes; MissingError, FileError or StorageError when it cannot be."""
    path = Path(path)
    try:
        if path.is_dir():
            raise FileError(
                "This is a folder, not a file",
                where=path,
                remedy="Choose the file inside it.",
            )
        return open(path, "rb")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingError(
            "This file is not there",
            where=path,
            remedy="Check the name, or refresh the list.",
        ) from error
    except OSError as error:
        raise StorageError(
            "This file could not be opened",
            where=path,
            why=f"The system said: {error.strerror}",
        ) from error
    except ValueError as error:  # a NUL byte in the name
        raise MissingError("This file name cannot exist", where=repr(str(path))) from error


def sniff_bytes(start: bytes) -> Content:
    """Names the content from the first 512 bytes (fewer only when the file is shorter)."""
    if not start:
        return "empty"
    for signature, content in _SIGNATURES:
        if start.startswith(signature):
            return content
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "webp"
    if start[4:8] == b"ftyp":
        return _in_boxes(start)
    if len(start) > 8 and start[8:9] in b"{ " and _plausible_header_size(start[:8]):
        return "safetensors"
    if start[:1] == b"\x80" and len(start) > 1 and start[1] <= 5:
        return "pickle"
    if start.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html")):
        return "html"
    return "text" if _is_text(start) else "unknown"


def sniff(path: str | Path) -> Content:
    """Names the content of a file; errors of `open_file`."""
    with open_file(path) as file:
        return sniff_bytes(file.read(512))


def wrong_content(path: str | Path, content: Content, wanted: str) -> FileError:
    """The error for a file that is something else than its place or name promises."""
    remedies: dict[Content, str] = {
        "lfs-pointer": "Run `git lfs pull` in the repository it came from, or download it again.",
        "html": "Download it again; the site may want you to log in first.",
        "empty": "Download or copy it again.",
        "archive": "Unpack it, and choose the file inside it.",
        "heic": "Save it as JPEG or PNG first; phones do that when they send it as “most compatible”.",
        "jxl": "Save it as PNG or JPEG first, for instance with djxl.",
        "jpeg2000": "Save it as PNG or JPEG first.",
        "photoshop": "Export it as PNG or JPEG first.",
        "raw": "Develop it and save it as JPEG or TIFF first.",
    }
    return FileError(
        f"This is not {wanted}",
        where=path,
        why=f"By its content it is {WORDS[content]}.",
        remedy=remedies.get(content, "Choose another file."),
    )


def _in_boxes(start: bytes) -> Content:
    """What a file in MP4's container holds: the brands at its front say it, the first one loudest."""
    brands = start[8 : min(int.from_bytes(start[:4], "big"), len(start))]
    names = {brands[place : place + 4] for place in (0, *range(8, len(brands), 4))}
    if names & {b"avif", b"avis"}:
        return "avif"
    if names & {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}:
        return "heic"
    return "raw" if b"crx " in names else "unknown"


def _plausible_header_size(eight: bytes) -> bool:
    return 2 <= int.from_bytes(eight, "little") <= _LONGEST_PLAUSIBLE_HEADER


def _is_text(start: bytes) -> bool:
    if b"\0" in start:
        return False
    try:
        start[:-3].decode("utf-8") if len(start) > 508 else start.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start >= len(start) - 4 and len(start) > 4
    return True
