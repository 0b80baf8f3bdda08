"""Taggers of the WD kind: one network of probabilities (ONNX) and the list of tags they stand for.

Owns: loading and checking both files, how an image is prepared, and which tags are written.
Refuses to know: folders of images, captions on disk, the page.

    model.onnx           float32 [N, H, W, 3] (BGR, 0 … 255, as published: 448 px) → [N, tags], 0 … 1
    selected_tags.csv    tag_id,name,category,count; category 0 general, 4 character, 9 rating
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from studio.caption.in_and_out import opaque
from studio.caption.source import Means, Source, first_line
from studio.core import memory
from studio.core.counts import counted
from studio.core.errors import FileError, UnavailableError
from studio.core.text import read_text
from studio.settings.caption import CaptionerSettings

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

MODEL, LABELS = "model.onnx", "selected_tags.csv"
GENERAL, CHARACTER, RATING = 0, 4, 9
_MOST_LABELS = 200_000
_MOST_SIDE = 4096
_RUN = re.compile(r"[A-Za-z0-9]+")


@dataclass(frozen=True)
class Label:
    """One tag the network has a probability for."""

    name: str
    category: int


class Tagger:
    """A loaded tagger. Same image in, same tags out."""

    def __init__(self, session: Any, labels: list[Label], settings: CaptionerSettings) -> None:
        self.session, self.labels, self.settings = session, labels, settings
        (given,) = session.get_inputs()
        self.input, self.side = given.name, int(given.shape[1])
        self.fixed = given.shape[0] if isinstance(given.shape[0], int) else None
        self._unwanted = {_same(tag) for tag in settings.exclude}

    @classmethod
    def load(cls, settings: CaptionerSettings, means: Means) -> Self:
        """Raises UnavailableError without onnxruntime, MissingError (not there), and FileError for
        files that are no such tagger."""
        runtime = _runtime()
        source = Source.named(settings.model, settings.download, MODEL, (MODEL, LABELS))
        labels = read_labels(source.folder / LABELS)
        try:
            session = runtime.InferenceSession(
                source.place + "/" + MODEL, providers=_providers(runtime, means.device)
            )
        except Exception as error:  # its own classes, which are no common type
            if memory.is_full(error):
                raise
            raise FileError(
                "This is no ONNX model that can be run",
                where=source.folder / MODEL,
                why=first_line(error),
                remedy="Download the file again.",
            ) from error
        _check(session, labels, source.folder / MODEL)
        return cls(session, labels, settings)

    def caption(self, images: Sequence[Image], questions: Sequence[str] = ()) -> list[str]:
        """The tags of each image, the most probable first; a character's before the others."""
        import numpy as np

        if not images:
            return []
        prepared = [prepare(image, self.side) for image in images]
        size = self.fixed or len(prepared)
        found: list[np.ndarray] = []
        for at in range(0, len(prepared), size):
            part = prepared[at : at + size]
            batch = np.stack(part + [part[-1]] * (size - len(part)))
            found += list(self.session.run(None, {self.input: batch})[0][: len(part)])
        return [self._words(probabilities) for probabilities in found]

    def _words(self, probabilities: np.ndarray) -> str:
        import numpy as np

        values = probabilities.astype("float64").reshape(-1)
        if len(values) != len(self.labels) or not (
            np.isfinite(values).all() and values.min() >= -1e-3 and values.max() <= 1 + 1e-3
        ):
            raise FileError(
                "This network gives no probabilities of tags",
                where=MODEL,
                why=f"It gave {counted(len(values), 'number')} from {values.min():.3g} to {values.max():.3g} for "
                f"{counted(len(self.labels), 'tag')}.",
                remedy="Use a model.onnx as it was published with its selected_tags.csv.",
            )
        least = {
            GENERAL: self.settings.threshold,
            CHARACTER: self.settings.character_threshold,
        }
        order = sorted(range(len(values)), key=lambda place: (-values[place], place))
        found: dict[int, list[str]] = {RATING: [], CHARACTER: [], GENERAL: []}
        for place in order:
            label = self.labels[place]
            if label.category in least and values[place] >= least[label.category]:
                found[label.category].append(label.name)
            if label.category == RATING and self.settings.ratings and not found[RATING]:
                found[RATING] = [f"rating:{label.name}"]
        names = [name for group in found.values() for name in group]
        return ", ".join(self._shown(name) for name in names if _same(name) not in self._unwanted)

    def _shown(self, name: str) -> str:
        if self.settings.spaces and not is_face(name):
            name = name.replace("_", " ")
        if self.settings.escape:
            name = re.sub(r"([()])", r"\\\1", name)
        return name


