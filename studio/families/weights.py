"""A base's own weights as they are on disk, in their full precision, part by part.

Owns: which files a part's tensors come from, and the names files give them.
Refuses to know: modules, devices, training.

What is loaded may have been rounded to the compute precision (or quantised); whoever writes a model
starts from these instead. Text encoders are named as in published files, with `text_model.`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from torch import Tensor

from studio.errors import MissingError
from studio.families import detect
from studio.formats import ldm_names, safetensors_file


def own_state(path: Path, component: str) -> Iterator[tuple[str, Tensor]]:
    """Names and tensors of one part (`unet`, `vae`, `text_encoder`, `text_encoder_2`), one by one.

    Raises MissingError when the base has no such part, FileError when a file is broken.
    """
    files, _ = detect.part_weights(path / component)
    if not files:
        raise MissingError(
            f"The weights of the part “{component}” are not there", where=path / component
        )
    for file in files:
        for name in safetensors_file.read_header(file).tensors:
            if not name.endswith("position_ids"):
                tensors, _ = safetensors_file.read_tensors(file, only=name.__eq__)
                yield file_name(component, name), tensors[name]


def file_name(component: str, name: str) -> str:
    """A parameter's name in published files; newer text encoders leave out one level."""
    return ldm_names.with_text_model(name) if component.startswith("text_encoder") else name
