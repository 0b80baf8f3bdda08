"""How a LoRA-like file is recognised, and what its names and shapes tell: dialect, family, rank, alpha.

Owns: these facts, without torch and without tensors' numbers but alphas.
Refuses to know: names of tensors (`lora_keys`), reading the file (`lora`).
"""

from __future__ import annotations

import math
from collections import Counter

from studio.architectures import (
    of_cloneofsimo,
    with_context,
    with_second_encoder,
    with_text_encoder,
)
from studio.architectures.record import is_text_encoder
from studio.core.errors import FileError
from studio.formats import embedding_facts, lora_algebra, metadata, peft_config
from studio.formats.file_report import FileReport, Outline, Shapes
from studio.formats.lora_keys import ModuleKeys, Sorted, refuse_unsupported, sort_keys
from studio.formats.pickle_values import TensorSpec


def recognise(outline: Outline, report: FileReport) -> bool:
    """Whether it is a LoRA of any dialect; then the report has the facts.

    Raises FileError when a file holds nothing but an adapter of a kind that cannot be read.
    """
    if _is_trio(outline):
        first = outline.value[0].shape
        report.dialect, report.family = "cloneofsimo", of_cloneofsimo()
        report.rank = first[1] if len(first) > 1 else None
        return True
    found = sort_keys(outline.shapes, outline.metadata)
    refuse_unsupported(found, outline.path)
    misunderstood = found.not_understood()
    report.problems += found.drop_broken(outline.shapes)
    if not found.modules:
        return False
    report.dialect = found.dialect
    report.rank, report.family = _rank(found, outline.shapes), _family(found, outline.shapes)
    report.problems += misunderstood
    _alphas(outline, found, report)
    return True


def _is_trio(outline: Outline) -> bool:
    """cloneofsimo's list: up and down of one layer after the other. One alone is a word's vectors."""
    value = outline.value
    if not isinstance(value, list) or not value:
        return False
    word = len(value) == 1 and embedding_facts.listed_shape(value)
    return not word and all(isinstance(entry, TensorSpec) for entry in value)


def _rank(found: Sorted, shapes: Shapes) -> int | None:
    ranks: Counter[int] = Counter()
    for entry in found.modules.values():
        parts = {part: shapes[name] for part, name in entry.parts.items()}
        if entry.kind and (rank := lora_algebra.algebra(entry.kind).rank(parts)):
            ranks[rank] += 1
    return max(ranks, key=lambda rank: (ranks[rank], rank)) if ranks else None


def _alphas(outline: Outline, found: Sorted, report: FileReport) -> None:
    """The alpha most modules have: their own, PEFT's settings, or kohya's metadata."""
    if outline.content != "safetensors":
        return
    names = {key: e.parts["alpha"] for key, e in found.modules.items() if "alpha" in e.parts}
    values = outline.scalars(names.values())
    alphas = {key: values[name] for key, name in names.items() if name in values}
    if any(entry.spelling == "dotted" for entry in found.modules.values()):
        config = peft_config.read(outline.path, outline.metadata)
        report.problems += config.problems
        for key, entry in found.modules.items():
            scaled = entry.kind is not None and lora_algebra.algebra(entry.kind).scaled
            stated = config.alpha(entry.component, entry.name) if scaled else None
            if key not in names and stated is not None:
                alphas[key] = stated
    odd = {key: value for key, value in alphas.items() if not math.isfinite(value)}
    report.problems += found.drop_not_finite(odd)
    if not found.modules:
        report.dialect = None
        raise FileError("This file has no usable adapter in it", where=outline.path)
    counts = Counter(value for key, value in alphas.items() if key not in odd)
    stated = metadata.number(outline.metadata, "ss_network_alpha")
    report.alpha = counts.most_common(1)[0][0] if counts else stated


def _family(found: Sorted, shapes: Shapes) -> str | None:
    """By the width of the context that cross-attention reads, else by the text encoders."""
    context: Counter[int] = Counter()
    tokens: Counter[int] = Counter()
    for entry in found.modules.values():
        width = _inputs(entry, shapes)
        if width is None:
            continue
        name = entry.name.replace(".", "_")
        if not is_text_encoder(entry.component) and name.endswith(("attn2_to_k", "attn2_to_v")):
            context[width] += 1
        elif entry.component == "text_encoder" and name.endswith(("q_proj", "k_proj", "v_proj")):
            tokens[width] += 1
    if context:
        return with_context(context.most_common(1)[0][0])
    if second := with_second_encoder(entry.component for entry in found.modules.values()):
        return second
    if tokens:
        return with_text_encoder(tokens.most_common(1)[0][0])
    return of_cloneofsimo() if found.dialect == "cloneofsimo" else None


def _inputs(entry: ModuleKeys, shapes: Shapes) -> int | None:
    """How many inputs the adapted layer has, where a part of the module tells it."""
    parts = {part: shapes[name] for part, name in entry.parts.items()}
    return lora_algebra.algebra(entry.kind).inputs(parts) if entry.kind else None
