"""Images: opened safely and upright, sizes without decoding, settings kept and found again."""

from __future__ import annotations

import contextlib
import random
import struct
import zlib
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

import studio
from studio.core.errors import FileError, MissingError, StudioError
from studio.formats import image_write, images
from studio.formats.inspect import inspect

SETTINGS = "a cat, 猫\nNegative prompt: dog\nSteps: 20, Seed: 7, Size: 64x32"


def colour(image: Image.Image, x: int, y: int) -> tuple[int, ...]:
    """One pixel of an RGB or RGBA image."""
    value = image.getpixel((x, y))
    assert isinstance(value, tuple)
    return value


def sample(mode="RGB", size=(8, 4)):
    image = Image.new(mode, size)
    image.paste(
        255 if mode in ("L", "1") else (255, 0, 0, 255)[: len(mode)],
        (0, 0, size[0] // 2, size[1] // 2),
    )
    return image


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "gif", "tiff"])
def test_every_format_by_content_not_by_name(tmp_path, suffix):
    sample(size=(64, 32)).save(tmp_path / f"x.{suffix}")
    path = (tmp_path / f"x.{suffix}").rename(tmp_path / "x.dat")
    image = images.open_image(path)
    assert (image.mode, image.size) == ("RGB", (64, 32))
    red, green, _ = colour(image, 1, 1)
    assert red > 200 and green < 60
    assert images.image_size(path) == (64, 32)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    sample(size=(64, 32)).save(tmp_path / "x.jpg", exif=exif)
    sideways = orientation >= 5
    image = images.open_image(tmp_path / "x.jpg")
    assert (
        image.size == images.image_size(tmp_path / "x.jpg") == ((32, 64) if sideways else (64, 32))
    )
    assert not image.getexif()


@pytest.mark.parametrize(
    "mode, expected", [("RGBA", "RGBA"), ("LA", "RGBA"), ("L", "RGB"), ("1", "RGB"), ("P", "RGB")]
)
def test_modes(tmp_path, mode, expected):
    sample("RGBA" if mode == "LA" else "RGB" if mode == "P" else mode).convert(mode).save(
        tmp_path / "x.png"
    )
    assert images.open_image(tmp_path / "x.png").mode == expected


def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path):
    Image.new("I;16", (4, 4), 32768).save(tmp_path / "x.png")
    assert abs(colour(images.open_image(tmp_path / "x.png"), 0, 0)[0] - 128) <= 1


def test_cmyk_jpeg_and_first_frame_of_a_gif(tmp_path):
    Image.new("CMYK", (8, 8)).save(tmp_path / "x.jpg")
    assert images.open_image(tmp_path / "x.jpg").mode == "RGB"
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    assert colour(images.open_image(tmp_path / "x.gif"), 0, 0) == (255, 0, 0)


def test_the_file_is_not_kept_open_or_changed(tmp_path):
    path = tmp_path / "x.png"
    sample().save(path)
    before = path.read_bytes()
    image = images.open_image(path)
    path.unlink()
    image.resize((4, 4)).load()
    path.write_bytes(before)


def png_of_size(width, height):
    """A PNG whose header promises far more than its data."""

    def chunk(name, data):
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(8001, 8000), (13_377, 13_377), (60_000, 60_000), (2**31 - 1, 2)])
def test_pixel_bombs_are_refused_by_their_header(tmp_path, size):
    path = tmp_path / "x.png"
    path.write_bytes(png_of_size(*size))
    for read in (images.open_image, images.image_size, images.read_parameters):
        with pytest.raises(FileError, match=r"too large|cannot be read"):
            read(path)


