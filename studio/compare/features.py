"""What the measures of a comparison saw, kept beside it so that it can be measured again.

`features.safetensors`, every row of length 1:

    c0, c1, …                      [N, D]  the images of each column, in the order of jobs
    at/prompts, at/seeds           [N]     place of the prompt, and the seed, of each job
    at/ordinary                    [P]     place of the prompt of each ordinary image
    texts                          [N, D]  the prompt of each job
    references, training           [M, D]  the reference images and the training images
    dino/c0, …, dino/references    [·, E]  the same seen by DINOv2, where it is there
    ordinary/base, ordinary/c0, …  [P, D]  images of ordinary prompts
    attributes/c0, …               [P]     share of what an ordinary prompt names that is in its image

A row of zeros is an image that a column has not: a race among checkpoints gives the better ones more.
A column of a folder has rows of its own number and no texts. Metadata: file names of `references` and
`training`, in order.

Owns: the file, and which of it belongs to a column. Refuses to know: measures, how features are made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from studio.compare import metrics
from studio.core.errors import MissingError
from studio.core.paths import is_file
from studio.core.text import TextError, parse_json
from studio.formats import safetensors_file

if TYPE_CHECKING:
    from torch import Tensor

    from studio.compare.metrics import Nearness

FEATURES_FILE = "features.safetensors"
Need = Literal["clip", "dino", "prompt", "reference", "training", "ordinary", "attributes"]
"""What a measure may need."""
NEEDS: Mapping[Need, str] = {
    "clip": "the base has no CLIP",
    "dino": "there are no DINOv2 weights",
    "prompt": "nobody knows the prompts of images from elsewhere",
    "reference": "no reference images were chosen",
    "training": "no training images were chosen or are known",
    "ordinary": "no images of ordinary prompts were generated",
    "attributes": "only the starter's world has a judge of kind, colour and place",
}
"""What a measure needs, and the reason when it is missing."""


@dataclass(frozen=True)
class Features:
    """What is measured: N images, the prompt of each, M reference images; rows of length 1."""

    images: Tensor
    """[N, D]"""
    texts: Tensor | None = None
    """[N, D]; None where the prompts are not known."""
    references: Tensor | None = None
    """[M, D]; None without reference images."""
    training: Tensor | None = None
    """[T, D]; None where they are not known."""
    control: Tensor | None = None
    """[C, D], images that the base alone made of the same prompts; None where it was not asked."""
    dino: Tensor | None = None
    """[N, E], of the images."""
    dino_references: Tensor | None = None
    """[M, E]"""
    ordinary: Tensor | None = None
    """[P, D], of images of ordinary prompts."""
    ordinary_base: Tensor | None = None
    """[P, D], what the base alone made of them."""
    attributes: Tensor | None = None
    """[P]: share of what an ordinary prompt names that is in its image."""

    def has(self, need: Need) -> bool:
        """Whether it is there."""
        there: dict[Need, bool] = {
            "clip": True,
            "dino": self.dino is not None and self.dino_references is not None,
            "prompt": self.texts is not None,
            "reference": self.references is not None,
            "training": self.training is not None,
            "ordinary": self.ordinary is not None and self.ordinary_base is not None,
            "attributes": self.attributes is not None,
        }
        return there[need]

    @cached_property
    def nearness(self) -> Nearness:
        """How near its images are to training images."""
        return metrics.nearness(self.images, there(self.training), self.references, self.control)


def there(tensor: Tensor | None) -> Tensor:
    """A tensor that is known to be there."""
    assert tensor is not None, "the row says that it needs it"
    return tensor


@dataclass(frozen=True)
class KeptFeatures:
    """All features of one comparison, by the names above."""

    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """`references`, `training` → file names, in order."""
    base: int | None = None
    """The column of the base alone, if there is one; not in the file, the comparison knows it."""

    def column(self, index: int, *, elsewhere: bool = False) -> Features | None:
        """What there is to measure of a column; None when it was not generated.

        `elsewhere`: its images come from a folder, so that nobody knows their prompts.
        """
        found = self.tensors
        if f"c{index}" not in found:
            return None
        return Features(
            images=found[f"c{index}"],
            texts=None if elsewhere else found.get("texts"),
            references=found.get("references"),
            training=found.get("training"),
            control=None if self.base is None else found.get(f"c{self.base}"),
            dino=found.get(f"dino/c{index}"),
            dino_references=found.get("dino/references"),
            ordinary=found.get(f"ordinary/c{index}"),
            ordinary_base=found.get("ordinary/base"),
            attributes=found.get(f"attributes/c{index}"),
        )

    def labels(self, *names: str) -> list[Tensor]:
        """`prompts`, `seeds`, `ordinary`: what belongs together, of those that are there."""
        return [self.tensors[f"at/{name}"] for name in names if f"at/{name}" in self.tensors]

    def having(self, tensors: Mapping[str, Tensor | None]) -> KeptFeatures:
        """The same with more tensors; None leaves one as it is."""
        known = {name: rows for name, rows in tensors.items() if rows is not None}
        return replace(self, tensors={**self.tensors, **known})


def write(folder: Path, features: KeptFeatures) -> Path:
    """Writes them into a comparison's folder, in place of earlier ones."""
    metadata = {name: json.dumps(files) for name, files in features.names.items()}
    return safetensors_file.write(
        folder / FEATURES_FILE,
        {name: rows.contiguous() for name, rows in features.tensors.items()},
        metadata,
    )


def read(folder: Path) -> KeptFeatures:
    """Those of a comparison. MissingError when there are none, FileError when the file is damaged."""
    if not is_file(folder / FEATURES_FILE):
        raise MissingError(
            "This comparison cannot be measured again",
            where=folder.name,
            why="It kept no features: it is of an earlier version, or nothing could be measured.",
            remedy="Generate it again with “Use these settings”.",
            safe="Its images and the measures it has stay as they are.",
        )
    tensors, metadata = safetensors_file.read_tensors(folder / FEATURES_FILE)
    return KeptFeatures(tensors, {name: _names(text) for name, text in metadata.items()})


def _names(text: str) -> tuple[str, ...]:
    try:
        found = parse_json(text)
    except TextError:
        return ()
    return tuple(str(name) for name in found) if isinstance(found, list) else ()
