"""Odd metadata never makes a whole image unreadable, and the way it was held is always found."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from studio.core.errors import FileError
from studio.formats.image_kinds import exif_orientation
from studio.formats.images import check_image, image_header, image_size, open_image
from studio.formats.sniff import sniff
from tests.formats.test_images import colour

SIX = (0x0112, 3, 1, 6)


def tiff(entries: list[tuple[int, int, int, object]], tail: bytes = b"", order: str = "<") -> bytes:
    """A block of EXIF: entries of (tag, type, count, number or four bytes), then `tail`."""
    rows = b""
    for tag, kind, count, value in entries:
        form = {1: "B", 3: "H", 8: "h", 9: "i"}.get(kind, "I")
        data = value if isinstance(value, bytes) else struct.pack(order + form, value)
        rows += struct.pack(f"{order}HHI", tag, kind, count) + data.ljust(4, b"\0")
    mark = b"II" if order == "<" else b"MM"
    head = mark + struct.pack(f"{order}HIH", 42, 8, len(entries))
    return head + rows + bytes(4) + tail


def behind(entries: int) -> int:
    """Where the tail of a block with so many entries lies."""
    return 8 + 2 + 12 * entries + 4


ODD = {
    "plain": tiff([SIX]),
    "big-endian": tiff([SIX], order=">"),
    "srational": tiff([SIX, (0x011A, 10, 1, behind(2))], struct.pack("<ii", -1, 0)),
    "two resolutions": tiff([SIX, (0x011A, 5, 2, behind(2))], struct.pack("<4I", 72, 1, 72, 1)),
    "signed width": tiff([(0x0100, 8, 1, -1), SIX]),
    "undefined": tiff([SIX, (0x0213, 7, 4, b"\1\2\3\4")]),
    "sub-folder past the end": tiff([SIX, (0x8769, 4, 1, 99999)]),
    "divided by zero": tiff([SIX, (0x011A, 5, 1, behind(2))], struct.pack("<II", 0, 0)),
    "as long": tiff([(0x0112, 4, 1, 6)]),
    "as big-endian long": tiff([(0x0112, 4, 1, 6)], order=">"),
    "as byte": tiff([(0x0112, 1, 1, 6)]),
    "as signed long": tiff([(0x0112, 9, 1, 6)]),
    "bad gps": tiff([SIX, (0x8825, 4, 1, behind(2))], struct.pack("<HHHII", 1, 2, 5, 3, 4000)),
    "unknown type": tiff([(0x010F, 99, 7, 1), SIX]),
    "text cut off": tiff([(0x010F, 2, 9000, 4000), SIX]),
    "first one invalid": tiff([(0x0112, 3, 1, 0), SIX]),
    "resolution of no number": tiff(
        [SIX, (0x011A, 12, 1, behind(3)), (0x0128, 3, 1, 3)], struct.pack("<d", float("nan"))
    ),
    "sub-folder in a circle": tiff([SIX, (0x8769, 4, 1, 8)]),
}
NONE = {
    "no entry": tiff([]),
    "nine": tiff([(0x0112, 3, 1, 9)]),
    "as text": tiff([(0x0112, 2, 2, b"6\0\0\0")]),
    "cut off": tiff([SIX])[:14],
    "not EXIF": b"hello",
    "start past the end": b"II*\0\xff\xff\xff\x7f",
    "": b"",
}


def two_colours() -> Image.Image:
    image = Image.new("RGB", (96, 64), "blue")
    image.paste("red", (0, 0, 96, 20))  # its upper edge; on the right once it is upright
    return image


def png_with(block: bytes, *, behind_pixels: bool) -> bytes:
    buffer = BytesIO()
    two_colours().save(buffer, "PNG")
    data = buffer.getvalue()
    body = b"eXIf" + block
    chunk = struct.pack(">I", len(block)) + body + struct.pack(">I", zlib.crc32(body))
    place = data.index(b"IEND") - 4 if behind_pixels else data.index(b"IDAT") - 4
    return data[:place] + chunk + data[place:]


def webp_with(block: bytes) -> bytes:
    buffer = BytesIO()
    mark = b"\x01\x02EXIFMARK" + b"." * (len(block) - 10)
    two_colours().save(buffer, "WEBP", exif=mark, lossless=True)
    return buffer.getvalue().replace(mark, block)


def turned(path: Path) -> bool:
    image = open_image(path)
    assert image.size == image_size(path)
    if image.size == (96, 64):
        return False
    red, _, blue = colour(image, 60, 48)[:3]
    assert red > 200 and blue < 60, "the upper edge lies on the right"
    return image.size == (64, 96)


@pytest.mark.parametrize("name", ODD)
def test_odd_exif_in_a_jpeg_turns_it_and_nothing_else(tmp_path, name):
    path = tmp_path / "x.jpg"
    two_colours().save(path, exif=b"Exif\0\0" + ODD[name], quality=95)
    before = path.read_bytes()
    assert turned(path)
    assert check_image(path).note is None
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("behind_pixels", [False, True])
def test_odd_exif_in_a_png(tmp_path, name, behind_pixels):
    path = tmp_path / "x.png"
    path.write_bytes(png_with(ODD[name], behind_pixels=behind_pixels))
    assert turned(path)


@pytest.mark.parametrize("name", ODD)
def test_odd_exif_in_a_webp(tmp_path, name):
    path = tmp_path / "x.webp"
    path.write_bytes(webp_with(ODD[name]))
    assert turned(path)


@pytest.mark.parametrize("name", NONE)
def test_exif_that_says_nothing_leaves_it_as_it_is(tmp_path, name):
    block = NONE[name]
    assert exif_orientation(block) is None
    two_colours().save(tmp_path / "x.jpg", exif=b"Exif\0\0" + block, quality=95)
    assert not turned(tmp_path / "x.jpg")


def test_exif_as_imagemagick_keeps_it_in_a_png(tmp_path):
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    text = f"\nexif\n{len(ODD['as long'])}\n{ODD['as long'].hex()}\n"
    info.add_text("Raw profile type exif", text)
    two_colours().save(tmp_path / "x.png", pnginfo=info)
    assert turned(tmp_path / "x.png")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["avif", "tif", "webp", "png"])
def test_every_orientation_in_every_kind(tmp_path, suffix, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = {"quality": 100} if suffix == "avif" else {}
    upright = tmp_path / "upright.jpg"
    two_colours().save(upright, exif=exif, quality=100)
    two_colours().save(tmp_path / f"x.{suffix}", exif=exif, **options)
    found, wanted = open_image(tmp_path / f"x.{suffix}"), open_image(upright)
    assert found.size == wanted.size == image_size(tmp_path / f"x.{suffix}")
    for place in ((2, 2), (found.width - 3, 2), (2, found.height - 3)):
        assert colour(found, *place) == pytest.approx(colour(wanted, *place), abs=12)


@pytest.mark.filterwarnings("ignore")  # the library complains about the tag; people see nothing
def test_a_tiff_with_a_broken_sub_folder_is_turned(tmp_path):
    pixels = two_colours().tobytes()
    rows = [
        (0x0100, 3, 1, 96), (0x0101, 3, 1, 64), (0x0102, 3, 3, behind(11)), (0x0103, 3, 1, 1),
        (0x0106, 3, 1, 2), (0x0111, 4, 1, behind(11) + 6), SIX, (0x0115, 3, 1, 3),
        (0x0116, 3, 1, 64), (0x0117, 4, 1, len(pixels)), (0x8769, 4, 1, 99999),
    ]  # fmt: skip
    bits = (rows[2][0], 3, 3, struct.pack("<I", behind(11)))
    path = tmp_path / "x.tif"
    path.write_bytes(tiff([*rows[:2], bits, *rows[3:]], struct.pack("<3H", 8, 8, 8) + pixels))
    assert turned(path)


def test_an_avif_whose_exif_is_nonsense_is_turned_by_its_container(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "a maker's name"
    two_colours().save(tmp_path / "x.avif", exif=exif, quality=100)
    data = (tmp_path / "x.avif").read_bytes()
    start = data.index(b"MM\0*") if b"MM\0*" in data else data.index(b"II*\0")
    (tmp_path / "x.avif").write_bytes(data[:start] + b"XXXX" + data[start + 4 :])
    assert turned(tmp_path / "x.avif")


def test_the_header_of_a_png_is_read_without_its_pixels(tmp_path):
    """A megapixel takes 91 ms to decode; a list of images needs none of them."""
    path = tmp_path / "x.png"
    Image.effect_noise((512, 512), 90).convert("RGB").save(path)
    data = bytearray(path.read_bytes())
    place = data.index(b"IDAT") + 4
    data[place : place + 1000] = bytes(1000)
    path.write_bytes(data)
    header = image_header(path)
    assert (header.width, header.height, header.transparent) == (512, 512, False)
    with pytest.raises(FileError, match="damaged or cut off"):
        check_image(path)


def test_an_animation_gives_its_first_frame(tmp_path):
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "lime")]
    for suffix in ("gif", "webp", "png", "avif", "tif"):
        path = tmp_path / f"x.{suffix}"
        frames[0].save(path, save_all=True, append_images=frames[1:])
        red, green, _ = colour(open_image(path), 9, 9)[:3]
        assert red > 240 and green < 15


def test_a_jpeg_that_holds_a_second_one_is_read(tmp_path):
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "lime")]
    frames[0].save(tmp_path / "x.jpg", "MPO", save_all=True, append_images=frames[1:])
    assert colour(open_image(tmp_path / "x.jpg"), 9, 9)[0] > 240
    whole = (tmp_path / "x.jpg").read_bytes()
    (tmp_path / "y.jpg").write_bytes(whole[: whole.index(b"\xff\xd8", 10)])  # the second is lost
    assert colour(open_image(tmp_path / "y.jpg"), 9, 9)[0] > 240


@pytest.mark.parametrize(
    "start, kind, remedy",
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "heic", "JPEG or PNG"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1heicmiaf", "heic", "JPEG or PNG"),
        (b"\xff\x0a", "jxl", "djxl"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "jxl", "djxl"),
        (b"8BPS\0\1", "photoshop", "Export"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "raw", "Develop"),
    ],
)
def test_what_cannot_be_read_is_called_by_its_name_and_says_what_to_do(
    tmp_path, start, kind, remedy
):
    path = tmp_path / "holiday.jpg"  # phones' files are often called what they are not
    path.write_bytes(start + bytes(200))
    assert sniff(path) == kind
    with pytest.raises(FileError, match=remedy):
        open_image(path)


def test_an_avif_under_a_container_brand_is_an_avif(tmp_path):
    two_colours().save(tmp_path / "x.avif")
    data = (tmp_path / "x.avif").read_bytes()
    (tmp_path / "x.avif").write_bytes(data.replace(b"ftypavif", b"ftypmif1", 1))
    assert image_size(tmp_path / "x.avif") == (96, 64)
