"""Checks of the image files: can they be read, how large are they, how are they stored.

Owns: its rows of the table. Refuses to know: captions, other images of the set.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from studio.checkup.records import Check, Evidence, Hit
from studio.formats.dataset_info import DatasetImage
from studio.formats.image_look import LEAST, NO_DETAIL
from studio.formats.image_memory import ImageFacts
from studio.train.buckets import MAX_ASPECT, bucket_for, enlarged, lost

ENLARGED = 1.25  # more than that is seen in what a model learns


def _unreadable(seen: Evidence) -> list[Hit]:
    return [Hit((path,), why) for path, why in seen.info.broken.items()]


def _tiny(seen: Evidence) -> list[Hit]:
    if seen.base is None:
        return []
    found = []
    for item, size in _sized(seen):
        bucket = bucket_for(*size, seen.base.resolution, seen.base.multiple)
        if (times := enlarged(size, bucket)) > ENLARGED:
            why = (
                f"{size[0]} × {size[1]} px, enlarged {times:.1f} times to {bucket[0]} × {bucket[1]}"
            )
            found.append(Hit((item.path,), why))
    return found


def _narrow(seen: Evidence) -> list[Hit]:
    found = []
    for item, (width, height) in _sized(seen):
        if max(width / height, height / width) <= MAX_ASPECT:
            continue
        why = f"{width} × {height} px"
        if seen.base is not None:
            bucket = bucket_for(width, height, seen.base.resolution, seen.base.multiple)
            why += f", the crop leaves out {lost((width, height), bucket):.0%}"
        found.append(Hit((item.path,), why))
    return found


def _sized(seen: Evidence) -> list[tuple[DatasetImage, tuple[int, int]]]:
    return [(item, item.size) for item in seen.info.items if item.size and min(item.size) > 0]


def _by_facts(says: Callable[[ImageFacts], str | None]) -> Callable[[Evidence], list[Hit]]:
    """A check of what is known of each image alone: `says` gives the reason, or None."""

    def find(seen: Evidence) -> list[Hit]:
        paths: list[Path] = [item.path for item in seen.info.items]
        said = [(path, says(seen.facts[path])) for path in paths]
        return [Hit((path,), why) for path, why in said if why is not None]

    return find


def _blank(known: ImageFacts) -> str | None:
    if known.black and not known.transparent:
        return "black all over"
    judged = known.decoded and min(known.width, known.height) >= LEAST
    return "a single colour" if judged and known.sharpness == NO_DETAIL else None


CHECKS = (
    Check(
        "unreadable", "Cannot be read", "every file, decoded once",
        "These files are left out of training: export them again as PNG or JPEG.",
        "warning", _unreadable,
    ),
    Check(
        "tiny", "Too small", "the size against that of the bucket",
        "Enlarged images teach a model softness: find larger copies, or train at a lower resolution.",
        "warning", _tiny,
    ),
    Check(
        "narrow", "Long and narrow", "the aspect ratio",
        f"Images longer than {MAX_ASPECT:g} : 1 are cropped to their middle: crop them yourself.",
        "warning", _narrow,
    ),
    Check(
        "blank", "Nothing to see", "the brightest pixel and the detail",
        "An image of one colour teaches nothing: take it out.",
        "warning", _by_facts(_blank),
    ),
    Check(
        "animated", "Animated", "the number of frames or pages",
        "Only the first frame is trained on: save the frames you want as images.",
        "warning", _by_facts(lambda known: "" if known.animated else None),
    ),
    Check(
        "colour", "Stored in other colours", "colour profile, colour space and bits per channel",
        "They are converted to 8-bit sRGB here; other programs may read other colours.",
        "note", _by_facts(lambda known: known.stored or None),
    ),
    Check(
        "turned", "Turned by EXIF", "the orientation tag",
        "They are trained on upright here; programs that ignore the tag show them lying down.",
        "note", _by_facts(lambda known: "" if known.turned else None),
    ),
    Check(
        "transparent", "Transparent", "the alpha channel",
        "What is transparent is trained on as white, unless the run takes it as a mask.",
        "note", _by_facts(lambda known: "" if known.transparent else None),
    ),
)  # fmt: skip
