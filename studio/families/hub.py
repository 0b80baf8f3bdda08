"""Bases from the Hugging Face hub, by `owner/name` or, pinned to a revision, `owner/name@revision`.

Owns: what is an id, asking the network only when the cache has not all of a base, and saying how far
a download is. Refuses to know: torch, families, which files are wanted (`hub_repository`), how they
are brought here (`hub_download`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from studio.core.paths import there
from studio.families import detect, hub_download, hub_repository
from studio.families.hub_download import Progress

_ID = re.compile(r"[A-Za-z0-9][\w.\-]*/[A-Za-z0-9][\w.\-]*(@[\w.\-/]+)?")

VOCABULARIES = (
    "openai/clip-vit-large-patch14",
    "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "stabilityai/stable-diffusion-xl-base-1.0",
)
"""Repositories with CLIP's usual vocabulary; all hold the same one."""

Said = Callable[[str], None]
"""Takes a line about how far it is."""


def is_id(text: str) -> bool:
    """Whether `text` has the form of a hub id and is no path below this folder."""
    return has_form(text) and not there(Path(text).parent)


def has_form(text: str) -> bool:
    """Whether `text` has the form of a hub id; nothing on this machine is looked at."""
    return bool(_ID.fullmatch(text))


def fetch(
    name: str, half: bool = False, said: Said | None = None, progress: Progress | None = None
) -> Path:
    """The folder of `name` in the hub's cache, downloaded if need be; a download that broke off goes
    on where it was.

    `half` prefers weights in half precision. `said` hears how far it is in words, `progress` in
    bytes; a StudioError that either raises ends the download. Raises MissingError when it is neither
    here nor can be downloaded, FileError when it is there but nothing that could be loaded, and
    StorageError.
    """
    if (here := cached(name)) is not None:
        return here
    lines = _lines(name, said or (lambda line: None))

    def told(done: int, total: int) -> None:
        lines(done, total)
        if progress is not None:
            progress(done, total)

    return hub_download.bring(hub_repository.look(name, half), told)


def cached(name: str) -> Path | None:
    """The snapshot of `name` that is on this machine, if all its parts are."""
    from huggingface_hub import try_to_load_from_cache

    # not by asking for the snapshot: to the library one is incomplete without files nobody wants
    repository, _, revision = name.partition("@")
    index = try_to_load_from_cache(repository, "model_index.json", revision=revision or None)
    if not isinstance(index, str):
        return None
    folder = Path(index).parent
    return None if detect.describe(folder).problems else folder


def vocabulary(download: bool = True) -> Path | None:
    """The folder of CLIP's usual vocabulary in the hub's cache, with `download` brought there."""
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    names = ("vocab.json", "merges.txt")
    for repository in VOCABULARIES:
        for folder in ("", "tokenizer/"):
            found = [try_to_load_from_cache(repository, folder + name) for name in names]
            if all(isinstance(path, str) for path in found):
                return Path(str(found[0])).parent
    if not download:
        return None
    try:
        paths = [Path(hf_hub_download(VOCABULARIES[0], name)) for name in names]
    except Exception:  # a network fails in many ways; the caller says what to do
        return None
    return paths[0].parent


def _lines(name: str, said: Said) -> Progress:
    """Says each new percent in words."""
    spoken = -1

    def progress(done: int, total: int) -> None:
        nonlocal spoken
        share = int(100 * done / total) if total else 100
        if share > spoken:
            spoken = share
            megabytes = f"{done / 1e6:,.0f} of {total / 1e6:,.0f} MB"
            said(f"Downloading {name}: {megabytes} ({share} %)")

    return progress
