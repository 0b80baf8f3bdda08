"""Which layers a LoRA trains, with which rank and alpha, and PEFT's layers around them.

Owns: the targets, the layer filter, the plan (from the options, or from a file to go on from) and
putting PEFT's layers in place of the base's. Refuses to know: the loop, files' spellings
(`studio.formats`), base families by name.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from studio.errors import FileError, SettingsError
from studio.names import path_of

if TYPE_CHECKING:
    from torch import Tensor, nn

    from studio.families.base import Base
    from studio.formats.lora import LoraFile
    from studio.formats.lora_module import LoraModule
    from studio.methods.lora import LoraOptions

ATTENTION = ("to_q", "to_k", "to_v", "to_out.0", "q_proj", "k_proj", "v_proj", "out_proj")
FEED_FORWARD = ("ff.net.0.proj", "ff.net.2", "proj_in", "proj_out", "fc1", "fc2")
# What kohya's scripts train when they are given a rank for convolutions.
CONVOLUTION = (
    "conv1", "conv2", "conv_shortcut", "time_emb_proj", "downsamplers.0.conv", "upsamplers.0.conv",
)  # fmt: skip
TARGETS: dict[str, tuple[str, ...]] = {
    "attention": ATTENTION,
    "attention + MLP": ATTENTION + FEED_FORWARD,
    "attention + MLP + conv": ATTENTION + FEED_FORWARD + CONVOLUTION,
}


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

    @property
    def usual(self) -> Size:
        """The size most layers have."""
        sizes = Counter(size for layers in self.layers.values() for size in layers.values())
        return max(sizes, key=lambda size: (sizes[size], size.rank))


def plan(base: Base, options: LoraOptions) -> Plan:
    """The layers the options ask for, or those of the file to go on from.

    Raises SettingsError for a rank above a layer's size or a filter that leaves no layer; and for a
    file to go on from MissingError, FileError, MismatchError or SettingsError naming the remedy.
    """
    if options.continue_from:
        return _from_file(base, options)
    layers: dict[str, dict[str, Size]] = {}
    for component in _components(base, options):
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
    return Plan(layers, dict.fromkeys(layers, options.dora))


def wrap(model: nn.Module, sizes: dict[str, Size], dora: bool, dropout: float, seed: int) -> Any:
    """Layer name → (the base's layer, PEFT's layer around it); the model is left as it was."""
    import re

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


def _components(base: Base, options: LoraOptions) -> list[str]:
    return [name for name in base.components() if name == "unet" or options.text_encoder]


def _targeted(base: Base, component: str, options: LoraOptions) -> dict[str, nn.Module]:
    """Layers of a component that the target and the filter name, and whose output is read."""
    unread = base.family.unread(base).get(component, ())
    endings = tuple("." + suffix for suffix in TARGETS[options.target])
    return {
        name: module
        for name, module in base.components()[component].named_modules()
        if name.endswith(endings)
        and hasattr(module, "weight")
        and not any(part in name for part in unread)
        and _passes(name, options.only)
    }


def _passes(name: str, only: str) -> bool:
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


# Going on from a file.


def _from_file(base: Base, options: LoraOptions) -> Plan:
    from studio.adapters import diagnosis
    from studio.adapters.names import ModuleNames
    from studio.formats import lora

    file = lora.read(path_of(options.continue_from).expanduser())
    _only_low_rank(file)
    names = ModuleNames(base)
    places = {
        id(module): (component, name)
        for component, model in base.components().items()
        for name, module in model.named_modules()
    }
    found: dict[tuple[str, str], LoraModule] = {}
    for module in file.modules.values():
        target = names.find(module.component, module.name, module.spelling)
        if target is None:
            detail = f"This base has no layer “{module.name}”."
            raise _another_base(diagnosis.mismatch(file, base, detail))
        weight: Any = target.weight
        given = (module.tensors["up"].shape[0], module.tensors["down"][0].numel())
        wanted = (weight.shape[0], weight[0].numel())
        if given != wanted:
            detail = (
                f"Its layer “{module.name}” turns {given[1]} numbers into {given[0]}, "
                f"this base's turns {wanted[1]} into {wanted[0]}."
            )
            raise _another_base(diagnosis.mismatch(file, base, detail))
        component, name = places[id(target)]
        unread = base.family.unread(base).get(component, ())
        if not any(part in name for part in unread):  # changes nothing, so nothing is lost
            found[component, name] = module
    _inside_the_target(base, options, found)
    layers: dict[str, dict[str, Size]] = {}
    for (component, name), module in found.items():
        rank = int(module.rank or 1)
        layers.setdefault(component, {})[name] = Size(rank, module.scale * rank)
    plan = Plan(layers, {})
    for component, sizes in layers.items():
        dora = {found[component, name].dora for name in sizes}
        if len(dora) > 1:
            raise _not_continued(file, "Only some of its layers are weight-decomposed (DoRA)")
        plan.dora[component] = dora.pop()
    for place, module in found.items():
        plan.start[place] = _start(file, module)
    return plan


def _only_low_rank(file: LoraFile) -> None:
    for module in file.modules.values():
        if module.kind != "lora":
            raise _not_continued(file, f"Its layer “{module.name}” is of the kind {module.kind}")
        if strange := module.tensors.keys() - {"up", "down", "dora_scale", "magnitude"}:
            what = ", ".join(sorted(strange))
            raise _not_continued(file, f"Its layer “{module.name}” also has the part {what}")
    if file.leftovers:
        raise _not_continued(file, f"{len(file.leftovers)} of its tensors are not understood")
    if file.embeddings:
        word = next(iter(file.embeddings))
        raise _not_continued(file, f"It carries the embedding “{word}”, which would be lost")


def _inside_the_target(base: Base, options: LoraOptions, found: dict[Any, LoraModule]) -> None:
    """Raises SettingsError saying what to choose when the file has layers that are not chosen."""
    for component, name in found:
        if component not in _components(base, options):
            raise SettingsError(
                "The file to go on from also changes the text encoder",
                where=options.continue_from,
                remedy="Switch “Train text encoder” on.",
            )
        endings = tuple("." + suffix for suffix in TARGETS[options.target])
        if not name.endswith(endings):
            fitting = [
                target
                for target, suffixes in TARGETS.items()
                if all(n.endswith(tuple("." + s for s in suffixes)) for _, n in found)
            ]
            raise SettingsError(
                f"The file to go on from has layers outside “{options.target}”",
                where=f"{options.continue_from}, layer {name}",
                remedy=f"Choose the layers “{fitting[0]}”."
                if fitting
                else "It can be used as it is, but no choice of layers here covers it.",
            )


def _start(file: LoraFile, module: LoraModule) -> dict[str, Tensor]:
    tensors = module.tensors
    start = {"lora_A": tensors["down"].float(), "lora_B": tensors["up"].float()}
    out, inputs = start["lora_B"].shape[0], start["lora_A"].shape[1]
    scale = tensors.get("magnitude", tensors.get("dora_scale"))
    if scale is None:
        return start
    over_inputs = "dora_scale" in tensors and scale.dim() > 1 and scale.shape[:2] == (1, inputs)
    if scale.numel() != out or (over_inputs and inputs != 1):
        raise _not_continued(file, "Its magnitudes (DoRA) run over the inputs of each layer")
    start["magnitude"] = scale.float()
    return start


def _not_continued(file: LoraFile, why: str) -> FileError:
    return FileError(
        "This file can be used, but training cannot go on from it",
        where=file.path,
        why=f"{why}; training goes on from plain low-rank updates only",
        remedy="Choose another file, or start anew.",
    )


def _another_base(error: Any) -> Any:
    error.remedy = "Choose the base it was made for, or another file to go on from."
    return error
