"""Reference images of a comparison: which folders can be chosen, and their captions as prompts.

Owns: the choices and the way back from what a browser sends to a folder. Refuses to know: measures.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from studio.core.errors import InputError
from studio.core.names import printable

if TYPE_CHECKING:
    from studio.app import Studio


def references(studio: Studio) -> list[tuple[str, str]]:
    """(title, folder) of the images that the datasets keep apart, then of the datasets."""
    found = [("None: skip these measures", "")]
    datasets = studio.library.datasets()
    for info in datasets:
        if info.held_out:
            found.append((f"{info.name}: held-out images", printable(info.held_out)))
    return found + [(f"{info.name}: training images", printable(info.path)) for info in datasets]


def named_reference(studio: Studio, text: str) -> Path:
    """The folder of reference images that a page names; InputError outside what it may name."""
    return studio.workspace.images_folder(studio.workspace.resolve(text))


def captions_of(studio: Studio, reference: str, most: int = 4) -> list[str]:
    """Some captions of a folder, evenly spread: measures want prompts like the reference's.

    Brackets are escaped, because a caption is text as it stands; each is one line.
    """
    from studio.formats.dataset import read_captions
    from studio.formats.several import first_of
    from studio.infer.prompt import escaped

    if not reference:
        raise InputError("No folder is chosen", remedy="Choose the reference images.")
    captions = read_captions(named_reference(studio, reference))
    firsts = (first_of(text).strip() for text in captions.values())
    found = list(dict.fromkeys(filter(None, firsts)))
    if not found:
        raise InputError(
            "There are no captions beside these images", remedy="Write the prompts yourself."
        )
    chosen = min(most, len(found))
    texts = [found[k * len(found) // chosen] for k in range(chosen)]
    return [escaped(" ".join(text.split())) for text in texts]


def held_out(studio: Studio, dataset: str) -> str:
    """The held-out folder of a dataset given by name or path; empty when it has none."""
    for info in studio.library.datasets():
        if dataset and dataset in (info.name, printable(info.path)) and info.held_out:
            return printable(info.held_out)
    return ""
