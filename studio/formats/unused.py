"""What lies in a dataset's folder and is not trained on, so that nothing goes missing unsaid.

Owns: sorting such files into kinds, and the one sentence about them.
Refuses to know: why a folder belongs to a dataset (`layouts`), pixels.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from studio.core.errors import StudioError
from studio.core.names import composed, printable, same_name
from studio.formats.captions import CAPTION_ENDINGS, Looked
from studio.formats.dataset_file import DATASET_FILE
from studio.formats.folder import Folder
from studio.formats.image_names import NOT_READ, is_image
from studio.formats.image_recipes import RECIPES_FILE
from studio.formats.masks import holds_masks
from studio.formats.sniff import sniff

SHOWN = 3  # names of a kind
LOOKED_INTO = 100  # at most so many files of unknown endings, and so many sub-folders
_SETTINGS = (".toml", ".yaml", ".yml")
_IMAGES = ("png", "jpeg", "webp", "gif", "bmp", "tiff", "avif", "heic", "jxl", "jpeg2000")

# Kind → (one of them, several of them, what to do). In the order they are said.
KINDS: dict[str, tuple[str, str, str]] = {
    "unreadable": ("image of a kind that cannot be read here", "images of kinds that cannot be read here",
                   "save them as PNG or JPEG; phones do so when they send “most compatible”"),
    "unnamed": ("image without an image's ending", "images without an image's ending",
                "rename them"),
    "outside": ("image outside the folders that belong to it",
                "images outside the folders that belong to it", ""),
    "masks": ("file taken for the mask of an image", "files taken for masks of images", ""),
    "black": ("mask that is black all over", "masks that are black all over",
              "nothing of their images is learned"),
    "conditions": ("“-condlabel” image of another trainer", "“-condlabel” images of another trainer",
                   ""),
    "folders": ("sub-folder", "sub-folders", f"name them under [folders] in {DATASET_FILE} to use them"),
    "captions": ("caption without an image", "captions without an image", ""),
    "second": ("second caption of an image", "second captions of images", ""),
    "settings": ("settings file of another program", "settings files of other programs",
                 "set in the form what you need"),
    "absent": ("image that is not there", "images that are not there",
               "only a table of captions names them"),
    "others": ("other file", "other files", ""),
}  # fmt: skip


@dataclass(frozen=True)
class Unused:
    """Names by kind, relative to the dataset."""

    groups: dict[str, list[str]] = field(default_factory=dict)

    def sentence(self, *, masks_used: bool = False, black: Collection[str] = ()) -> str | None:
        """All of it in one sentence, or None. With `masks_used` the masks are none of it."""
        groups = {**self.groups, "black": list(black)}
        if masks_used:
            groups.pop("masks", None)
        parts = [_part(kind, groups[kind]) for kind in KINDS if groups.get(kind)]
        return f"Not used: {'; '.join(parts)}." if parts else None


def find_unused(
    root: Path, parts: Iterable[Path], known: set[Path], held_out: Path | None, looked: Looked
) -> Unused:
    """Everything in a dataset and its parts that is neither an image nor belongs to one."""
    folders = list(dict.fromkeys([root, *parts]))
    belongs = {root, *known, *folders, *([held_out] if held_out else [])}
    belongs |= {above for place in list(belongs) for above in place.parents if above != root}
    groups: dict[str, list[str]] = {}
    if absent := _absent(root, folders, looked):
        groups["absent"] = absent
    for place in folders:
        folder = looked.folder(place)
        trained = place != root or place in parts
        for kind, name in _in(folder, looked, trained):
            if place / name not in belongs:
                groups.setdefault(kind, []).append(printable((place / name).relative_to(root)))
    return Unused({kind: sorted(names) for kind, names in groups.items()})


def _absent(root: Path, folders: list[Path], looked: Looked) -> list[str]:
    """What tables of captions name and nobody finds, relative to the dataset."""
    named = {place / name for place in folders for name in looked.tables(place).places()}
    if not named:
        return []
    images = {Path(composed(str(p / n))) for p in folders for n in looked.folder(p).images}
    known = images | {path.with_suffix("") for path in images}
    gone = [p for p in named if Path(composed(str(p))) not in known and not os.path.isfile(p)]
    return [printable(path.relative_to(root)) for path in gone]


def _in(folder: Folder, looked: Looked, trained: bool) -> list[tuple[str, str]]:
    """(kind, name) of what in one folder belongs to no image."""
    found = [("masks", name) for name in folder.masks]
    found += [("conditions", name) for name in folder.conditions]
    for name in folder.folders:
        if holds_masks(name):
            inner = looked.folder(folder.path / name).files
            found += [("masks", f"{name}/{file}") for file in inner if is_image(file)]
        else:
            found.append(("folders", name))
    tables = set(looked.tables(folder.path).files)
    own: set[str] = set()
    stems: set[str] = set()
    for image in folder.images:
        own |= {folder.caption_file(image) or "", folder.caption_file(image, (".json",)) or ""}
        stems |= {same_name(os.path.splitext(image)[0]), same_name(image)}
    images = set(folder.images) if trained else set()
    rest = folder.files - images - own - tables - {DATASET_FILE, RECIPES_FILE}
    rest -= {*folder.masks, *folder.conditions}
    unreadable = {Path(name).stem for name in rest if Path(name).suffix.lower() in NOT_READ}
    looked_into = 0
    for name in sorted(rest):
        kind = _kind(name, stems)
        if kind == "captions" and Path(name).stem in unreadable:
            continue  # its image is named, that is enough
        if kind == "others" and looked_into < LOOKED_INTO:
            looked_into += 1
            kind = "unnamed" if _is_image(folder.path / name) else "others"
        found.append((kind, name))
    return found


def _kind(name: str, stems: set[str]) -> str:
    ending = Path(name).suffix.lower()
    if ending in NOT_READ:
        return "unreadable"
    if ending in CAPTION_ENDINGS or ending == ".json":
        second = same_name(Path(name).stem) in stems
        return "second" if second else "captions" if ending != ".json" else "settings"
    if ending in _SETTINGS:
        return "settings"
    return "outside" if is_image(name) else "others"


def _is_image(path: Path) -> bool:
    try:
        return sniff(path) in _IMAGES
    except StudioError:
        return False


def _part(kind: str, names: list[str]) -> str:
    one, several, remedy = KINDS[kind]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    text = f"{len(names)} {one if len(names) == 1 else several} ({', '.join(names[:SHOWN])}{more})"
    return f"{text}, {remedy}" if remedy else text
