"""What a shootout stands on: its dataset, the images that nothing is trained on, its base, its prompts.

Owns: finding these, holding images back where a dataset has none to spare otherwise, and what makes
that impossible. Refuses to know: entries, budgets, runs. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from studio.compare.shootout.prompts import ShootoutPrompt, Subject, World, chosen
from studio.compare.shootout.record import SPLITS, HeldOut
from studio.core.contents import content_hash
from studio.core.counts import counted
from studio.core.errors import DatasetError, InputError, SettingsError
from studio.core.names import printable
from studio.core.paths import STARTER, is_folder
from studio.families.detect import BaseInfo
from studio.families.part_files import base_hash
from studio.formats.dataset import DatasetInfo, image_files
from studio.formats.dataset_split import LEAST, held_back, write_split
from studio.infer.tags import has_tags
from studio.library.image_checks import checked_dataset
from studio.library.library import Library
from studio.runs import dataset_record
from studio.settings.shootout import ShootoutSettings


@dataclass(frozen=True)
class Ground:
    """What all entries of a shootout share."""

    dataset: DatasetInfo
    """As it is trained on: without the images that were held back."""
    digest: str
    held_out: HeldOut
    base: BaseInfo
    base_hash: str
    prompts: tuple[ShootoutPrompt, ...]
    notes: tuple[str, ...]


def ground(settings: ShootoutSettings, library: Library) -> Ground:
    """Looks at everything. Errors name the setting they are about; nothing is written but a copy of the
    dataset where images have to be held back."""
    folder = library.dataset_path(settings.data)
    info = checked_dataset(folder, library.images)
    base = library.base(settings.base)
    if base.problems:
        raise SettingsError(
            f"The base model “{settings.base}” cannot be used",
            where=base.path,
            why="; ".join(base.problems),
        )
    notes: list[str] = []
    info, held_out = _held_out(settings, info, library, notes)
    found = dataset_record.of(info)
    _check_apart(
        held_out, {image.sha256 for image in found.images.values() if image.repeats}, notes
    )
    trigger = info.trigger
    called = info.called(trigger)
    captions = tuple(item.caption for item in called.items if item.caption)
    subject = Subject(captions, info.phrase(trigger) or info.class_word, info.kind)
    prompts = chosen(settings.prompts, subject, world_of(base))
    if not prompts:
        raise SettingsError(
            "There is no prompt to compare with",
            why="The dataset has no captions to take one from."
            if settings.prompts.captions and not captions
            else None,
            remedy="Write one of your own, or ask for novel contexts.",
        ).at({"prompts.own": "There is no prompt to compare with."})
    if tagged := [prompt.text for prompt in prompts if has_tags(prompt.text)]:
        text = "A prompt of a shootout names a file"
        raise SettingsError(
            text,
            where=tagged[0][:100],
            why="All columns get the same prompts, and each has files of its own.",
            remedy="Take the tag out of the prompt.",
        ).at({"prompts.own": text})
    return Ground(
        dataset=info,
        digest=dataset_record.digest(found),
        held_out=held_out,
        base=base,
        base_hash=base_hash(base.path) if base.path.exists() else base.name,
        prompts=tuple(prompts),
        notes=tuple(notes),
    )


def world_of(base: BaseInfo) -> World | None:
    """The words of the starter's world; None for a base that knows more than we could list."""
    if base.path.resolve() != STARTER.resolve():
        return None
    from studio.starter.scenes import COLOURS, KINDS, PLACES

    return World(PLACES, KINDS, COLOURS)


def _held_out(
    settings: ShootoutSettings, info: DatasetInfo, library: Library, notes: list[str]
) -> tuple[DatasetInfo, HeldOut]:
    """The dataset as it is trained on, and the reference images: the folder that is named, else the
    dataset's own, else some that are held back."""
    if settings.reference.strip():
        return info, HeldOut(folder=printable(_named(settings.reference, info, library)))
    if info.held_out is not None and image_files(info.held_out):
        return info, HeldOut(folder=printable(info.held_out))
    hashes = {item.path: content_hash(item.path) for item in info.items}
    held = held_back(hashes)
    if not held:
        notes.append(
            f"The dataset has {counted(info.images, 'image')} and no held-out ones: too few to hold any "
            f"back (from {LEAST} on a fifth is). What needs reference images is not measured."
        )
        return info, HeldOut()
    whole = dataset_record.digest(dataset_record.of(info))
    target = library.workspace.shootouts / SPLITS / whole[:24]
    if not is_folder(target):
        write_split(info, held, target)
    images = {printable(path.relative_to(info.path)): hashes[path] for path in held}
    notes.append(
        f"{len(held)} of {counted(info.images, 'image')} are held back as reference images, chosen by "
        "their content; nothing is trained on them."
    )
    copy = checked_dataset(target, library.images)
    return replace(copy, name=info.name), HeldOut(
        folder=printable(copy.held_out or target / "held_out"), images=images
    )


def _named(text: str, info: DatasetInfo, library: Library) -> Path:
    workspace = library.workspace
    folder = workspace.images_folder(workspace.named(text))
    try:
        found = image_files(folder)
    except DatasetError as error:
        raise error.at({"reference": error.sentence()}) from None
    if not found:
        text = "There are no reference images in this folder"
        raise DatasetError(text, where=folder, remedy="Choose another one.").at({"reference": text})
    if folder.resolve() == info.path.resolve():
        text = "The reference images are the images that are trained on"
        raise InputError(
            text,
            where=folder,
            why="Memorised images would count as success.",
            remedy="Name another folder, or none: then the dataset's held-out images are taken.",
            safe="Nothing was started.",
        ).at({"reference": text})
    return folder


def _check_apart(held_out: HeldOut, trained: set[str], notes: list[str]) -> None:
    """Refuses reference images that are all trained on, and says so of some."""
    if not held_out.folder or held_out.split:
        return
    files = image_files(held_out.folder)
    both = [path for path in files if content_hash(path) in trained]
    if both and len(both) == len(files):
        text = "All reference images are among the images that are trained on"
        raise InputError(
            text, where=held_out.folder, remedy="Choose images that nothing is trained on."
        ).at({"reference": text})
    if both:
        verb = "is" if len(both) == 1 else "are"
        notes.append(
            f"{len(both)} of {counted(len(files), 'reference image')} {verb} trained on too: memorising "
            "them would look like success."
        )


def files_of(config_files: Mapping[str, str]) -> dict[str, str]:
    """SHA-256 of files and folders of images, by how settings name them; nothing for what is gone."""
    found = {}
    for key, name in config_files.items():
        path = Path(name)
        if path.is_file():
            found[key] = content_hash(path)
        elif path.is_dir():
            found[key] = ",".join(sorted(content_hash(one) for one in image_files(path)))
    return found
