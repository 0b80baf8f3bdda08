"""How strong a LoRA-like file is, block by block, without a base.

Owns: which part of a model a module's name lies in, and the size of its change.
Refuses to know: whether any base has such a module.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.architectures.record import is_text_encoder
from studio.core.errors import MismatchError
from studio.formats import lora, lora_algebra
from studio.formats.lora import LoraFile
from studio.formats.lora_module import LoraModule
from studio.formats.sniff import Content

_SIDES = (
    (re.compile(r"down_blocks_(\d+)"), "down {}"),
    (re.compile(r"up_blocks_(\d+)"), "up {}"),
    (re.compile(r"input_blocks_(\d+)"), "IN{:02}"),
    (re.compile(r"output_blocks_(\d+)"), "OUT{:02}"),
    (re.compile(r"mid_block|middle_block"), "middle"),
    (re.compile(r"layers_(\d+)|resblocks_(\d+)"), "layer {}"),
)


@dataclass(frozen=True)
class BlockFacts:
    """One block. `ranks` are the different ones in it; kinds without rank have none."""

    block: str
    modules: int
    ranks: list[int]
    norm: float | None
    """Frobenius norm of all its changes at strength 1; None where that depends on the base."""


def details(path: Path, content: Content | None) -> dict[str, Any]:
    """The blocks of the file at `path`, for JSON; errors of `lora.read`."""
    return {"blocks": [vars(facts) for facts in blocks(lora.read(path, content))]}


def blocks(file: LoraFile) -> list[BlockFacts]:
    """The blocks of a file in its order."""
    found: dict[str, list[LoraModule]] = {}
    for module in file.modules.values():
        found.setdefault(block(module), []).append(module)
    return [_facts(name, modules) for name, modules in found.items()]


def block(module: LoraModule) -> str:
    """`down 1`, `IN04`, `middle`, `text encoder, layer 3`, or the component where no name says more."""
    plain, part = str(module.name).replace(".", "_"), module.component.replace("_", " ")
    for pattern, label in _SIDES:
        if match := pattern.search(plain):
            number = next((int(text) for text in match.groups() if text), 0)
            inner = label.format(number)
            return inner if not is_text_encoder(module.component) else f"{part}, {inner}"
    return part


def norm(module: LoraModule) -> float | None:
    """Frobenius norm of ΔW at strength 1; None where it depends on the base's weight."""
    if module.needs_base:
        return None
    row = lora_algebra.algebra(module.kind)
    if row.norm is not None and (found := row.norm(module.tensors)) is not None:
        return found * abs(module.scale)
    try:
        return float(module.delta().norm())
    except (ValueError, AttributeError, MismatchError):  # a change of biases alone, or odd shapes
        return None


def _facts(name: str, modules: list[LoraModule]) -> BlockFacts:
    norms = [norm(module) for module in modules]
    known = [value for value in norms if value is not None]
    ranks = sorted({module.rank for module in modules if module.rank})
    size = math.sqrt(sum(value**2 for value in known)) if len(known) == len(norms) else None
    return BlockFacts(name, len(modules), ranks, size)
