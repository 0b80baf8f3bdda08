"""45 bad images in one folder: each is named with its reason, one good image among them is used."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from pathlib import Path

from PIL import Image

from studio.formats.dataset import read_dataset
from studio.formats.image_memory import ImageMemory
from studio.library.importing import import_files

NOISE = Image.effect_noise((48, 40), 90).convert("RGB")


def encoded(kind: str) -> bytes:
    buffer = io.BytesIO()
    NOISE.save(buffer, kind)
    return buffer.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header promises far more than its data."""

    def chunk(name: bytes, data: bytes) -> bytes:
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start, end = chunk(b"IHDR", head), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + start + chunk(b"IDAT", zlib.compress(bytes(100))) + end


def bad() -> dict[str, bytes]:
    """Name → content: 18 that are cut off, 12 that are other files, 7 bombs, 8 that only begin."""
    found = {
        f"cut-{share}.{kind}": data[: len(data) * share // 100]
        for kind in ("png", "jpeg", "webp", "gif", "bmp", "tiff")
        for data in [encoded(kind)]
        for share in (0, 10, 50)
    }
    others = (
        b"hello", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.4", b"%!PS-Adobe-3.0",
        b"PK\3\4", b"P6 1 1 255 abc", b"8BPS\0\1", b"icns" + bytes(20), b"\0\0\1\0\1\0",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99), b"\xff\x0a" + bytes(99),
        b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(99),
    )  # fmt: skip
    sizes = (
        (8001, 8000), (13_377, 13_377), (60_000, 60_000), (2**31 - 1, 2), (2, 2**31 - 1),
        (65_535, 65_535), (1_000_000, 100),
    )  # fmt: skip
    starts = (
        b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"BM" + bytes(10), b"II*\0" + bytes(9),
        b"RIFF\0\0\0\0WEBP", b"\0\0\0\x20ftypavif", b"MM\0*" + bytes(9),
    )  # fmt: skip
    found |= {f"other-{number}.jpg": data for number, data in enumerate(others)}
    found |= {f"bomb-{number}.png": bomb(*size) for number, size in enumerate(sizes)}
    return found | {f"start-{number}.png": data for number, data in enumerate(starts)}


def test_each_of_45_bad_images_is_named_with_its_reason(tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    content = bad()
    assert len(content) == 45
    for name, data in content.items():
        (given / name).write_bytes(data)
    NOISE.save(given / "good.png")
    images = ImageMemory()
    tracemalloc.start()
    info = import_files([given], tmp_path / "datasets", "x")
    images.decode([info.path / name for name in (*content, "good.png")])
    found = read_dataset(info.path, images)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [item.path.name for item in found.items] == ["good.png"]
    reasons = {path.name: why for path, why in found.broken.items()}
    assert reasons.keys() == content.keys()
    assert all(len(why.split()) > 2 for why in reasons.values()), reasons
    words = " ".join(reasons.values())
    assert "Traceback" not in words and "Error" not in words and "PIL" not in words
    assert all("too large" in why or "cannot be read" in why
               for name, why in reasons.items() if name.startswith("bomb"))  # fmt: skip
    assert most < 64 << 20
