"""Which layers a LoRA trains, with which rank and alpha, and PEFT's layers around them.

Owns: the targets, the layer filter, the plan from the options (`lora_continue` makes one from a
file) and putting PEFT's layers in place of the base's. Refuses to know: the loop, files' spellings
(`studio.formats`), base families by name.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from studio.architectures.record import Layers, is_text_encoder
from studio.core.errors import SettingsError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from studio.families.base import Base
    from studio.formats.lora_module import LoraModule
    from studio.methods.lora_options import LoraOptions

# What people choose → the roles of the layers (`architectures.Layers`).
TARGETS: dict[str, tuple[str, ...]] = {
    "attention": ("attention",),
    "attention + MLP": ("attention", "feed_forward"),
    "attention + MLP + conv": ("attention", "feed_forward", "convolution"),
}


def endings(layers: Layers, target: str) -> tuple[str, ...]:
    """What the names of a component's layers end with that the choice `target` means."""
    return tuple(f".{name}" for role in TARGETS[target] for name in getattr(layers, role))


@dataclass(frozen=True)
class Size:
    """Rank and alpha of one layer's update; it is multiplied by alpha / rank."""

    rank: int
    alpha: float


@dataclass
class Plan:
    """Layers to train: component → layer name → size; `start` holds what a file begins them with."""

    layers: dict[str, dict[str, Size]]
    dora: dict[str, bool]
    """Per component, whether updates are weight-decomposed."""
    start: dict[tuple[str, str], dict[str, Tensor]] = field(default_factory=dict)
    """(component, layer) → first values by the names of `updates`."""
    unused: dict[str, dict[str, Size]] = field(default_factory=dict)
    """Layers like the trained ones whose output nobody reads; files have them with zeros."""

    @property
    def usual(self) -> Size:
        """The size most layers have."""
        sizes = Counter(size for layers in self.layers.values() for size in layers.values())
        return max(sizes, key=lambda size: (sizes[size], size.rank))


def plan(base: Base, options: LoraOptions) -> Plan:
    """The layers the options ask for.

    Raises SettingsError for a rank above a layer's size or a filter that leaves no layer.
    """
    layers: dict[str, dict[str, Size]] = {}
    for component in components(base, options):
        modules = _targeted(base, component, options)
        if modules:
            layers[component] = {name: _size(module, options) for name, module in modules.items()}
    if not layers:
        raise SettingsError(
            "No layer is left to train",
            why=f"No layer of “{base.name}” fits the layers “{options.target}”"
            + (f" and the filter “{options.only}”" if options.only.strip() else ""),
            remedy="Choose other layers, or empty the filter.",
        )
    _fit(base, layers)
    return Plan(layers, dict.fromkeys(layers, options.dora), unused=unused_layers(base, layers))


