"""A base's own weights as they are on disk, in their full precision, part by part.

Owns: which files a part's tensors come from, and the names files give them.
Refuses to know: modules, devices, training.

What is loaded may have been rounded to the compute precision (or quantised); whoever writes a model
starts from these instead. Text encoders are named as in published files, with `text_model.`.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from studio.core.errors import MissingError
from studio.families import part_files
from studio.families.base import Base
from studio.formats import ldm_names, single_file_layout, tensor_source


def own_state(base: Base, component: str) -> Iterator[tuple[str, Tensor]]:
    """Names and tensors of `unet`, `text_encoder` or `text_encoder_2`, one by one.

    Raises MissingError when the base has no such part, FileError when a file is broken.
    """
    wanted = {file_name(component, name) for name in base.components()[component].state_dict()}
    if base.path.is_file():
        layout = ldm_names.UNetLayout.from_config(base.denoiser.config)
        with tensor_source.opened(base.path) as source:
            for name in source.shapes:
                found = single_file_layout.pieces(name, layout)
                mine = [p for p in found if p.part == component and p.name in wanted]
                tensor = source.read(name) if mine else None
                for piece in mine:
                    yield piece.name, piece.of(tensor)
        return
    files, _ = part_files.part_weights(base.path / component)
    if not files:
        raise MissingError(
            f"The weights of the part “{component}” are not there", where=base.path / component
        )
    for file in files:
        with tensor_source.opened(file) as source:
            for name in source.shapes:
                if file_name(component, name) in wanted:
                    yield file_name(component, name), source.read(name)


def file_name(component: str, name: str) -> str:
    """A parameter's name in published files; newer text encoders leave out one level."""
    return ldm_names.with_text_model(name) if component.startswith("text_encoder") else name
