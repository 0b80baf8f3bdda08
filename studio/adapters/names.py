"""Which module of a loaded base a name in an adapter file means.

Owns: every spelling of a module (dotted, underscored, ldm, slot number) against the modules that
the base really has. Refuses to know: tensors, strengths, families by name.

transformers 5 dropped the `text_model` level of its CLIP text encoder; files always have it, so
every text module answers to both names.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from torch import nn

from studio.architectures.record import is_text_encoder
from studio.formats import cloneofsimo
from studio.formats.blocks import original_names

if TYPE_CHECKING:
    from studio.families.base import Base


class ModuleNames:
    """All names under which the modules of a base can be called by adapter files."""

    def __init__(self, base: Base, slots_without_geglu: bool = False) -> None:
        self._modules: dict[str, dict[str, nn.Module]] = {}
        self._slots: dict[str, list[str]] = {}
        for component, root in base.components().items():
            names = {name: module for name, module in root.named_modules() if _has_weight(module)}
            aliases = dict(names)
            for name, other in _other_names(base, component, list(names)):
                aliases.setdefault(other, names[name])
            # `to_q` and an underscored name never clash with a dotted one
            aliases.update({name.replace(".", "_"): module for name, module in aliases.items()})
            self._modules[component] = aliases
            self._slots[component] = _slots(base, component, list(names), slots_without_geglu)
        self._component = base.architecture.component

    def find(self, component: str, name: str, spelling: str) -> nn.Module | None:
        """The module that `name` means in `component`, or None.

        `spelling`: `kohya` (underscores), `dotted`, or `index` (a slot number).
        """
        component = self._component(component)
        modules = self._modules.get(component, {})
        if spelling == "index":
            slots = self._slots.get(component, [])
            name = slots[int(name)] if int(name) < len(slots) else ""
        return modules.get(name)


def _has_weight(module: nn.Module) -> bool:
    return module._parameters.get("weight") is not None


def _other_names(base: Base, component: str, names: list[str]) -> list[tuple[str, str]]:
    if not is_text_encoder(component):
        # adapters made for SDXL mostly carry the original code's names
        config: Any = base.denoiser.config
        return list(original_names(base.architecture.denoiser, config, names).items())
    bare = [(name, name.removeprefix("text_model.")) for name in names]
    return [*bare, *((name, f"text_model.{short}") for name, short in bare)]


def _slots(base: Base, component: str, names: list[str], without_geglu: bool) -> list[str]:
    if not is_text_encoder(component):
        if not base.architecture.denoiser.original_layout:
            return []
        return cloneofsimo.unet_slots(
            _attentions(names, "down_blocks"),
            _attentions(names, "up_blocks"),
            geglu=not without_geglu,
        )
    layers = {match[1] for name in names if (match := re.search(r"\blayers\.(\d+)\.", name))}
    return cloneofsimo.text_encoder_slots(len(layers))


def _attentions(names: list[str], side: str) -> list[int]:
    """Attentions per block of one side, from the modules that are there."""
    found: dict[int, set[int]] = {}
    for name in names:
        if match := re.match(rf"{side}\.(\d+)\.(?:attentions\.(\d+)\.)?", name):
            entry = found.setdefault(int(match[1]), set())
            if match[2] is not None:
                entry.add(int(match[2]))
    return [len(found[block]) for block in sorted(found)]
