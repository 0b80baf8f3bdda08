"""Which images and captions a run learns from, so that a later sitting notices when they changed.

Owns: `dataset.json` in the run's folder, comparing it with what is there now, and how a difference
reads. Refuses to know: pixels, training, who asks.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from studio.core import atomic
from studio.core.counts import counted
from studio.core.errors import DatasetChanged
from studio.core.names import path_of
from studio.core.record import Filed, Record
from studio.core.text import encodable, printable, read_json
from studio.formats.dataset import DatasetInfo, read_captions
from studio.formats.dataset_info import mask_of
from studio.formats.image_memory import ImageMemory
from studio.formats.masks import Masks
from studio.library.image_checks import checked_dataset
from studio.settings.training import RunConfig

FILE = "dataset.json"
NO_CONTENT = ("folder", "version")
NAMED = 8  # at most so many files are named for each kind of change


class LearntImage(Record):
    """One image that is trained on or held out."""

    sha256: str
    caption: str | None = None
    repeats: int
    """How often it counts in an epoch; 0 for one that is held out."""
    mask: str | None = None
    """SHA-256 of its mask, where it has one."""
    recipe: str | None = None
    """How it is prepared, where it is not taken as it is."""


class DatasetRecord(Filed):
    """What a run learns from."""

    folder: str = ""
    trigger: str = ""
    class_word: str = ""
    images: dict[str, LearntImage]
    """By the name relative to the folder."""


Images = Mapping[str, LearntImage]


def of(
    info: DatasetInfo, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> DatasetRecord:
    """Every image that is trained on or held out, as it is on disk now."""
    rows = [(item.path, item.text, item.repeats) for item in info.items]
    if info.held_out is not None:
        rows += [(path, text, 0) for path, text in read_captions(info.held_out).items()]
    images, masks = {}, Masks()
    for number, (path, caption, repeats) in enumerate(rows, 1):
        mask, recipe = mask_of(info, path, "files", masks), info.recipe(path)
        with contextlib.suppress(OSError):  # gone since the folder was read: not trained on either
            found = LearntImage(
                sha256=atomic.sha256(path),
                caption=encodable(caption) if caption is not None else None,
                repeats=repeats,
            )
            if mask is not None:
                found = found.changed(mask=atomic.sha256(mask))
            if said := recipe.key + (f"/{recipe.mask}" if recipe.mask in ("alpha", "none") else ""):
                found = found.changed(recipe=said)
            images[printable(path.relative_to(info.path))] = found
        on_progress(number, len(rows))
    return DatasetRecord(
        folder=printable(info.path),
        trigger=encodable(info.trigger),
        class_word=encodable(info.class_word),
        images=images,
    )


def digest(record: DatasetRecord) -> str:
    """One number for all of it; where the folder lies does not count."""
    plain = {key: value for key, value in record.as_json().items() if key not in NO_CONTENT}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def write(run: Path, record: DatasetRecord) -> None:
    """Notes what the run continues with."""
    atomic.write_json(run / FILE, record.as_json())


def read(run: Path) -> DatasetRecord | None:
    """What the run went on with last; None for a run of an earlier version, or one not begun."""
    try:
        return DatasetRecord.read(read_json(run / FILE))
    except (OSError, ValueError):
        return None


def check(run: Path, config: RunConfig, images: ImageMemory) -> None:
    """Raises DatasetChanged when a run's dataset is not what it was, DatasetError when it is gone."""
    before = read(run)
    if before is not None:
        compare(before, of(checked_dataset(path_of(config.data.folder), images)))


def compare(before: DatasetRecord, now: DatasetRecord) -> None:
    """Raises DatasetChanged, saying precisely what differs."""
    changes = differences(before, now)
    if changes:
        raise DatasetChanged(
            "The dataset of this run has changed since it went on last",
            where=now.folder,
            why=" ".join(changes),
            remedy="Put the files back as they were, or accept the changes: "
            "then it continues with what is there now.",
            safe="Nothing was started; the run's checkpoints are as they were.",
        )


def differences(before: DatasetRecord, now: DatasetRecord) -> list[str]:
    """Sentences about what was added, removed, or is different; none when nothing is."""
    old, new = before.images, now.images
    both = [name for name in new if name in old]
    found = [
        _sentence("added", [name for name in new if name not in old]),
        _sentence("removed", [name for name in old if name not in new]),
        _sentence("with other content", _differing(both, old, new, "sha256")),
        _sentence("with another mask", _differing(both, old, new, "mask")),
        _sentence("with another crop or turn", _differing(both, old, new, "recipe")),
        _sentence("counting otherwise", _differing(both, old, new, "repeats")),
        _captions(_differing(both, old, new, "caption"), old, new),
    ]
    for title, was, word in (
        ("trigger word", before.trigger, now.trigger),
        ("class word", before.class_word, now.class_word),
    ):
        if was != word:
            found.append(f"The {title} was “{was}” and is “{word}”.")
    return [text for text in found if text]


def _differing(names: Iterable[str], old: Images, new: Images, key: str) -> list[str]:
    return [name for name in names if getattr(old[name], key) != getattr(new[name], key)]


def _sentence(what: str, names: list[str]) -> str:
    if not names:
        return ""
    count = counted(len(names), "image")
    return f"{count} {what}: {_listed(names)}."


def _captions(names: list[str], old: Images, new: Images) -> str:
    if not names:
        return ""
    if len(names) > 1:
        return f"{counted(len(names), 'caption')} differ: {_listed(names)}."
    was, now = (_quoted(side[names[0]].caption) for side in (old, new))
    return f"1 caption differs: {names[0]} (was {was}, is {now})."


def _quoted(caption: str | None) -> str:
    if not caption:
        return "empty"
    return f"“{caption if len(caption) <= 80 else caption[:79] + '…'}”"


def _listed(names: list[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def accepted(before: DatasetRecord, now: DatasetRecord) -> str:
    """What the run's log says when somebody accepted the changes."""
    return "Going on with a changed dataset. " + " ".join(differences(before, now))
