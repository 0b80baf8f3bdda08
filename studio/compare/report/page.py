"""A comparison as one page that stands alone: no script, no file beside it, nothing from anywhere.

Owns: the page's parts and their order. Each part is there only when there is something to show.
Every text in it came from a person or a file and is escaped; every number that is measured stands
in a `<data>` element with the value as it is recorded. The page is handed out piece by piece, so
that its images are never in memory together. Refuses to know: how a comparison is made. Imports no
torch.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from studio import __version__
from studio.compare.record import Comparison
from studio.compare.report import facts
from studio.compare.report import origin as origins
from studio.compare.report.about import About, read_about
from studio.compare.report.checkpoints import selection
from studio.compare.report.curves import plots
from studio.compare.report.grid import image_grid
from studio.compare.report.images import BUDGET, Images, images_of
from studio.compare.report.markup import data, definitions, escaped, row
from studio.compare.report.origin import Origin, read_origin
from studio.compare.report.setting_differences import differences
from studio.compare.report.votes import votes
from studio.core.text import read_text

FIRST = 8
"""Sentences of the verdict that are in view at once."""
STYLE = Path(__file__).with_name("report.css")


@dataclass(frozen=True)
class Beside:
    """What lies beside a comparison and belongs into its report."""

    about: About = field(default_factory=About)
    origin: Origin = field(default_factory=Origin)


@dataclass(frozen=True)
class Section:
    """One part of the page: its anchor, its heading, and the markup inside."""

    name: str
    heading: str
    body: str


def beside(comparison: Comparison) -> Beside:
    """Reads it; what cannot be read is left out."""
    folder = comparison.folder
    return Beside(read_about(folder), read_origin(folder))


def to_html(
    comparison: Comparison, extra: Beside | None = None, budget: int = BUDGET
) -> Iterator[str]:
    """The page, piece by piece; `budget` are the bytes that its images may take."""
    extra = extra or Beside()
    images = images_of(comparison, budget)
    sections = [part for part in _sections(comparison, extra) if part.body]
    yield from _head(comparison, extra, sections, bool(images.files))
    for part in sections:
        if part.name == "settings":
            yield from _images(comparison, images)
        yield _section(part)
    yield _foot()


def _sections(comparison: Comparison, extra: Beside) -> list[Section]:
    """In their order; the images stand before the settings."""
    return [
        Section("checkpoint", "Checkpoint", selection(comparison)),
        Section("measures", "Measures", _measures(comparison)),
        Section("plots", "Plots", plots(comparison)),
        Section("differences", "Differences", differences(comparison)),
        Section("votes", "Blind votes", votes(comparison)),
        Section("settings", "Settings", _settings(comparison)),
        Section("trainings", "How the files were trained", _trainings(comparison, extra.origin)),
        Section("notes", "Notes", _notes(comparison, extra.about)),
        Section("versions", "Versions", _versions(extra.origin)),
    ]


def _head(
    comparison: Comparison, extra: Beside, sections: list[Section], has_image: bool
) -> Iterator[str]:
    title = escaped(facts.title(comparison))
    yield (
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width, initial-scale=1'>"
        "<meta name=color-scheme content='light dark'>"
        f"<title>{title}</title><style>{_style()}</style></head><body><main>"
    )
    yield f"<header><h1>{title}</h1>"
    if extra.about.question:
        yield f"<p class=question>{escaped(extra.about.question)}</p>"
    yield f"<p>{escaped(facts.compared(comparison))}</p>"
    if said := facts.incomplete(comparison):
        yield f"<p class=bad>{escaped(said)}</p>"
    yield from (f"<p class=bad>{escaped(text)}</p>" for text in facts.errors(comparison))
    if comparison.verdict:
        yield f"<section class=verdict aria-label=Verdict>{_verdict(comparison)}</section>"
    links = [(part.name, part.heading) for part in sections]
    if has_image:
        place = next(n for n, (name, _) in enumerate(links) if name == "settings")
        links.insert(place, ("images", "Images"))
    anchors = "".join(f"<a href='#{name}'>{escaped(heading)}</a>" for name, heading in links)
    yield f"<nav aria-label='Parts of this page'>{anchors}</nav></header>"


def _verdict(comparison: Comparison) -> str:
    sentences = [f"<p>{escaped(sentence)}</p>" for sentence in comparison.verdict]
    first, rest = "".join(sentences[:FIRST]), "".join(sentences[FIRST:])
    more = f"<details><summary>{len(sentences) - FIRST} more</summary>{rest}</details>"
    return first + (more if rest else "")


def _images(comparison: Comparison, images: Images) -> Iterator[str]:
    if not comparison.cells:
        return
    yield "<section id=images><h2>Images</h2>"
    yield (
        "<p class=soft>Every row has the same prompt, seed and noise. Choose an image to see it "
        "large, and again to close it.</p>"
    )
    if images.note:
        yield f"<p class=soft>{escaped(images.note)}</p>"
    yield from image_grid(comparison, images)
    yield "</section>"


def _section(part: Section) -> str:
    return f"<section id={part.name}><h2>{escaped(part.heading)}</h2>{part.body}</section>"


def _measures(comparison: Comparison) -> str:
    if not facts.shown_measures(comparison):
        return ""
    names = [column.name for column in comparison.columns]
    labels = facts.headings(comparison)
    heads = row(labels, "th", texts=(0, len(labels) - 1))
    rows = []
    for place, values in enumerate(facts.table(comparison)):
        first, *rest, files = values
        cells = [f"<th scope=row>{escaped(first.text)}</th>"]
        cells += [f"<td>{data(value, names[place])}{_mark(value)}</td>" for value in rest]
        cells.append(f"<td class=text>{escaped(files.text)}</td>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    meanings = definitions(facts.explained())
    legend = facts.legend(comparison)
    return (
        "<div class=scroll tabindex=0 role=region aria-label='Measures of each column'>"
        f"<table><thead>{heads}</thead><tbody>{''.join(rows)}</tbody></table></div>"
        f"{f'<p class=soft>{escaped(legend)}</p>' if legend else ''}"
        f"<details><summary>What the measures say</summary>{meanings}</details>"
    )


def _mark(value: facts.Value) -> str:
    return (
        f" <abbr class=apart title='{facts.APART_WORDS}'>{facts.APART}</abbr>"
        if value.apart
        else ""
    )


def _settings(comparison: Comparison) -> str:
    return definitions(facts.sampled(comparison))


def _trainings(comparison: Comparison, origin: Origin) -> str:
    if not origin.trainings:
        return ""
    heads = []
    for training in origin.trainings:
        places = [place for place in training.columns if place < len(comparison.columns)]
        names = ", ".join(comparison.columns[place].name for place in places)
        told = f"{training.name} ({names})" if names and names != training.name else training.name
        heads.append(told)
    parts = []
    differing = origins.differing(origin)
    if differing:
        lines = [
            f"<tr><th scope=row title='{escaped(one.key)}'>{escaped(one.label)}</th>"
            + "".join(
                f"<td class=text>{escaped(origins.setting_text(value))}</td>"
                for value in one.values
            )
            + "</tr>"
            for one in differing
        ]
        parts.append(
            "<h3>Settings that differ</h3><div class=scroll tabindex=0 role=region "
            "aria-label='Settings that differ'><table>"
            f"<thead>{row(['Setting', *heads], 'th', texts=range(len(heads) + 1))}</thead>"
            f"<tbody>{''.join(lines)}</tbody></table></div>"
        )
    elif len(origin.trainings) > 1:
        parts.append("<p>All of them were trained with the same settings.</p>")
    shared = [
        (one.label, text)
        for one in origins.common(origin)
        if (text := origins.setting_text(one.values[0])) != "–"
    ]
    if shared:
        summary = "Settings that all of them share" if len(heads) > 1 else f"Settings of {heads[0]}"
        parts.append(
            f"<details><summary>{escaped(summary)}</summary>{definitions(shared)}</details>"
        )
    return "".join(parts)


def _notes(comparison: Comparison, about: About) -> str:
    said = "".join(f"<p class=soft>{escaped(text)}</p>" for text in facts.messages(comparison))
    typed = f"<p class=notes>{escaped(about.notes)}</p>" if about.notes else ""
    return typed + said


def _versions(origin: Origin) -> str:
    return definitions([*origin.versions.items(), *origin.machine.items()])


def _foot() -> str:
    day = time.strftime("%Y-%m-%d")
    return (
        f"<footer>Report of Concept Studio {escaped(__version__)}, written on {day}.</footer>"
        "</main></body></html>\n"
    )


@functools.cache
def _style() -> str:
    return read_text(STYLE)
