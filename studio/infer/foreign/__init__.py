"""Images of other programs: whose it is, its settings as ours, and what could not be taken over.

Owns: the list of programs, one row each, in the order in which they are tried: what only one of
them writes comes before what many write. Refuses to know: images, pages, torch.

A reader is a function from an image's texts (`studio.formats.images.read_texts`) to a record, or
None where it is not that program's. Sources are the programs' own writers; facts only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from studio.infer.foreign import (
    comfy,
    draw_things,
    fooocus,
    invoke,
    novelai,
    spaces,
    swarm,
    web_ui,
)
from studio.infer.foreign.record import Record

Reader = Callable[[Mapping[str, str]], Record | None]

READERS: tuple[tuple[str, Reader], ...] = (
    ("NovelAI", novelai.read),
    ("InvokeAI", invoke.read),
    ("SwarmUI", swarm.read),
    ("Fooocus, RuinedFooocus", fooocus.read),
    ("Draw Things", draw_things.read),
    ("A1111's web UI and its kin", web_ui.read),
    ("Hugging Face spaces, Easy Diffusion", spaces.read),
    ("ComfyUI", comfy.read),
    ("JSON of an unknown program", spaces.guess),
    ("a prompt alone", web_ui.plain),
)


def restored(texts: Mapping[str, str]) -> Record | None:
    """The record of the first reader that knows these texts; None for an image without settings."""
    return next((found for _, read in READERS if (found := read(texts)) is not None), None)
