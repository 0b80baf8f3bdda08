"""Colours arrive as sRGB, whatever an image was stored as."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from studio.formats.image_colour import BROKEN_PROFILE
from studio.formats.images import check_image, image_header, open_image, thumbnail
from tests.formats import profiles
from tests.formats.test_images import colour

P3_GREEN = (97, 196, 82)  # how Display P3 says the sRGB colour 39, 200, 59


def first(image: Image.Image) -> tuple[int, ...]:
    return colour(image, 0, 0)


def near(found: tuple[int, ...], wanted: tuple[int, ...], most: int = 2) -> bool:
    return all(abs(a - b) <= most for a, b in zip(found, wanted, strict=True))


@pytest.mark.parametrize(
    "suffix, options, most",
    [
        ("png", {}, 2),
        ("tif", {}, 2),
        ("webp", {"lossless": True}, 2),
        ("jpg", {"quality": 100}, 4),
        ("avif", {"quality": 100}, 9),
    ],
)
def test_display_p3_comes_in_as_srgb(tmp_path, suffix, options, most):
    path = tmp_path / f"x.{suffix}"
    profile = profiles.rgb(profiles.DISPLAY_P3)
    Image.new("RGB", (16, 16), P3_GREEN).save(path, icc_profile=profile, **options)
    assert near(first(open_image(path)), (39, 200, 59), most)
    (tmp_path / "small").write_bytes(thumbnail(path, 8))
    assert near(first(open_image(tmp_path / "small")), (39, 200, 59), most)
    assert check_image(path).note is None


def test_adobe_rgb_and_a_linear_profile(tmp_path):
    path = tmp_path / "x.png"
    red = Image.new("RGB", (4, 4), (200, 60, 60))
    red.save(path, icc_profile=profiles.rgb(profiles.ADOBE_RGB, 2.19921875))
    found = first(open_image(path))
    assert found[0] > 225 and found[1] < 62
    Image.new("RGB", (4, 4), (55, 55, 55)).save(
        path, icc_profile=profiles.rgb(profiles.SRGB, 1.0001)
    )
    assert near(first(open_image(path)), (128, 128, 128))


def test_a_profile_that_is_srgb_touches_no_number(tmp_path):
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (own, profiles.rgb(profiles.SRGB)):
        Image.fromarray(noise).save(tmp_path / "x.png", icc_profile=profile)
        assert np.array_equal(np.asarray(open_image(tmp_path / "x.png")), noise)


def test_transparency_stays_beside_converted_colours(tmp_path):
    image = Image.new("RGBA", (4, 4), (*P3_GREEN, 77))
    image.save(tmp_path / "x.png", icc_profile=profiles.rgb(profiles.DISPLAY_P3))
    found = first(open_image(tmp_path / "x.png"))
    assert near(found[:3], (39, 200, 59)) and found[3] == 77


def test_a_palette_is_converted_too(tmp_path):
    image = Image.new("RGB", (4, 4), P3_GREEN).quantize(4)
    image.save(tmp_path / "x.png", icc_profile=profiles.rgb(profiles.DISPLAY_P3))
    assert near(first(open_image(tmp_path / "x.png")), (39, 200, 59))


def test_greys_with_their_own_profile_and_with_one_for_rgb(tmp_path):
    path = tmp_path / "x.png"
    Image.new("L", (4, 4), 55).save(path, icc_profile=profiles.grey(1.0001))
    assert near(first(open_image(path)), (128, 128, 128))
    Image.new("L", (4, 4), 55).save(path, icc_profile=profiles.rgb(profiles.SRGB, 1.0001))
    assert near(first(open_image(path)), (128, 128, 128))
    Image.new("LA", (4, 4), (55, 9)).save(path, icc_profile=profiles.grey(1.0001))
    assert near(first(open_image(path)), (128, 128, 128, 9))


def test_cmyk_by_its_profile_and_without_one(tmp_path):
    inks = Image.new("CMYK", (16, 16), (255, 255, 0, 0))
    inks.save(tmp_path / "x.tif", icc_profile=profiles.cmyk())
    found = first(open_image(tmp_path / "x.tif"))
    assert max(found) - min(found) <= 3 and 90 < found[0] < 150  # this printer's inks are grey
    inks.save(tmp_path / "y.jpg", quality=100)
    assert near(first(open_image(tmp_path / "y.jpg")), (0, 0, 255), 4)


@pytest.mark.parametrize(
    "profile",
    [
        b"no profile at all",
        profiles.rgb(profiles.DISPLAY_P3)[:200],
        profiles.cmyk(),
        profiles.grey(1.0),
        b"",
    ],
    ids=["text", "cut off", "for CMYK", "for greys", "empty"],
)
def test_a_profile_that_cannot_be_used_is_passed_over_and_said(tmp_path, profile):
    path = tmp_path / "x.tif"
    Image.new("RGB", (4, 4), (10, 20, 30)).save(path, icc_profile=profile)
    assert first(open_image(path)) == (10, 20, 30)
    assert check_image(path).note == (BROKEN_PROFILE if profile else None)


def test_lab_with_no_profile(tmp_path):
    lab = Image.new("LAB", (4, 4), (255, 128, 128))  # a and b are 0 in the middle
    lab.save(tmp_path / "x.tif")
    assert near(first(open_image(tmp_path / "x.tif")), (255, 255, 255), 3)


@pytest.mark.parametrize(
    "values", [[0.0, 0.5, 1.0], [0, 127.5, 255], [0, 32767, 65535], [0, 5e5, 1e6]]
)
def test_floating_point_greys_keep_their_middle(tmp_path, values):
    rows = np.array([values, [float("nan"), 0, 0]], dtype=np.float32)
    Image.fromarray(rows).save(tmp_path / "x.tif")
    image = open_image(tmp_path / "x.tif")
    assert [colour(image, x, 0)[0] for x in range(3)] == pytest.approx([0, 128, 255], abs=1)
    assert colour(image, 0, 1) == (0, 0, 0)


def test_sixteen_bits_of_every_kind(tmp_path):
    ramp = np.array([[0, 32768, 65535]], dtype=np.uint16)
    Image.fromarray(ramp).save(tmp_path / "x.png")
    Image.fromarray(ramp).save(tmp_path / "x.tif")
    Image.fromarray(ramp.astype(np.int32)).save(tmp_path / "y.tif")
    for name in ("x.png", "x.tif", "y.tif"):
        image = open_image(tmp_path / name)
        assert [colour(image, x, 0)[0] for x in range(3)] == pytest.approx([0, 128, 255], abs=1)


def test_palettes_and_colour_keys_with_transparency(tmp_path):
    palette = Image.new("P", (2, 1))
    palette.putpalette([255, 0, 0, 0, 255, 0])
    palette.putdata([0, 1])
    palette.save(tmp_path / "p.png", transparency=bytes([255, 40]))
    image = open_image(tmp_path / "p.png")
    assert [colour(image, x, 0) for x in range(2)] == [(255, 0, 0, 255), (0, 255, 0, 40)]
    Image.new("RGB", (2, 1), (9, 9, 9)).save(tmp_path / "k.png", transparency=(9, 9, 9))
    assert colour(open_image(tmp_path / "k.png"), 0, 0) == (9, 9, 9, 0)
    assert image_header(tmp_path / "k.png").transparent


def test_the_original_stays_as_it_is(tmp_path):
    path = tmp_path / "x.png"
    Image.new("RGB", (4, 4)).save(path, icc_profile=profiles.rgb(profiles.DISPLAY_P3))
    before = hashlib.sha256(path.read_bytes()).digest()
    assert not open_image(path).info
    assert hashlib.sha256(path.read_bytes()).digest() == before
