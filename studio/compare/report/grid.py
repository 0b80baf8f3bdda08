"""The images of a report, arranged: a column per stack, a row per seed, prompt after prompt.

Owns: this part of the page; a large one is folded prompt by prompt. Refuses to know: files,
measures. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Iterator

from studio.compare.record import Comparison
from studio.compare.report.images import Images, data_url
from studio.compare.report.markup import escaped

UNFOLDED = 60
"""Images up to which every prompt is open."""
SHARP = 160
"""Pixels up to which an enlarged image shows them as squares."""
_GONE, _NEVER = "image not there any more", "not generated"


def image_grid(comparison: Comparison, images: Images) -> Iterator[str]:
    """The markup, image by image."""
    prompts = range(len(comparison.prompts))
    if len(images.files) <= UNFOLDED or len(prompts) < 2:
        yield _opened(comparison, "Images of every column")
        for prompt in prompts:
            yield _prompt_row(comparison, prompt)
            yield from _rows(comparison, images, prompt)
        yield "</tbody></table></div>"
        return
    for prompt in prompts:
        text = escaped(comparison.prompts[prompt])
        yield f"<details{' open' if prompt == 0 else ''}><summary>{text}</summary>"
        yield _opened(comparison, comparison.prompts[prompt])
        yield from _rows(comparison, images, prompt)
        yield "</tbody></table></div></details>"


def _opened(comparison: Comparison, label: str) -> str:
    heads = "".join(f"<th scope=col>{escaped(column.name)}</th>" for column in comparison.columns)
    return (
        f"<div class='scroll images' tabindex=0 role=region aria-label='{escaped(label)}'>"
        f"<table><thead><tr><th></th>{heads}</tr></thead><tbody>"
    )


def _prompt_row(comparison: Comparison, prompt: int) -> str:
    width = len(comparison.columns) + 1
    text = escaped(comparison.prompts[prompt])
    return f"<tr class=prompt><th colspan={width} scope=rowgroup><span>{text}</span></th></tr>"


def _rows(comparison: Comparison, images: Images, prompt: int) -> Iterator[str]:
    for seed in comparison.seeds:
        yield f"<tr><th scope=row>seed {seed}</th>"
        for column in range(len(comparison.columns)):
            yield f"<td>{_cell(comparison, images, (column, prompt, seed))}</td>"
        yield "</tr>"


def _cell(comparison: Comparison, images: Images, place: tuple[int, int, int]) -> str:
    column, prompt, seed = place
    file = images.files.get(place)
    found = data_url(file, images.level) if file else None
    if found is None:
        return f"<span class=gone>{_GONE if place in images.recorded else _NEVER}</span>"
    address, (width, height) = found
    words = escaped(f"{comparison.columns[column].name}: {comparison.prompts[prompt]}, seed {seed}")
    sharp = " class=px" if max(width, height) <= SHARP else ""
    return (
        f"<label><input type=checkbox aria-label='Enlarge: {words}'>"
        f'<img{sharp} alt="{words}" width={width} height={height} decoding=async '
        f'src="{address}"></label>'
    )
