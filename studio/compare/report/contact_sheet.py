"""The contact sheet of a comparison: every column beside the others, prompt after prompt.

Owns: which images are on it, where, and the text in the file. Refuses to know: how a sheet is laid out
(`sheet`). Imports no torch.
"""

from __future__ import annotations

from studio import __version__
from studio.compare.record import Comparison
from studio.compare.report import facts
from studio.compare.report.images import files_of
from studio.compare.sheet import MOST_CELLS, Heading, Images, sheet
from studio.core.counts import counted
from studio.formats.image_write import encoded_png

SHEET_FILE = "sheet.png"


def sheet_png(comparison: Comparison, question: str = "") -> bytes | None:
    """The sheet as a PNG, with what was compared in its `parameters`; None without any image."""
    seeds = list(comparison.seeds)
    while len(comparison.prompts) * len(seeds) > MOST_CELLS and len(seeds) > 1:
        seeds = seeds[: len(seeds) // 2]
    columns, rows, images = _laid_out(comparison, seeds)
    if not images:
        return None
    lines = [question, facts.compared(comparison)]
    if len(seeds) < len(comparison.seeds):
        lines.append(f"The first {len(seeds)} of {counted(len(comparison.seeds), 'seed')}.")
    made = sheet(columns, rows, images, facts.title(comparison), lines)
    return encoded_png(made, parameters(comparison))


def parameters(comparison: Comparison) -> str:
    """What was compared, laid out as settings in images are: prompts, then pairs."""
    pairs = [(label, value) for label, value in facts.sampled(comparison) if label != "Took"]
    stacks = [
        f"{column.name}: {' + '.join(facts.adapters(column)) or 'base'}"
        for column in comparison.columns
    ]
    pairs = [("Comparison", facts.title(comparison)), *pairs, ("Columns", "; ".join(stacks))]
    pairs.append(("Version", f"Concept Studio {__version__}"))
    told = ", ".join(f"{label}: {_flat(value)}" for label, value in pairs)
    return "\n".join([*comparison.prompts, told])


def _laid_out(
    comparison: Comparison, seeds: list[int]
) -> tuple[list[Heading], list[Heading], Images]:
    names = [f"seed {seed}" for seed in seeds]
    files = files_of(comparison)
    beside = _square(comparison, len(seeds), 1) < _square(comparison, 1, len(seeds))
    parts = tuple(names) if beside else ("",)
    columns = [Heading(column.name, parts) for column in comparison.columns]
    rows = [Heading(prompt, ("",) if beside else tuple(names)) for prompt in comparison.prompts]
    images = {}
    for (column, prompt, seed), file in files.items():
        if seed in seeds:
            n = seeds.index(seed)
            place = (
                (column * len(seeds) + n, prompt) if beside else (column, prompt * len(seeds) + n)
            )
            images[place] = file
    return columns, rows, images


def _square(comparison: Comparison, across: int, down: int) -> int:
    """How many images the longer side of the sheet has, with so many seeds beside or below each other."""
    return max(len(comparison.columns) * across, len(comparison.prompts) * down)


def _flat(value: str) -> str:
    """A value that stays in its place: quoted where it holds what separates values."""
    flat = " ".join(value.split())
    return f'"{flat.replace(chr(34), chr(39))}"' if set(flat) & set(",:") else flat
