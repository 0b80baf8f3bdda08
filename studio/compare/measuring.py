"""What measures see: the models that look at images, and the images they are compared with.

Owns: loading the models, reading reference and training images, and saying why something is missing.
Refuses to know: which measures there are (`measures`), how images are generated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from studio.clip.dinov2 import Dino, find_dino, load_dino
from studio.clip.encoders import Clip, load_clip
from studio.compare import ordinary
from studio.compare.features import KeptFeatures
from studio.compare.metrics import same_as_any
from studio.compare.record import Recorder
from studio.core.callbacks import Cancelled, OnProgress
from studio.core.counts import counted
from studio.core.errors import FileError, Interrupted, StudioError, UnavailableError
from studio.families.base import Base
from studio.formats.dataset import image_files, read_captions
from studio.formats.image_prepare import Opener
from studio.formats.images import open_image
from studio.starter.classifier import AttributeClassifier

if TYPE_CHECKING:
    from PIL.Image import Image

_JUDGED = (64, 64, 3)


@dataclass(frozen=True)
class ImageFolder:
    """The images of a folder."""

    root: Path
    files: Sequence[Path]

    @classmethod
    def of(cls, path: str) -> ImageFolder | None:
        """What is in it; None for an empty name. DatasetError when it is no folder."""
        return cls(Path(path), image_files(path)) if path else None

    def captions(self) -> set[str]:
        """What is written beside its images, in small letters and on one line each."""
        return {_plain(caption) for caption in read_captions(self.root).values() if caption}


@dataclass(frozen=True)
class Eyes:
    """The models that look at images: the base's CLIP, and what else there is."""

    clip: Clip
    dino: Dino | None = None
    judge: AttributeClassifier | None = None

    def seen(self, images: Tensor | Sequence[Image], name: str) -> dict[str, Tensor]:
        """Images of the column `name`, uint8 [N, H, W, 3] or PIL → tensors by their names in the file."""
        found = {name: self.clip.image_features(images)}
        if self.dino is not None:
            found[f"dino/{name}"] = self.dino.image_features(images)
        return found

    def seen_ordinary(self, images: Tensor, name: str, prompts: Sequence[str]) -> dict[str, Tensor]:
        """The same of images of ordinary prompts, with how much of each prompt is in its image."""
        found = {f"ordinary/{name}": self.clip.image_features(images)}
        if self.judge is not None and tuple(images.shape[1:]) == _JUDGED:
            predicted = self.judge.predict(images.numpy())
            shares = torch.from_numpy(ordinary.shares_seen(predicted, prompts))
            if bool(shares.isfinite().any()):
                found[f"attributes/{name}"] = shares
        return found


def prepare(
    base: Base,
    folders: Mapping[str, ImageFolder],
    recorder: Recorder,
    on_progress: OnProgress | None = None,
    cancelled: Cancelled | None = None,
) -> tuple[Eyes, KeptFeatures] | None:
    """Loads the models and looks at the images of `folders` (`references`, `training`).

    What is missing becomes a note. None when the base has no CLIP. Raises Interrupted, and FileError
    for a CLIP that is damaged.
    """
    try:
        clip = load_clip(base.path, base.device)
    except UnavailableError as error:
        recorder.note(str(error))
        return None
    eyes = Eyes(clip, _dino(base, recorder), _judge(base))
    tensors: dict[str, Tensor] = {}
    names: dict[str, tuple[str, ...]] = {}
    total = sum(len(folder.files) for folder in folders.values())
    looking = _Looking(eyes, recorder, total, on_progress, cancelled)
    for role, folder in folders.items():
        found, kept = looking.at(role, folder)
        tensors |= found
        names[role] = tuple(kept)
    for role, what in (("references", "reference"), ("training", "training")):
        if role in folders and role not in tensors:
            recorder.note(
                f"The {what} folder holds no images that can be read; "
                "measures against it are left out."
            )
    _note_shared(tensors, recorder)
    if "training" in folders:
        _note_new_prompts(folders["training"], recorder)
    return eyes, KeptFeatures(tensors, names)


