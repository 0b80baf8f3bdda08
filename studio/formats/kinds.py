"""The kinds of files that the studio knows, one row each.

Owns: the table: names and labels, how a kind is recognised, what is read into which class, and what
can be set about it on a stack. Everything that lists kinds reads it.
Refuses to know: torch and adapters, hence a class stands here by its place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.formats import (
    aesthetic,
    embedding_facts,
    hypernetwork_facts,
    lora_blocks,
    lora_facts,
    model_facts,
)
from studio.formats.file_report import FileReport, Outline
from studio.formats.sniff import Content


@dataclass(frozen=True)
class FileKind:
    """One kind of file."""

    name: str
    """In reports, side by side with `file_report.UNKNOWN`."""
    title: str
    """On cards and in lists."""
    phrase: str
    """In a sentence: “It is a LoRA”."""
    recognise: Callable[[Outline, FileReport], bool]
    """Whether a file is of this kind; then it has written what it found into the report."""
    adapter: str = ""
    """`module:class` of the adapter that reads it, a `studio.adapters.base.Adapter`; empty for a
    file that cannot be put on a stack."""
    place: str = "adapters"
    """The folder of a workspace where such files belong."""
    colour: str = "muted"
    """Which of the page's colours its cards have."""
    glyph: str = ""
    """Its icon on the page; without one, the first letter of the file's name."""
    ranged: bool = False
    """Whether it can act for a part of the steps, and by block."""
    with_text: bool = False
    """Whether it has a second strength, for the text encoder."""
    tuned: bool = False
    """Whether it is tuned to every prompt, in steps of its own."""
    order: str = ""
    """Why the order among several matters: `chain` (each works on what those before it give), `word`
    (of one word the last counts)."""
    called_by_name: bool = False
    """Whether the file's name calls it in prompts where the file states no trigger."""
    details: Callable[[Path, Content | None], dict[str, Any]] | None = None
    """What more `inspect` tells of such a file, for JSON; may read tensors, hence torch."""


# In the order in which they are tried: what is certain comes before what is likely.
KINDS: list[FileKind] = [
    FileKind(
        "hypernetwork", "Hypernetwork", "a hypernetwork", hypernetwork_facts.recognise,
        "studio.adapters.hypernetwork:HypernetworkAdapter", colour="plot-2", ranged=True, order="chain",
    ),
    FileKind(
        "aesthetic", "Aesthetic", "an aesthetic embedding", aesthetic.recognise,
        "studio.adapters.aesthetic:AestheticAdapter", colour="plot-4", tuned=True,
    ),
    FileKind(
        "lora", "LoRA", "a LoRA", lora_facts.recognise,
        "studio.adapters.lora:LoraAdapter", colour="plot-1", ranged=True, with_text=True,
        details=lora_blocks.details,
    ),
    FileKind("vae", "VAE", "a VAE", model_facts.recognise_vae, place="vae"),
    FileKind(
        "checkpoint", "Checkpoint", "a whole model", model_facts.recognise,
        "studio.adapters.checkpoint:CheckpointAdapter", place="bases", colour="good", glyph="cube",
        ranged=True, with_text=True,
    ),
    FileKind(
        "embedding", "Embedding", "an embedding", embedding_facts.recognise,
        "studio.adapters.embedding:WordAdapter", colour="plot-3", order="word", called_by_name=True,
    ),
]  # fmt: skip


def find(name: str) -> FileKind | None:
    """The row of a kind, or None for “unknown” and what nobody knows."""
    return next((row for row in KINDS if row.name == name), None)


def recognised(outline: Outline, report: FileReport) -> FileKind | None:
    """The kind of a file, whose row has filled in the report; errors of the rows."""
    return next((row for row in KINDS if row.recognise(outline, report)), None)


def phrase(name: str) -> str:
    """“a LoRA”, or what fits a kind nobody knows."""
    row = find(name)
    return row.phrase if row else "a file of unknown kind"


def title(name: str) -> str:
    """“LoRA”, or the name itself of a kind nobody knows."""
    row = find(name)
    return row.title if row else name
