"""Where the subject of an image probably is: a window of a fixed shape that keeps most of what is seen.

Owns: how much each place of an image counts, and the best window. Refuses to know: recipes, files.

No model looks. On a small grey copy three things count, each divided by its mean: how strong edges are
(length of the gradient), how much is going on around (entropy of the grey values, in 8 steps, in a
square around the place), and how far the colour is from that of the image's border, where the
background usually is. The window is the largest of its shape that fits; of all its places the one with
the largest sum wins (found by an integral image), and among equals the one nearest to the centre.
Where OpenCV is installed, which brings a detector, a face counts as much as all the rest together.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

SIDE = 96  # pixels of the short side of the copy
AROUND = 4  # the square for the entropy reaches so far to each side
STEPS = 8  # of grey
EVERYWHERE = 0.01  # what a place without anything counts, so that the centre wins among such
CENTRE = 0.02  # how much less a window counts at the image's edge than at its centre
Size = tuple[int, int]
Crop = tuple[float, float, float, float]

NO_FACES = "Faces are not looked for: OpenCV (the Python package cv2) is not installed."
FACES = "Faces are looked for, and go before everything else."


def finds_faces() -> bool:
    """Whether a detector of faces is on this machine."""
    return importlib.util.find_spec("cv2") is not None


def about_faces() -> str:
    """A sentence about whether faces count."""
    return FACES if finds_faces() else NO_FACES


def largest(size: Size, shape: Size) -> Size:
    """The largest window of a shape (width : height) inside of an image."""
    width, height = size
    by_height, by_width = round(height * shape[0] / shape[1]), round(width * shape[1] / shape[0])
    return (max(1, min(width, by_height)), height) if by_height <= width else (
        width, max(1, min(height, by_width)))  # fmt: skip


def centre_crop(size: Size, shape: Size) -> Crop:
    """The window at the centre, as fractions of the image."""
    width, height = largest(size, shape)
    return _fractions(((size[0] - width) // 2, (size[1] - height) // 2), (width, height), size)


def focus_crop(image: Image, shape: Size) -> Crop:
    """The window where most is to be seen, as fractions of the image."""
    size = image.size
    width, height = largest(size, shape)
    counts = salience(image)
    rows, columns = counts.shape
    window = max(1, round(width * columns / size[0])), max(1, round(height * rows / size[1]))
    left, top = _best(counts, (min(window[0], columns), min(window[1], rows)))
    x = min(round(left * size[0] / columns), size[0] - width)
    y = min(round(top * size[1] / rows), size[1] - height)
    return _fractions((x, y), (width, height), size)


def salience(image: Image) -> Array:
    """How much each place of the small copy counts [rows, columns]; all of it the same in an image of
    one colour."""
    import numpy as np

    from studio.formats.image_write import without_alpha

    flat = without_alpha(image)
    scale = min(1.0, SIDE / min(flat.size))
    small = flat.resize((max(2, round(flat.width * scale)), max(2, round(flat.height * scale))))
    colours = np.asarray(small, dtype=np.float64)
    grey = colours.mean(axis=2)
    down, across = np.gradient(grey)
    border = np.concatenate([colours[0], colours[-1], colours[:, 0], colours[:, -1]])
    apart = np.linalg.norm(colours - np.median(border, axis=0), axis=2)
    parts = [np.hypot(down, across), _entropy(grey), apart]
    counts: Array = np.full(grey.shape, EVERYWHERE)
    for part in parts:
        if part.mean() > 1e-6:
            counts += part / part.mean()
    rest = counts.sum()
    for left, top, width, height in _faces(small):
        counts[top : top + height, left : left + width] += rest / (width * height)
    return counts


def _best(counts: Array, window: Size) -> tuple[int, int]:
    """Left and top of the window with the largest sum."""
    import numpy as np

    width, height = window
    summed = np.pad(counts.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    sums = (
        summed[height:, width:] - summed[:-height, width:]
        - summed[height:, :-width] + summed[:-height, :-width]
    )  # fmt: skip
    rows, columns = sums.shape
    off = [
        np.abs(np.linspace(-1, 1, count)) if count > 1 else np.zeros(1) for count in (rows, columns)
    ]
    sums = np.round(sums * (1 - CENTRE * np.maximum(off[0][:, None], off[1][None])), 6)
    top, left = np.unravel_index(int(sums.argmax()), sums.shape)
    return int(left), int(top)


def _entropy(grey: Array) -> Array:
    """Bits of the grey values around each place."""
    import numpy as np

    steps = np.minimum((grey * STEPS / 256).astype(int), STEPS - 1)
    found = np.zeros(grey.shape)
    for step in range(STEPS):
        share = _mean_around((steps == step).astype(np.float64))
        found -= np.where(share > 0, share * np.log2(np.maximum(share, 1e-12)), 0)
    return np.maximum(found, 0)


def _mean_around(values: Array) -> Array:
    import numpy as np

    side = 2 * AROUND + 1
    padded = np.pad(values, AROUND, mode="edge")
    summed = np.pad(padded.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    found: Array = (
        summed[side:, side:]
        - summed[:-side, side:]
        - summed[side:, :-side]
        + summed[:-side, :-side]
    ) / side**2
    return np.clip(found, 0, 1)


def _faces(small: Image) -> list[tuple[int, int, int, int]]:
    """Left, top, width, height of the faces in the copy; none without a detector."""
    if not finds_faces():
        return []
    import numpy as np

    cv2: Any = importlib.import_module("cv2")
    detector = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    found = detector.detectMultiScale(np.asarray(small.convert("L")), minSize=(12, 12))
    return [(int(x), int(y), int(width), int(height)) for x, y, width, height in found]


def _fractions(corner: tuple[int, int], window: Size, size: Size) -> Crop:
    (left, top), (width, height) = corner, window
    return left / size[0], top / size[1], (left + width) / size[0], (top + height) / size[1]
