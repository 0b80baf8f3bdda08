"""The architectures of base models: one row of facts each, and who has what.

Owns: the table, and finding a row by a width or by what metadata say. Imports no torch.
Refuses to know: files, loaded models, methods.
"""

from __future__ import annotations

from collections.abc import Iterable

from studio.architectures.record import Architecture, Variant
from studio.architectures.sd1 import SD1
from studio.architectures.sd2 import SD2
from studio.architectures.sdxl import SDXL

ARCHITECTURES: dict[str, Architecture] = {row.name: row for row in (SD1, SD2, SDXL)}


def title(name: str | None) -> str:
    """What people call the architecture `name`; the name itself where no row has it."""
    return ARCHITECTURES[name].title if name in ARCHITECTURES else name or ""


def published(modelspec: str) -> tuple[Architecture | None, Variant | None]:
    """The row and variant that metadata call `modelspec`; None where no row has it."""
    for row in ARCHITECTURES.values():
        for variant in row.variants:
            if variant.modelspec == modelspec:
                return row, variant
    return None, None


def called(said: str) -> Architecture | None:
    """The row that metadata mean by `said`, a modelspec architecture or kohya's version."""
    rows = ARCHITECTURES.values()
    exact = (row for row in rows if any(said in (v.modelspec, v.kohya) for v in row.variants))
    return next(exact, None) or next((r for r in rows if said.lower().startswith(r.said)), None)


def with_context(width: int) -> str | None:
    """The first architecture whose denoiser reads text this wide."""
    return next((n for n, row in ARCHITECTURES.items() if row.context_width == width), None)


def with_text_encoder(width: int) -> str | None:
    """The first architecture with a text encoder this wide."""
    return next(
        (n for n, row in ARCHITECTURES.items() if any(e.width == width for e in row.text_encoders)),
        None,
    )


def with_second_encoder(spelled: Iterable[str]) -> str | None:
    """The first architecture one of whose further text encoders is called so in files."""
    names = set(spelled)
    for name, row in ARCHITECTURES.items():
        further = {spelling for encoder in row.text_encoders[1:] for spelling in encoder.spellings}
        if names & further:
            return name
    return None


def of_cloneofsimo() -> str | None:
    """The architecture that cloneofsimo's files are for, which say nothing of a base."""
    return next((name for name, row in ARCHITECTURES.items() if row.cloneofsimo), None)