def test_the_limit_can_be_lowered(tmp_path):
    sample(size=(64, 32)).save(tmp_path / "x.png")
    with pytest.raises(FileError, match="64 × 32 pixels; the limit is 2,047"):
        images.open_image(tmp_path / "x.png", max_pixels=2047)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"hello", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.4", b"%!PS-Adobe-3.0",
        b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"BM" + bytes(10), b"II*\0" + bytes(9),
        b"RIFF\0\0\0\0WEBP", b"PK\x03\x04", b"P6 1 1 255 abc", b"8BPS\0\1", b"icns" + bytes(20),
        b"\0\0\1\0\1\0", b"\0\0\0\x20ftypavif",
    ],
)  # fmt: skip
def test_bad_images_end_in_our_error(tmp_path, content):
    path = tmp_path / "x.png"
    path.write_bytes(content)
    for read in (images.open_image, images.image_size, images.thumbnail, images.read_parameters):
        with pytest.raises(FileError):
            read(path)


def test_missing_image(tmp_path):
    with pytest.raises(MissingError):
        images.open_image(tmp_path / "x.png")


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "gif", "tiff"])
def test_mutants_end_in_our_errors_or_in_an_image(tmp_path, suffix, everything):
    buffer = BytesIO()
    sample(size=(16, 16)).save(buffer, {"jpg": "jpeg"}.get(suffix, suffix))
    raw = buffer.getvalue()
    chance = random.Random(suffix)
    path = tmp_path / "x"
    rounds, refused = 3_500 if everything else 40, 0
    for _ in range(rounds):
        mutant = bytearray(raw)
        for _ in range(chance.choice((1, 3, 10))):
            mutant[chance.randrange(len(raw))] = chance.randrange(256)
        if chance.random() < 0.3:
            del mutant[chance.randrange(len(mutant)) :]
        path.write_bytes(mutant)
        for read in (images.open_image, images.image_size, images.read_parameters):
            try:
                read(path)
            except StudioError:
                refused += 1
        with contextlib.suppress(StudioError):
            inspect(path, hashes=False)
    print(f"{suffix}: {refused:,} refusals of 3 readers in {rounds:,} mutants, 0 others")


@pytest.mark.parametrize(
    "save, suffix",
    [
        (image_write.save_png, "png"),
        (image_write.save_jpeg, "jpg"),
        (image_write.save_webp, "webp"),
    ],
)
@pytest.mark.parametrize("text", [SETTINGS, "plain ascii", None])
def test_settings_come_back(tmp_path, save, suffix, text):
    path = save(tmp_path / f"x.{suffix}", sample(size=(64, 32)), text)
    assert images.read_parameters(path) == text
    assert images.open_image(path).size == (64, 32)
    assert (
        save(tmp_path / f"y.{suffix}", sample(size=(64, 32)), text).read_bytes()
        == path.read_bytes()
    )


def test_settings_written_by_others(tmp_path):
    exif = Image.Exif()
    for body in (
        b"UNICODE\0" + SETTINGS.encode("utf-16-be"),
        b"UNICODE\0" + SETTINGS.encode("utf-16-le"),
        b"ASCII\0\0\0" + SETTINGS.encode(),
        SETTINGS.encode(),
    ):
        exif.get_ifd(0x8769)[0x9286] = body
        sample().save(tmp_path / "x.jpg", exif=exif)
        assert images.read_parameters(tmp_path / "x.jpg") == SETTINGS


def test_transparency_becomes_white_in_jpeg(tmp_path):
    path = image_write.save_jpeg(tmp_path / "x.jpg", Image.new("RGBA", (16, 16), (0, 0, 0, 0)))
    assert colour(images.open_image(path), 8, 8) == (255, 255, 255)


@pytest.mark.parametrize("encoding", ["png", "jpeg"])
def test_thumbnails(tmp_path, encoding):
    sample(size=(640, 320)).save(tmp_path / "x.png")
    small = images.thumbnail(tmp_path / "x.png", 100, encoding)
    (tmp_path / "small").write_bytes(small)
    assert images.image_size(tmp_path / "small") == (100, 50)
    sample(size=(20, 10)).save(tmp_path / "x.png")
    (tmp_path / "small").write_bytes(images.thumbnail(tmp_path / "x.png", 100, encoding))
    assert images.image_size(tmp_path / "small") == (20, 10)


