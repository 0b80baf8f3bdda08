"""The settings an image carries, of whatever program: for the page, the commands and their words.

Owns: from a file to a record that can be shown. Refuses to know: who writes what
(`studio.infer.foreign`), where texts stand in a file (`studio.formats`). Imports no torch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studio.core.errors import FileError, InputError
from studio.core.names import printable
from studio.formats.embedding_image import CHUNK
from studio.formats.image_kinds import KINDS
from studio.formats.image_texts import USER_COMMENT
from studio.formats.images import read_texts
from studio.formats.sniff import sniff
from studio.infer import infotext, inpaint_files, template
from studio.infer.infotext_passes import is_kept_name
from studio.library.files import LibraryFiles
from studio.settings.training import StackItem

_GONE = "The mask of this image, or the image it lay on, is gone: mark it again."
_NOT_KEPT = "This image was generated with a mask, which was not kept: mark it again."


@dataclass(frozen=True)
class ImageSettings:
    """`settings` are fields of `GenerateSettings`; base and files are named as in the image."""

    program: str
    settings: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    """What could not be taken over, a sentence each."""
    text: str = ""
    """The text itself, where it is one that people read."""


def image_settings(path: Path) -> ImageSettings | None:
    """What `path` says about itself; None for an image without settings, or with an adapter in it.

    Errors as in `images.open_image`.
    """
    from studio.infer.foreign import restored  # many readers, which opening the page needs not

    texts = read_texts(path)
    if CHUNK in texts or (found := restored(texts)) is None:
        return None
    settings = dict(found.settings)
    if found.program == infotext.VERSION:
        settings.setdefault("stack", [])  # ours that names none was generated without one
    text = texts.get("parameters") or texts.get(USER_COMMENT, "")
    return ImageSettings(found.program, settings, list(found.notes), text)


def usable_settings(path: Path, name: str) -> ImageSettings | None:
    """The same; FileError for an image whose program is known and whose settings are not."""
    found = image_settings(path)
    if found and not found.settings:
        raise FileError(
            "The settings of this image cannot be restored",
            where=name,
            why=f"It is by {found.program}. " + " ".join(found.notes),
            safe="Nothing was changed.",
        )
    return found


def as_written(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings with prompts that are read as they stand: what an image says it was generated
    from has no choices left in it, whatever its braces look like."""
    if settings.get("syntax") is False:
        return settings
    prompts: dict[str, Any] = {
        name: template.escaped(str(settings[name]))
        for name in ("prompt", "negative_prompt")
        if name in settings
    }
    if inside := settings.get("inpaint", {}).get("prompt"):
        prompts["inpaint"] = {**settings["inpaint"], "prompt": template.escaped(inside)}
    return settings | prompts


def with_kept(settings: dict[str, Any], outputs: Path) -> tuple[dict[str, Any], str]:
    """(the settings with the mask and the image it lay on, where those are kept, as paths; what to say
    where one of them is gone: then neither is in them)."""
    inpaint, image = dict(settings.get("inpaint") or {}), settings.get("image")
    mask = inpaint.pop("mask", None)
    found = {key: value for key, value in settings.items() if key not in ("inpaint", "image")}
    if inpaint:
        found["inpaint"] = inpaint
    kept = [str(name) for name in (mask, image) if is_kept_name(name)]
    if not is_kept_name(mask):
        return found, _NOT_KEPT if inpaint else ""
    places = [inpaint_files.find(outputs, name) for name in kept]
    if None in places:
        return found, _GONE
    paths = [printable(path) for path in places if path is not None]
    found["inpaint"] = {**inpaint, "mask": paths[0]}
    return (found | {"image": paths[1]} if len(paths) > 1 else found), ""


def described(path: Path) -> dict[str, Any] | None:
    """An image's settings as `inspect` reports them; None without, and for what is no image."""
    if sniff(path) not in KINDS or (found := image_settings(path)) is None:
        return None
    return {
        "path": str(path), "kind": "image", "program": found.program, "settings": found.settings,
        "notes": found.notes, "problems": [],
    }  # fmt: skip


def stack_named(entries: Any, library: LibraryFiles) -> tuple[list[dict[str, Any]], list[str]]:
    """A stack as an image names it → values of `StackItem`s with paths, and what cannot be taken:
    names that nobody has here, or that several files have.

    Ours names whole files; other programs leave endings out.
    """
    files = [info.path for info in library.adapters()]
    found, missing = [], []
    for entry in entries if isinstance(entries, list) else []:
        name = Path(str(entry.get("path", ""))).name if isinstance(entry, dict) else "?"
        try:
            path = library.named_adapter(name, files) if name else None
        except InputError:
            missing.append(f"{name} (several files have this name)")
            continue
        if path is None:
            missing.append(name)
        else:
            found.append(StackItem.parse({**entry, "path": printable(path)}).model_dump())
    return found, missing