def text_features(scorer: Clip, prompts: Sequence[str]) -> Tensor:
    """Features [N, D] of prompts, each distinct one computed once."""
    distinct = list(dict.fromkeys(prompts))
    rows = {text: row for row, text in enumerate(distinct)}
    return scorer.text_features(distinct)[[rows[text] for text in prompts]]


def look_at(
    eyes: Eyes, name: str, files: Sequence[Path], before: Callable[[int], None] = lambda done: None
) -> tuple[dict[str, Tensor], list[str]]:
    """What is seen in files, image by image, and why some could not be read, in a sentence each.
    `before` each image hears how many are done; what it raises ends this."""
    rows: dict[str, list[Tensor]] = {}
    troubles = []
    for done, path in enumerate(files):
        before(done)
        try:
            seen = eyes.seen([open_image(path)], name)
        except StudioError as error:
            troubles.append(f"{path.name} was left out: {error.what}.")
            continue
        for key, row in seen.items():
            rows.setdefault(key, []).append(row)
    return {key: torch.cat(found) for key, found in rows.items()}, troubles


@dataclass
class _Looking:
    """Reads the images that columns are measured against."""

    eyes: Eyes
    recorder: Recorder
    total: int
    on_progress: OnProgress | None
    cancelled: Cancelled | None
    done: int = 0

    def at(self, role: str, folder: ImageFolder) -> tuple[dict[str, Tensor], list[str]]:
        """Tensors by their names in the file, and the names of the images that could be read."""
        what = "reference" if role == "references" else role
        clip, dino, names = [], [], []
        opened = Opener()
        for path in folder.files:
            if self.cancelled is not None and self.cancelled():
                raise Interrupted("The comparison was stopped")
            if self.on_progress is not None:
                self.on_progress(self.done, self.total, f"Reading the {what} images")
            self.done += 1
            try:
                image = opened(path)
                clip.append(self.eyes.clip.image_features([image]))
            except StudioError as error:
                self.recorder.note(f"{path.name} was left out of the {what} images: {error.what}.")
                continue
            names.append(path.relative_to(folder.root).as_posix())
            if self.eyes.dino is not None and role == "references":
                dino.append(self.eyes.dino.image_features([image]))
        found = {role: torch.cat(clip)} if clip else {}
        if dino:
            found["dino/references"] = torch.cat(dino)
        return found, names


def _dino(base: Base, recorder: Recorder) -> Dino | None:
    folder = find_dino(base.path)
    try:
        return None if folder is None else load_dino(folder, base.device)
    except FileError as error:  # one measure fewer; the others are fine
        recorder.note(str(error))
        return None


def _judge(base: Base) -> AttributeClassifier | None:
    file = Path(base.path) / ordinary.JUDGE
    return AttributeClassifier.load(file) if file.is_file() else None


def _note_shared(tensors: Mapping[str, Tensor], recorder: Recorder) -> None:
    """Says when reference images are training images: likeness to them is no likeness to the concept."""
    references, training = tensors.get("references"), tensors.get("training")
    if references is not None and len(references) == 1:
        recorder.note(
            "There is one reference image: likeness is the likeness to it alone, and KID needs two."
        )
    if references is None or training is None:
        return
    shared = int(same_as_any(references, training).sum())
    if shared:
        reference = recorder.comparison.reference.changed(trained=shared)
        recorder.comparison = recorder.comparison.changed(reference=reference)
        recorder.note(
            f"{shared} of {counted(len(references), 'reference image')} "
            f"{'is a training image' if shared == 1 else 'are training images'}: likeness to them "
            "also rises when images are memorised. Choose held-out images to tell the two apart."
        )
    if shared and len(references) - shared < 2:
        recorder.note(
            "With no held-out images, an image counts as memorised when it is nearer to a training image than "
            "training images are to each other. Where these are much alike, copies are missed."
        )


def _note_new_prompts(training: ImageFolder, recorder: Recorder) -> None:
    """Says when no prompt leads to a training image: copies are made where the prompt does."""
    captions = training.captions()
    if captions and not captions & {_plain(prompt) for prompt in recorder.comparison.prompts}:
        recorder.note(
            "No prompt is the caption of a training image. Memorised images appear with such prompts first: "
            "add some of these captions to see them."
        )


def _plain(text: str) -> str:
    return " ".join(text.replace("\\", "").split()).casefold()
