"""The images of a comparison, columns beside each other.

Owns: the component, small copies of the images, and the reference images that can be pinned. Refuses
to know: how a comparison is generated, how the grid is shown (its script). An image is named by its
place in the comparison's folder, and only those that the comparison lists can be asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.core.errors import FileError, InputError, MissingError
from studio.core.names import path_of, printable
from studio.ui.live import Json, Page, component, read

if TYPE_CHECKING:
    from studio.app import Studio

AT_ONCE = 64  # copies that one question is answered with
MOST_REFERENCES = 60
LARGE = 1024  # pixels of the longer side of a reference image that is pinned


def comparison_images(studio: Studio, page: Page) -> gr.HTML:
    """The component."""

    def thumbnails(argument: Any) -> Json:
        """File → where its small copy is, or the reason why there is none."""
        identity, files = read(argument, id=str, files=list)
        comparison = studio.generation.comparisons.one(identity)
        known = {cell.file for cell in comparison.cells}
        return {
            name: copy_of(page, Path(comparison.folder) / name)
            for name in files[:AT_ONCE]
            if isinstance(name, str) and name in known
        }

    def references(argument: Any) -> Json:
        """Small and large copies of the first reference images, and how many more there are."""
        (identity,) = read(argument, id=str)
        comparison = studio.generation.comparisons.one(identity)
        if not comparison.reference.folder:
            raise MissingError("This comparison has no reference images")
        return reference_images(studio, page, comparison.reference.folder)

    return component(
        "comparison_images",
        '<div class="cm-view" hidden></div>',
        [thumbnails, references],
        elem_id="cs-comparison-images",
    )


def copy_of(page: Page, image: Path) -> Json:
    """The small copy of an image for the page, or what is wrong with the image."""
    try:
        return {"path": str(page.thumbnails.of(image))}
    except FileError as error:
        return {"problem": error.what}
    except OSError:
        return {"problem": "This image is not there any more"}


def reference_images(studio: Studio, page: Page, folder: str) -> Json:
    """What can be pinned of a folder of reference images; InputError outside what may be opened."""
    from studio.formats.dataset import image_files

    place = studio.workspace.images_folder(studio.workspace.named(path_of(folder)))
    files = image_files(place)
    found = []
    for path in files[:MOST_REFERENCES]:
        try:
            small, large = (str(page.thumbnails.of(path, side)) for side in (192, LARGE))
        except (FileError, OSError):
            continue
        found.append({"name": printable(path.name), "small": small, "large": large})
    if not found:
        raise InputError("None of the reference images can be read", where=printable(place))
    return {"images": found, "more": max(0, len(files) - MOST_REFERENCES)}