def wrap(model: nn.Module, sizes: dict[str, Size], dora: bool, dropout: float, seed: int) -> Any:
    """Layer name → (the base's layer, PEFT's layer around it); the model is left as it was."""
    import torch
    from peft import LoraConfig, inject_adapter_in_model

    usual = next(iter(sizes.values()))
    originals = {name: model.get_submodule(name) for name in sizes}
    other = {re.escape(name): size for name, size in sizes.items() if size != usual}
    peft_config = LoraConfig(
        r=usual.rank,
        lora_alpha=usual.alpha,  # any number works, and is needed
        rank_pattern={name: size.rank for name, size in other.items()},
        alpha_pattern={name: size.alpha for name, size in other.items()},
        lora_dropout=dropout,
        use_dora=dora,
        target_modules=list(originals),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inject_adapter_in_model(peft_config, model)
    layers = {}
    for name, original in originals.items():
        wrapper = model.get_submodule(name)
        for parameter in updates(wrapper).values():
            parameter.data = parameter.data.float()
            parameter.requires_grad_(True)
        layers[name] = (original, wrapper)
        model.set_submodule(name, original)
    if hasattr(model, "peft_config"):
        del model.peft_config
    return layers


def updates(wrapper: Any) -> dict[str, Tensor]:
    """The trained tensors of a PEFT layer.

    `lora_A` [r, in(, k, k)] and `lora_B` [out, r(, 1, 1)]; with DoRA (Liu et al. 2024) `magnitude`,
    one number per output, [out] or [1, out, 1, 1].
    """
    tensors = {
        "lora_A": wrapper.lora_A["default"].weight,
        "lora_B": wrapper.lora_B["default"].weight,
    }
    if "default" in wrapper.lora_magnitude_vector:
        tensors["magnitude"] = wrapper.lora_magnitude_vector["default"].weight
    return tensors


def components(base: Base, options: LoraOptions) -> list[str]:
    return [name for name in base.components() if not is_text_encoder(name) or options.text_encoder]


def _targeted(base: Base, component: str, options: LoraOptions) -> dict[str, nn.Module]:
    """Layers of a component that the target and the filter name, and whose output is read."""
    wanted = endings(base.architecture.layers(component), options.target)
    return {
        name: module
        for name, module in base.components()[component].named_modules()
        if name.endswith(wanted)
        and hasattr(module, "weight")
        and base.family.reads(base, component, name)
        and passes(name, options.only)
    }


def unused_layers(base: Base, layers: dict[str, dict[str, Size]]) -> dict[str, dict[str, Size]]:
    """Unused layers that are to their block what a trained layer is to its own, with its size."""
    found: dict[str, dict[str, Size]] = {}
    for component in base.family.unused_layers(base):
        sizes = {_in_block(name): size for name, size in layers.get(component, {}).items()}
        for name, module in base.components()[component].named_modules():
            size = sizes.get(_in_block(name))
            if size and hasattr(module, "weight") and not base.family.reads(base, component, name):
                found.setdefault(component, {})[name] = size
    return found


def _in_block(name: str) -> str:
    """`encoder.layers.11.mlp.fc1` → `encoder.layers.*.mlp.fc1`."""
    return re.sub(r"\.\d+\.", ".*.", name)


def without_effect(
    component: Any, name: str, model: nn.Module, size: Size, dora: bool
) -> LoraModule:
    """A module as a file has it that changes nothing: factors of zeros, and DoRA's own lengths."""
    import torch

    from studio.formats.lora_module import LoraModule

    weight: Any = model.get_submodule(name).weight
    window = [1] * (weight.dim() - 2)
    tensors = {
        "down": torch.zeros(size.rank, *weight.shape[1:]),
        "up": torch.zeros(weight.shape[0], size.rank, *window),
    }
    if dora:
        lengths = weight.detach().float().flatten(1).norm(dim=1)
        tensors["dora_scale"] = lengths.reshape(-1, 1, *window)
    return LoraModule(component, name, "dotted", "lora", tensors, size.alpha)


def passes(name: str, only: str) -> bool:
    """Whether a layer's name contains one of the wanted parts and none of the unwanted (`-part`)."""
    parts = [part.strip() for part in only.split(",") if part.strip()]
    unwanted = [part[1:].strip() for part in parts if part.startswith("-")]
    wanted = [part for part in parts if not part.startswith("-")]
    return not any(part in name for part in unwanted) and (
        not wanted or any(part in name for part in wanted)
    )


def _size(module: Any, options: LoraOptions) -> Size:
    """As in kohya's scripts, convolutions wider than 1×1 have a rank and an alpha of their own."""
    rank, alpha = options.rank, options.alpha or float(options.rank)
    if module.weight.dim() == 4 and module.weight[0, 0].numel() > 1 and options.conv_rank:
        scale = alpha / rank
        rank = options.conv_rank
        alpha = options.conv_alpha or scale * rank
    elif module.weight.dim() == 4 and module.weight[0, 0].numel() > 1 and options.conv_alpha:
        alpha = options.conv_alpha
    if options.rank_stabilized:  # files know alpha / rank only: alpha carries the rest
        alpha *= rank**0.5
    return Size(rank, alpha)


def _fit(base: Base, layers: dict[str, dict[str, Size]]) -> None:
    """Raises SettingsError when a rank is larger than its layer."""
    too_large: list[tuple[int, int, str]] = []
    for component, sizes in layers.items():
        model = base.components()[component]
        for name, size in sizes.items():
            weight: Any = model.get_submodule(name).weight
            smallest = min(weight.shape[0], weight[0].numel())
            if size.rank > smallest:
                too_large.append((smallest, size.rank, name))
    if too_large:
        smallest, rank, name = min(too_large)
        raise SettingsError(
            f"Rank {rank} is larger than the smallest layer to train ({smallest})",
            where=name,
            remedy=f"Choose a rank of at most {smallest}.",
        )
