"""What a dataset is written as for other programs, planned file by file before anything is written.

    metadata   images at the top, captions in metadata.jsonl (Hugging Face's image folders)
    kohya      a folder per number of repeats, “10_sks dog”, a .txt beside each image, dataset_config.toml
    zip        one file: a .txt beside each image, dataset.toml

Owns: the three layouts. Each holds all that the studio knows of a dataset, so that what is exported
and imported again has the same images, captions, repeats, masks and held-out images: what another
program has no word for is in `dataset.toml`, which it does not read. Refuses to know: writing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from studio.core.counts import counted
from studio.core.paths import is_file
from studio.formats.dataset import read_captions
from studio.formats.dataset_info import DatasetInfo
from studio.formats.export_layouts import Entry, Row, kohya, metadata, recipes, sidecars
from studio.formats.masks import Masks
from studio.formats.several import marked


@dataclass(frozen=True)
class ExportPlan:
    """All files of an export, and what a person should know before it is written."""

    kind: str
    images: int
    held_out: int
    masks: int
    entries: list[Entry]
    notes: list[str] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """About how large it will be."""
        return sum(_size(entry) for entry in self.entries)


def plan_export(info: DatasetInfo, kind: str) -> ExportPlan:
    """The files of one kind of export of a dataset as `read_dataset` gives it."""
    rows = list(_rows(info))
    entries, notes = KINDS[kind].plan(info, rows)
    images = {row.path for row in rows}
    entries += recipes(info, {one.source: one.name for one in entries if one.source in images})
    if info.broken:
        left = counted(
            len(info.broken), "image that cannot be read is", "images that cannot be read are"
        )
        notes.append(f"{left} left out.")
    return ExportPlan(
        kind=kind,
        images=len(info.items),
        held_out=len(rows) - len(info.items),
        masks=sum(row.mask is not None for row in rows),
        entries=entries,
        notes=notes,
    )


def _rows(info: DatasetInfo) -> Iterator[Row]:
    masks = Masks()
    for item in info.items:
        text = marked(item.text, bool(item.captions))
        yield Row(item.path, text, masks.of(item.path), item)
    held_out = read_captions(info.held_out, lines=info.lines) if info.held_out else {}
    for path, text in held_out.items():
        yield Row(path, text, masks.of(path))


def _size(entry: Entry) -> int:
    if entry.source is None:
        return len(entry.text.encode())
    return os.path.getsize(entry.source) if is_file(entry.source) else 0


Planner = Callable[[DatasetInfo, list[Row]], tuple[list[Entry], list[str]]]


@dataclass(frozen=True)
class ExportKind:
    """A row of the table."""

    title: str
    says: str
    plan: Planner
    packed: bool = False
    """Whether it is one zip instead of a folder."""


KINDS: dict[str, ExportKind] = {
    "metadata": ExportKind(
        "metadata.jsonl", "Images with one table of captions, as Hugging Face’s image folders have it.",
        metadata,
    ),
    "kohya": ExportKind(
        "kohya", "A folder for each number of repeats, a text file beside each image, and the dataset config.",
        kohya,
    ),
    "zip": ExportKind(
        "zip", "One file with the images and a text file beside each: to keep or to hand on.",
        sidecars, packed=True,
    ),
}  # fmt: skip