def prepare(image: Image, side: int) -> np.ndarray:
    """What the network is given: on a white square, `side` wide, as BGR from 0 to 255."""
    import numpy as np
    from PIL import Image as pillow

    image = opaque(image)
    longest = max(image.size)
    square = pillow.new("RGB", (longest, longest), "white")
    square.paste(image, ((longest - image.width) // 2, (longest - image.height) // 2))
    if longest != side:
        square = square.resize((side, side), pillow.Resampling.BICUBIC)
    return np.ascontiguousarray(np.asarray(square, dtype=np.float32)[:, :, ::-1])


def read_labels(file: Path) -> list[Label]:
    """The tags of a list, in its order. Raises FileError."""
    remedy = f"Put the {LABELS} that was published with the model beside it."
    if not file.is_file():
        raise FileError(f"This tagger has no {LABELS}", where=file.parent, remedy=remedy)
    try:
        rows = list(csv.DictReader(io.StringIO(read_text(file))))
        labels = [Label(str(row["name"]), int(row["category"])) for row in rows[:_MOST_LABELS]]
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise FileError(
            "This is no list of tags",
            where=file,
            why="It needs a heading with “name” and “category”, and a number in each category.",
            remedy=remedy,
        ) from error
    if not labels:
        raise FileError("This list of tags is empty", where=file, remedy=remedy)
    return labels


def is_face(tag: str) -> bool:
    """Whether a tag is drawn rather than written, such as “^_^” or “o_o”: its lines stay."""
    return len(tag) <= 9 and all(len(run) == 1 for run in _RUN.findall(tag))


def _same(tag: str) -> str:
    return " ".join(tag.replace("_", " ").replace("\\", "").casefold().split())


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise UnavailableError(
            "Taggers need onnxruntime, which is not installed",
            why=str(error),
            remedy="Install it into the studio's environment: python -m pip install onnxruntime "
            "(onnxruntime-gpu for a GPU), then try again.",
        ) from error
    return onnxruntime


def _providers(runtime: Any, device: str) -> list[str]:
    there = runtime.get_available_providers()
    wanted = (
        ["CPUExecutionProvider"]
        if device == "cpu"
        else ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    return [name for name in wanted if name in there]


def _check(session: Any, labels: list[Label], file: Path) -> None:
    """Raises FileError when the network does not take images as these taggers do, or gives another
    number of probabilities than there are tags."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    shape = list(inputs[0].shape) if inputs else []
    square = (
        len(inputs) == 1
        and len(shape) == 4
        and shape[3] == 3
        and isinstance(shape[1], int)
        and shape[1] == shape[2]
        and 0 < shape[1] <= _MOST_SIDE
        and inputs[0].type == "tensor(float)"
    )
    if not square:
        told = ", ".join(f"{one.type} {one.shape}" for one in inputs)
        raise FileError(
            "This ONNX model wants another input than a tagger's",
            where=file,
            why=f"It wants {told or 'nothing'}; taggers take tensor(float) [N, side, side, 3].",
            remedy="Use a WD tagger's model.onnx (SmilingWolf/wd-…).",
        )
    last = outputs[0].shape[-1] if outputs and outputs[0].shape else None
    if isinstance(last, int) and last != len(labels):
        raise FileError(
            "The list of tags does not belong to this model",
            where=file.parent,
            why=f"The model gives {last} probabilities, {LABELS} has {counted(len(labels), 'tag')}.",
            remedy=f"Put the {LABELS} that was published with the model beside it.",
        )
