"""Colours: every image as 8-bit sRGB, whatever it was stored as.

Owns: colour profiles (ICC), more than 8 bits, palettes, CMYK and L*a*b*.
Refuses to know: files.

Models are trained on sRGB and know no profiles. An image in Display P3 or Adobe RGB whose numbers
are taken as they are comes out too dull; so the numbers are converted once, here.
"""

from __future__ import annotations

import io

from PIL import Image, ImageCms

BROKEN_PROFILE = "its colour profile cannot be used, so its colours are taken as sRGB"
_LARGEST_PROFILE = 1 << 24  # bytes; the largest for printers have some 3 million
_SPACES = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK", "LAB": "Lab "}


def plain(image: Image.Image) -> tuple[Image.Image, str | None]:
    """RGB, or RGBA where it has transparency, in 8-bit sRGB without metadata; and a note.

    The note is a sentence's end about a profile that had to be passed over, or None.
    """
    alpha = _alpha(image)
    profile = image.info.get("icc_profile")
    image = _base(image)
    converted, note = _converted(image, profile)
    if alpha is not None:
        converted.putalpha(alpha)
    # A copy of its own: nothing may keep the file open or carry metadata along.
    return Image.frombytes(converted.mode, converted.size, converted.tobytes()), note


def transparent(image: Image.Image) -> bool:
    """True when the image stores transparency."""
    return image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info


def profile_title(profile: bytes | None) -> str:
    """What a colour profile calls itself, where that is not sRGB; empty for one that cannot be read."""
    if not profile:
        return ""
    try:
        said = _read(profile).profile.profile_description or "without a name"
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return ""
    return "" if "srgb" in said.casefold() else " ".join(said.split())[:40]


def _alpha(image: Image.Image) -> Image.Image | None:
    if not transparent(image) or image.mode in ("F", "CMYK", "LAB") or image.mode.startswith("I"):
        return None
    if image.mode == "La":
        image = image.convert("LA")
    return image.convert("RGBA").getchannel("A")


def _base(image: Image.Image) -> Image.Image:
    """The colours alone, in one of the modes that profiles speak of."""
    if image.mode == "F" or image.mode.startswith("I"):
        return _eight_bits(image)
    if image.mode == "La":
        image = image.convert("LA")
    if image.mode in ("1", "L", "LA"):
        return image.convert("L")
    if image.mode in ("CMYK", "LAB"):
        return image
    if image.mode in ("RGBa", "P"):  # a palette's transparency is lost with a warning otherwise
        image = image.convert("RGBA")
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Greys of more than 8 bits, scaled: 16 bits by their range, others by what is in them.

    Floating point is 0…1 as most programs write it, else as if its largest value were white.
    """
    if image.mode.startswith("I;16"):
        image = image.convert("I")
        high = 65535.0
    else:
        import numpy as np

        values = np.asarray(image, dtype=np.float64)
        finite = values[np.isfinite(values)]
        most = float(finite.max()) if finite.size else 0.0
        steps = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0)
        high = next((step for step in steps if most <= step), most)
        values = np.nan_to_num(values, nan=0.0, posinf=high, neginf=0.0)
        return Image.fromarray(np.clip(values * (255 / high), 0, 255).round().astype(np.uint8))
    return image.point(lambda value: value * (255 / high)).convert("L")


def _converted(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, str | None]:
    note = None
    if profile:
        try:
            return _by_profile(image, _read(profile)), None
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            note = BROKEN_PROFILE
    if image.mode == "LAB":
        return _by_profile(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))), note
    return image.convert("RGB"), note


def _read(profile: bytes) -> ImageCms.ImageCmsProfile:
    if len(profile) > _LARGEST_PROFILE:
        raise ValueError("no camera and no printer needs a profile of this size")
    return ImageCms.ImageCmsProfile(io.BytesIO(profile))


def _by_profile(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    """`image` in sRGB. Raises ValueError for the profile of another kind of image."""
    space = profile.profile.xcolor_space
    if image.mode == "L" and space == "RGB ":
        image = image.convert("RGB")
    if _SPACES[image.mode] != space:
        raise ValueError(f"a profile for {space} beside an image in {image.mode}")
    transform = ImageCms.buildTransform(
        profile,
        ImageCms.createProfile("sRGB"),
        image.mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    if image.mode in ("L", "RGB") and _changes_nothing(transform, image.mode):
        return image.convert("RGB")
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None, "not in place"
    return converted


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether a profile is sRGB under some name: then not even rounding may touch the colours."""
    probe = Image.new(mode, (256, 1))
    if mode == "L":
        probe.putdata(list(range(256)))
    else:
        probe.putdata([(k, (k * 37) % 256, (k * 101 + 64) % 256) for k in range(256)])
    after = ImageCms.applyTransform(probe, transform)
    assert after is not None, "not in place"
    pairs = zip(probe.convert("RGB").tobytes(), after.tobytes(), strict=True)
    return all(abs(before - now) <= 1 for before, now in pairs)
