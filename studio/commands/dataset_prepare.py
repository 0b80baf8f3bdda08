"""`dataset --crop`, `--mask-prompt`, `--undo` and `--export-prepared`: prepares images without touching them.

Owns: these options' output. Refuses to know: how crops are found, what a copy holds.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.commands import terminal
from studio.commands.terminal import Progress, Stopping
from studio.core.counts import counted
from studio.core.errors import Interrupted, MissingError
from studio.core.names import path_of, printable
from studio.formats.image_focus import about_faces

if TYPE_CHECKING:
    from studio.app import Studio
    from studio.formats.dataset_info import DatasetInfo


def wanted(arguments: argparse.Namespace) -> bool:
    """Whether the images are to be prepared, instead of checked."""
    return bool(
        arguments.crop or arguments.mask_prompt or arguments.undo or arguments.export_prepared
    )


def run(arguments: argparse.Namespace) -> int:
    """Takes a change back, crops, masks, then copies: what of it was asked for."""
    found: dict[str, Any] = {}
    with terminal.opened(arguments) as studio, Stopping("Stopping.") as stopping:
        progress = Progress()

        def on_image(done: int, total: int) -> None:
            if stopping():
                raise Interrupted("Stopped as you asked", safe="Nothing was written.")
            progress(done, total, "images")

        folder = studio.library.dataset_path(arguments.folder)
        if arguments.undo:
            found["undone"] = studio.library.recipes.undo(folder)
        if arguments.crop:
            found["crops"] = _crop(studio, folder, arguments, on_image)
            if arguments.crop == "focus":
                found["faces"] = about_faces()
            progress.end()
        if arguments.mask_prompt:
            found["masks"] = _mask(studio, folder, arguments, on_image)
            progress.end()
        if arguments.export_prepared:
            found["copy"] = _copy(studio, folder, arguments.export_prepared, on_image)
            progress.end()
    if arguments.json:
        terminal.print_json(found)
    else:
        for line in _lines(found, arguments.preview):
            print(printable(line))
    return 0


def _crop(
    studio: Studio, folder: Path, arguments: argparse.Namespace, on_image: Any
) -> list[dict[str, Any]]:
    from studio.library.image_preparing import Shape, check_own, read_shape, said

    if not arguments.preview:
        check_own(folder)
    facts = studio.generation.facts(arguments.base, arguments.resolution)
    shape = Shape(facts.resolution, facts.multiple, read_shape(arguments.shape))
    info = studio.library.read_dataset(folder)
    images = _chosen(info, arguments.only)
    recipes = studio.library.recipes.crop(folder, images, arguments.crop, shape, on_image)
    if not arguments.preview:
        what = "Crop removed" if arguments.crop == "none" else "Crop"
        studio.library.recipes.change(folder, recipes, said(what, images))
    return [
        _row(info, image, recipe.crop, recipe.frame(studio.library.images.facts(image).size), facts)
        for image, recipe in recipes.items()
    ]


def _mask(
    studio: Studio, folder: Path, arguments: argparse.Namespace, on_image: Any
) -> dict[str, Any]:
    from studio.formats.image_recipes import keep_mask
    from studio.library.image_preparing import check_own, said

    check_own(folder)
    info = studio.library.read_dataset(folder)
    images = _chosen(info, arguments.only)
    found, without = studio.generation.segment(
        images, arguments.mask_model, arguments.mask_prompt, arguments.mask_threshold, on_image
    )
    masks = {image: keep_mask(folder, mask) for image, mask in found.items()}
    changes = {image: info.recipe(image).changed(mask=name) for image, name in masks.items()}
    if changes:
        studio.library.recipes.change(folder, changes, said("Mask", [*changes]))
    return {
        "painted": [image.relative_to(info.path).as_posix() for image in masks],
        "without": {i.relative_to(info.path).as_posix(): why for i, why in without.items()},
    }


def _row(
    info: DatasetInfo, image: Path, crop: tuple[float, ...], frame: tuple[int, int], facts: Any
) -> dict[str, Any]:
    from studio.formats.image_recipe import pixels
    from studio.train.buckets import bucket_for, enlarged

    left, top, right, bottom = pixels((crop[0], crop[1], crop[2], crop[3]), frame)
    size = right - left, bottom - top
    bucket = bucket_for(*size, facts.resolution, facts.multiple)
    return {
        "file": image.relative_to(info.path).as_posix(),
        "box": [left, top, right, bottom],
        "lost": round(1 - size[0] * size[1] / (frame[0] * frame[1]), 4),
        "bucket": list(bucket),
        "enlarged": round(enlarged(size, bucket), 3),
    }


def _chosen(info: DatasetInfo, names: list[str]) -> list[Path]:
    """The images of these names, or all."""
    there = {item.path.relative_to(info.path).as_posix(): item.path for item in info.items}
    for name in names:
        if name not in there:
            raise MissingError(
                f"There is no image “{name}” in this dataset",
                where=info.path,
                remedy="Name it relative to the dataset's folder, with its ending.",
            )
    return [there[name] for name in names] if names else [*there.values()]


def _copy(studio: Studio, folder: Path, out: str, on_image: Any) -> dict[str, Any]:
    from studio.library.prepared_copy import export_prepared

    target = path_of(out).expanduser().absolute()
    done = export_prepared(studio.library.read_dataset(folder), target, on_image)
    return {**vars(done), "folder": printable(done.folder)}


def _lines(found: dict[str, Any], preview: bool) -> list[str]:
    lines = []
    if "undone" in found:
        lines.append(f"Taken back: {found['undone']}")
    for row in found.get("crops", ()):
        left, top, right, bottom = row["box"]
        larger = f", enlarged {row['enlarged']:.2f} times" if row["enlarged"] > 1 else ""
        lines.append(
            f"{row['file']}: {right - left} × {bottom - top} px from {left}, {top}; {row['lost']:.0%} lost; "
            f"bucket {row['bucket'][0]} × {row['bucket'][1]}{larger}"
        )
    if found.get("crops"):
        lines += [found["faces"]] if "faces" in found else []
        written = "Nothing was written." if preview else "--undo takes it back."
        lines.append(f"{counted(len(found['crops']), 'image')}. {written}")
    if masks := found.get("masks"):
        lines += [f"{name} has no mask: {why}" for name, why in masks["without"].items()]
        painted = counted(len(masks["painted"]), "mask")
        lines.append(f"{painted} painted. They count when data.mask=files. --undo takes them back.")
    if copy := found.get("copy"):
        lines += [f"{name} is left out: {why}" for name, why in copy["left_out"].items()]
        lines.append(
            f"{counted(copy['images'], 'image')} ({copy['changed']} turned or cropped), "
            f"{counted(copy['masks'], 'mask')}: {copy['folder']}"
        )
    return lines
