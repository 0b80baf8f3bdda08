"""The texts in images, in every place where programs put them, and never in mojibake."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.formats.images import read_parameters, read_texts

IMAGE = Image.new("RGB", (8, 8))


def png(path: Path, *chunks: tuple[bytes, bytes]) -> Path:
    """A PNG with these chunks right behind its header, as they are."""
    IMAGE.save(path)
    data = path.read_bytes()
    made = b"".join(
        struct.pack(">L", len(body)) + kind + body + struct.pack(">L", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    path.write_bytes(data[:33] + made + data[33:])
    return path


def test_chunks_of_every_kind(tmp_path: Path) -> None:
    path = png(
        tmp_path / "x.png",
        (b"tEXt", b"parameters\0caf\xe9"),
        (b"zTXt", b"prompt\0\0" + zlib.compress(b"{}")),
        (b"iTXt", "Comment\0\0\0\0\0猫".encode()),
        (b"tEXt", b"empty\0  "),
    )
    assert read_texts(path) == {"parameters": "café", "prompt": "{}", "Comment": "猫"}


def test_utf8_in_a_latin_chunk(tmp_path: Path) -> None:
    path = png(tmp_path / "x.png", (b"tEXt", "parameters\0a “猫”, café".encode()))
    assert read_parameters(path) == "a “猫”, café"


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_exif_tags(tmp_path: Path, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "workflow:{}", 'prompt:{"a": "é"}'.encode()
    exif[0x0131], exif[0x010E] = "Fooocus v2.5.0", "hello"
    exif.get_ifd(0x8769)[0x927C] = b"fooocus"
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + "a “猫”".encode()
    IMAGE.save(tmp_path / f"x{suffix}", exif=exif.tobytes())
    assert read_texts(tmp_path / f"x{suffix}") == {
        "Make": "workflow:{}", "Model": 'prompt:{"a": "é"}', "Software": "Fooocus v2.5.0",
        "ImageDescription": "hello", "MakerNote": "fooocus", "UserComment": "a “猫”",
    }  # fmt: skip


@pytest.mark.parametrize(
    "comment",
    [
        b"UNICODE\0" + "a, é".encode("utf-16-be"), b"UNICODE\0" + "a, é".encode("utf-16-le"),
        b"ASCII\0\0\0" + "a, é".encode(), bytes(8) + "a, é".encode(), "a, é".encode(),
    ],
)  # fmt: skip
def test_comments_with_and_without_their_marker(tmp_path: Path, comment: bytes) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = comment
    IMAGE.save(tmp_path / "x.jpg", exif=exif.tobytes())
    assert read_parameters(tmp_path / "x.jpg") == "a, é"


def test_xmp(tmp_path: Path) -> None:
    packet = "<x:xmpmeta>猫</x:xmpmeta>"
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", packet)
    IMAGE.save(tmp_path / "x.png", pnginfo=info)
    assert read_texts(tmp_path / "x.png")["XMP"] == packet
    for name in ("x.jpg", "x.webp"):
        IMAGE.save(tmp_path / name, xmp=packet.encode())
        assert read_texts(tmp_path / name)["XMP"] == packet


def hidden(mark: bytes, body: bytes, length: int | None = None) -> Image.Image:
    """Bytes in the lowest bits of the alpha channel, column by column."""
    data = mark + (8 * len(body) if length is None else length).to_bytes(4, "big") + body
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    alpha = np.full(64 * 48, 254, np.uint8)
    alpha[: len(bits)] |= bits
    image = Image.new("RGBA", (64, 48), "red")
    image.putalpha(Image.fromarray(alpha.reshape(64, 48).T.copy()))
    return image


@pytest.mark.parametrize("name", ["x.png", "x.webp"])
def test_texts_in_the_alpha_channel(tmp_path: Path, name: str) -> None:
    def read(image: Image.Image) -> dict[str, str]:
        image.save(tmp_path / name, lossless=True, exact=True)
        return read_texts(tmp_path / name)

    text = b'{"Software": "NovelAI"}'
    assert read(hidden(b"stealth_pnginfo", text))["alpha channel"] == text.decode()
    assert read(hidden(b"stealth_pngcomp", gzip.compress(text)))["alpha channel"] == text.decode()
    for broken in (
        hidden(b"stealth_pngcomp", b"no gzip"), hidden(b"stealth_xxxcomp", text),
        Image.new("RGBA", (2, 2), "red"),
    ):  # fmt: skip
        assert "alpha channel" not in read(broken)
    bomb = gzip.compress(bytes(1 << 26), 9)[: 64 * 48 // 8 - 19]
    assert len(read(hidden(b"stealth_pngcomp", bomb)).get("alpha channel", "")) <= 1 << 22
    assert read(hidden(b"stealth_pnginfo", b"a" * 9, 2**32 - 1))["alpha channel"].startswith(
        "a" * 9
    )


def test_an_image_that_says_nothing(tmp_path: Path) -> None:
    for name in ("x.png", "x.jpg", "x.webp", "x.bmp"):
        IMAGE.save(tmp_path / name)
        assert read_parameters(tmp_path / name) is None
    assert "parameters" not in read_texts(tmp_path / "x.png")
