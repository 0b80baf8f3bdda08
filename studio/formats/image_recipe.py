"""How one image is prepared for training: turned, straightened, mirrored, cropped, masked.

Owns: the record, what its values may be, and the sizes that follow. Refuses to know: pixels
(`image_prepare`), where recipes are kept (`image_recipes`). Imports neither Pillow nor torch.

In this order: the image as it is shown (upright by its EXIF tag) is turned by quarters of a circle,
then by a small angle, mirrored, and cropped. A small angle leaves no corner empty: what remains is
the largest part of the same shape. The page has a twin of the sizes (`caption/prepare_geometry.js`);
`tests/page/prepare_cases.json` holds both to the same numbers.
"""

from __future__ import annotations

import math
import re
from typing import Any

from studio.core.record import Record, Table

Size = tuple[int, int]
Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels."""

WHOLE = (0.0, 0.0, 1.0, 1.0)
TURNS = (0, 90, 180, 270)
MOST_ANGLE = 45.0
MASKS = ("", "alpha", "none")
"""A mask that is no file of its own: as the run's setting says; transparency; none at all."""
MASK_FOLDER = "masks/recipes"
_SLACK = 1e-6  # of a side: what fractions lose on their way through a page
_OWN_MASK = re.compile(rf"{MASK_FOLDER}/[0-9a-z]{{1,64}}\.png")


class ImageRecipe(Record):
    """What is done with one image. Without values, nothing is."""

    turn: int = 0
    """Degrees clockwise: 0, 90, 180 or 270."""
    angle: float = 0.0
    """Degrees clockwise on top of that, at most 45 to either side."""
    flip: bool = False
    """Mirrored: left and right are swapped."""
    crop: tuple[float, float, float, float] = WHOLE
    """Left, top, right, bottom as fractions of the image turned and mirrored."""
    mask: str = ""
    """One of `MASKS`, or a file below the dataset's folder (`masks/recipes/….png`)."""

    @property
    def moves(self) -> bool:
        """Whether other pixels come out than went in."""
        return bool(self.turn or self.angle or self.flip or self.crop != WHOLE)

    @property
    def empty(self) -> bool:
        """Whether nothing is done at all."""
        return not (self.moves or self.mask or self.model_extra)

    @property
    def key(self) -> str:
        """Names what comes out; empty where the image stays as it is. The mask does not count."""
        if not self.moves:
            return ""
        return f"{self.turn}/{self.angle!r}/{self.flip}/{self.crop!r}"

    @property
    def mask_file(self) -> str:
        """The file that holds its own mask, relative to the dataset; empty without one."""
        return "" if self.mask in MASKS else self.mask

    def frame(self, size: Size) -> Size:
        """The size of an image once it is turned, before it is cropped."""
        return levelled(turned(size, self.turn), self.angle)

    def box(self, size: Size) -> Box:
        """What is cropped out of an image of `size`, in pixels of its `frame`."""
        return pixels(self.crop, self.frame(size))

    def size(self, size: Size) -> Size:
        """What becomes of an image of `size` (as shown)."""
        left, top, right, bottom = self.box(size)
        return right - left, bottom - top


AS_IT_IS = ImageRecipe()


def turned(size: Size, turn: int) -> Size:
    """The size after quarter turns."""
    return (size[1], size[0]) if turn in (90, 270) else size


def levelled(size: Size, angle: float) -> Size:
    """The largest part of the same shape that a rotated image fills."""
    if not angle:
        return size
    width, height = size
    cos, sin = math.cos(math.radians(abs(angle))), math.sin(math.radians(abs(angle)))
    part = min(width / (width * cos + height * sin), height / (width * sin + height * cos))
    return max(1, math.floor(width * part)), max(1, math.floor(height * part))


def pixels(crop: tuple[float, float, float, float], frame: Size) -> Box:
    """A crop in whole pixels, never empty."""
    left, right = _side(crop[0], crop[2], frame[0])
    top, bottom = _side(crop[1], crop[3], frame[1])
    return left, top, right, bottom


def _side(start: float, end: float, length: int) -> tuple[int, int]:
    first = min(math.floor(start * length + 0.5), length - 1)
    return first, min(max(math.floor(end * length + 0.5), first + 1), length)


def checked(values: Any) -> ImageRecipe:
    """The recipe in a table of JSON; ValueError says in plain words what it must not say. Keys that
    are not known are kept: they are a newer version's."""
    if not isinstance(values, dict):
        raise ValueError("it is no table")
    known: Table = dict(values)
    for name, check in _CHECKS.items():
        if name in known:
            known[name] = check(known[name])
    return ImageRecipe.model_validate(known)


def _turn(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value not in TURNS:
        raise ValueError("“turn” must be 0, 90, 180 or 270")
    return int(value)


def _angle(value: Any) -> float:
    if not _finite(value) or abs(value) > MOST_ANGLE:
        raise ValueError(f"“angle” must be between -{MOST_ANGLE:g} and {MOST_ANGLE:g} degrees")
    return float(value)


def _flip(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("“flip” must be true or false")
    return value


def _crop(value: Any) -> tuple[float, ...]:
    if not isinstance(value, list | tuple) or len(value) != 4 or not all(map(_finite, value)):
        raise ValueError("“crop” must be four numbers: left, top, right, bottom")
    if min(value) < -_SLACK or max(value) > 1 + _SLACK:
        raise ValueError("“crop” must lie inside of the image: its numbers are fractions of 0 to 1")
    left, top, right, bottom = (min(1.0, max(0.0, float(side))) for side in value)
    if left >= right or top >= bottom:
        raise ValueError("“crop” leaves nothing: left and top come before right and bottom")
    return left, top, right, bottom


def _mask(value: Any) -> str:
    if not isinstance(value, str) or not (value in MASKS or _OWN_MASK.fullmatch(value)):
        raise ValueError(f"“mask” must be “alpha”, “none” or a file in {MASK_FOLDER}/")
    return value


def _finite(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value)


_CHECKS = {"turn": _turn, "angle": _angle, "flip": _flip, "crop": _crop, "mask": _mask}
