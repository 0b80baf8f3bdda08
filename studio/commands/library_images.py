"""`library images`, and what of `star`, `trash` and `restore` is about images.

Owns: their output. Refuses to know: how images are found and kept (`studio.library.outputs`).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.commands.library_answer import Answer, table
from studio.core.errors import StudioError
from studio.core.names import printable
from studio.library.outputs import ENDINGS

if TYPE_CHECKING:
    from studio.app import Studio

MOST = 50


def images(studio: Studio, arguments: argparse.Namespace) -> Answer:
    """The newest images, or those that hold every word of NAME; with --trash those deleted."""
    outputs = studio.library.outputs
    if arguments.trash:
        gone = [printable(path.name) for path in outputs.removed()]
        return gone, [{"image": name} for name in gone]
    marked = set(outputs.favourites())
    search = outputs.search(arguments.name or "")
    while search.unread:  # the page waits for one portion, a command for all
        search = outputs.search(arguments.name or "")
    paths = search.images
    if arguments.favourites:
        paths = [path for path in paths if outputs.name(path) in marked]
    shown = paths if arguments.all else paths[:MOST]
    facts = [_facts(path, outputs.name(path), marked) for path in shown]
    rows = [
        ["★" if one["favourite"] else "", one["image"], str(one["seed"]), one["base"], one["prompt"]]
        for one in facts
    ]  # fmt: skip
    lines = table(rows)
    if len(paths) > len(shown):
        lines.append(f"… and {len(paths) - len(shown):,} more: --all shows them")
    return lines, facts


def is_image(studio: Studio, name: str) -> bool:
    """Whether `name` means an image of the outputs and not an entry of the library."""
    if Path(name).suffix.lower() not in ENDINGS:
        return False
    try:
        studio.library.outputs.path(_inside(studio, name))
    except StudioError:
        return False
    return True


def star(studio: Studio, name: str, on: bool) -> Answer:
    """Marks an image as a favourite, or takes the mark away."""
    identity = _inside(studio, name)
    studio.library.outputs.mark(identity, on)
    said = "is a favourite" if on else "is no favourite any more"
    return [f"{identity} {said}."], {"image": identity, "favourite": on}


def trash(studio: Studio, name: str) -> Answer:
    """Moves an image to the trash."""
    identity = _inside(studio, name)
    gone = studio.library.outputs.remove(identity)
    said = f"{identity} is in the trash. Bring it back with: library restore {gone}"
    return [said], {"image": identity, "trash": gone}


def in_trash(studio: Studio, name: str) -> bool:
    """Whether an image of that name is in the trash."""
    return name in {printable(path.name) for path in studio.library.outputs.removed()}


def restore(studio: Studio, name: str) -> Answer:
    """Brings an image back."""
    identity = studio.library.outputs.restore(name)
    return [identity], {"image": identity}


def _inside(studio: Studio, name: str) -> str:
    """The name below `outputs/` of an image that is named so, or by its path."""
    root = studio.workspace.outputs
    path = Path(name).expanduser()
    if path.is_file() and path.resolve().is_relative_to(root.resolve()):
        return printable(path.resolve().relative_to(root.resolve()).as_posix())
    return name


def _facts(path: Path, identity: str, marked: set[str]) -> dict[str, Any]:
    from studio.library.image_settings import image_settings

    try:
        found = image_settings(path)
    except (StudioError, OSError):
        found = None
    settings = found.settings if found else {}
    return {
        "image": identity,
        "path": printable(path),
        "favourite": identity in marked,
        "prompt": str(settings.get("prompt", "")),
        "negative_prompt": str(settings.get("negative_prompt", "")),
        "seed": settings.get("seed", ""),
        "base": str(settings.get("base", "")),
        "program": found.program if found else "",
    }