def test_images_are_opened_in_one_place_only():
    """Limits hold only if nobody goes around them."""
    root = Path(studio.__file__).parent
    hits = [
        path.name
        for path in root.rglob("*.py")
        if "Image.open(" in path.read_text("utf-8") and path.name != "images.py"
    ]
    assert hits == []


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
@pytest.mark.parametrize(
    "text",
    [SETTINGS, "日本語のプロンプト, 猫 🐈‍⬛, Ā", "é" * 20_000, "half a pair \ud83d"],
    ids=str.__len__,
)
def test_every_kind_of_file_carries_its_settings_and_opens(tmp_path, kind, text):
    image = Image.effect_noise((64, 32), 40).convert("RGB")
    path = image_write.save(tmp_path / "12.5-x", image, text, kind, 90)
    assert path.name == f"12.5-x{image_write.ENDINGS[kind]}"
    assert images.read_parameters(path) == text.replace("\ud83d", "\ufffduD83D")
    with Image.open(path) as opened:  # as any other program does
        assert opened.format == kind.upper()
        assert opened.size == (64, 32)
    small, large = (
        image_write.save(tmp_path / f"q{quality}", image, text, kind, quality).stat().st_size
        for quality in (20, 95)
    )
    assert small == large if kind == "png" else small < large


def exif_block(path: Path) -> bytes:
    """The TIFF structure in a JPEG's APP1 segment or a WebP's EXIF chunk, cut out by hand."""
    data = path.read_bytes()
    if data[:2] == b"\xff\xd8":
        place = data.index(b"\xff\xe1")
        (length,) = struct.unpack_from(">H", data, place + 2)
        segment = data[place + 4 : place + 2 + length]
        assert segment[:6] == b"Exif\0\0"
        return segment[6:]
    place = 12
    while data[place : place + 4] != b"EXIF":
        (length,) = struct.unpack_from("<L", data, place + 4)
        place += 8 + length + length % 2
    (length,) = struct.unpack_from("<L", data, place + 4)
    return data[place + 8 : place + 8 + length]


def tiff_entries(block: bytes, place: int) -> dict[int, tuple[int, int, int]]:
    """tag → (type, count, value or place) of one directory of a big-endian TIFF structure."""
    (count,) = struct.unpack_from(">H", block, place)
    entries = (struct.unpack_from(">HHLL", block, place + 2 + 12 * k) for k in range(count))
    return {tag: (kind, length, value) for tag, kind, length, value in entries}


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_the_comment_is_laid_out_as_exif_asks(tmp_path, kind):
    """Type 7 (UNDEFINED): with any other, web UIs break on the whole image."""
    text = "a, 猫\nSteps: 3"
    block = exif_block(image_write.save(tmp_path / "x", sample(size=(64, 32)), text, kind, 90))
    assert block[:8] == b"MM\0*\0\0\0\x08"
    _, _, place = tiff_entries(block, 8)[0x8769]
    kind_of_value, count, place = tiff_entries(block, place)[0x9286]
    assert kind_of_value == 7
    # UNICODE in the byte order of the structure, which is also the one piexif assumes
    assert block[place : place + count] == b"UNICODE\0" + text.encode("utf-16-be")


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_comments_of_earlier_versions_are_still_read(tmp_path, suffix):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + SETTINGS.encode("utf-16-be")
    sample(size=(64, 32)).save(tmp_path / f"x{suffix}", exif=exif.tobytes())
    assert images.read_parameters(tmp_path / f"x{suffix}") == SETTINGS


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_settings_without_room_make_it_a_png(tmp_path, kind):
    fits, long = "猫" * 32_000, "猫" * 33_000
    path = image_write.save(tmp_path / "fits", sample(), fits, kind, 90)
    assert path.suffix == image_write.ENDINGS[kind] and images.read_parameters(path) == fits
    path = image_write.save(tmp_path / "long", sample(), long, kind, 90)
    assert path.suffix == ".png" and images.read_parameters(path) == long
    with pytest.raises(FileError, match="Save as PNG"):
        image_write.save_jpeg(tmp_path / "x.jpg", sample(), long)
