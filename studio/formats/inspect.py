"""What is in a file, without torch: kind, dialect, family, rank, alpha, trigger, hashes, problems.

Owns: opening a file once and asking the kinds (`kinds`) whose it is.
Refuses to know: how a kind is recognised, whether a file fits the loaded base (shapes decide that,
in `studio.adapters`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

from studio.core.budget import cut_all
from studio.core.errors import FileError, StudioError
from studio.core.names import printable
from studio.formats import (
    embedding_facts,
    embedding_image,
    kinds,
    metadata,
    pickles,
    safetensors_file,
)
from studio.formats.file_report import (
    LONGEST_TEXT,
    MOST_TEXTS,
    UNKNOWN,
    FileReport,
    Outline,
    Shapes,
)
from studio.formats.pickle_values import TensorSpec
from studio.formats.sniff import WORDS, Content, open_file, sniff_bytes, wrong_content

__all__ = ["FileReport", "inspect"]

MAX_CHECKPOINT_BYTES = 32 << 30


def inspect(path: str | Path, *, strict: bool = False, hashes: bool = True) -> FileReport:
    """Recognises a file by its content; never imports torch, never reads tensor data but alphas.

    A broken or foreign file gives kind "unknown" with the reason in `problems`; with `strict` it
    raises FileError instead. `hashes` False skips reading the whole file for its SHA-256. A path
    that is not there raises MissingError either way.
    """
    path = Path(path)
    report = FileReport(printable(path))
    data_start = None
    with open_file(path) as file:
        content = report.content = sniff_bytes(file.read(512))
        try:
            if content == "safetensors":
                data_start = _safetensors(file, path, report)
            else:
                _recognise(_outline(path, content, report), report)
            if report.kind == UNKNOWN:
                raise FileError(
                    "This file holds nothing the studio knows",
                    where=path,
                    why=f"It is {WORDS[content]} with unfamiliar contents.",
                )
        except FileError as error:
            if strict:
                raise
            report.problems.append(str(error))
    if hashes:
        _add_hashes(path, report, data_start if report.kind != UNKNOWN else None)
    return report


def _recognise(outline: Outline, report: FileReport) -> None:
    """Asks the kinds, and says in the report whose the file is."""
    if kind := kinds.recognised(outline, report):
        report.kind = kind.name


def _safetensors(file: BinaryIO, path: Path, report: FileReport) -> int:
    """Recognises an open safetensors file; returns where its tensors' data begins."""
    header = safetensors_file.header_of(
        file, path, safetensors_file.MAX_HEADER_BYTES, safetensors_file.MAX_TENSORS
    )
    facts = header.metadata
    report.metadata = cut_all(metadata.in_order(facts), LONGEST_TEXT, MOST_TEXTS)
    report.parameters = header.parameters
    report.trigger = metadata.trigger(facts)
    report.notes += [said] if (said := metadata.copied(facts)) else []
    shapes = {name: tuple(entry.shape) for name, entry in header.tensors.items()}
    outline = Outline(
        path, "safetensors", shapes, None, facts,
        lambda names: safetensors_file.read_scalars(file, header, names),
    )  # fmt: skip
    _recognise(outline, report)
    report.family = metadata.family(facts) or report.family
    return header.data_start


def _outline(path: Path, content: Content, report: FileReport) -> Outline:
    """What lies in a pickle or in an image; FileError for everything else."""
    if content in ("zip", "torch-legacy"):
        value = pickles.read_outline(path, max_bytes=MAX_CHECKPOINT_BYTES)
        report.parameters = _count(value)
        return Outline(path, content, _table(value), value)
    if content in ("png", "webp") and (value := _carried(path)) is not None:
        return Outline(path, content, {}, value)
    raise wrong_content(path, content, "an adapter or a model")


def _carried(path: Path) -> Any:
    try:
        return embedding_image.read_value(path)
    except ValueError:
        return None


def _table(value: Any) -> Shapes:
    """The shapes of a table of tensors, or of the one that lies in `state_dict`."""
    if not isinstance(value, dict):
        return {}
    inner = embedding_facts.inner_table(value).items()
    found = {name: embedding_facts.listed_shape(entry) for name, entry in inner}
    return {name: shape for name, shape in found.items() if isinstance(name, str) and shape}


def _count(value: Any) -> int:
    """Numbers in the tensors of an outline, three levels deep (a dict of pairs of dicts).

    The reader has proved that it is not large, however much of it is shared.
    """
    level = [value]
    total = 0
    for _ in range(4):
        below: list[Any] = []
        for item in level:
            if isinstance(item, TensorSpec):
                total += item.elements
            elif isinstance(item, dict):
                below += item.values()
            elif isinstance(item, (list, tuple)):
                below += item
        level = below
    return total


def _add_hashes(path: Path, report: FileReport, data_start: int | None) -> None:
    try:
        report.hashes |= safetensors_file.file_hashes(path, data_start)
    except (OSError, StudioError) as error:
        report.problems.append(f"Its hash could not be computed: {error}")
