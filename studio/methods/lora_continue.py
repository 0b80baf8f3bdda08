"""Continuing from a finished LoRA file: its layers become the plan, its numbers the first values.

Owns: which files training can continue from, and what is said about the others.
Refuses to know: the loop, files' spellings (`studio.formats`), base families by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from studio.core.counts import counted
from studio.core.errors import FileError, SettingsError
from studio.core.text import path_of
from studio.methods.lora_layers import TARGETS, Plan, Size, components, endings, unused_layers

if TYPE_CHECKING:
    from torch import Tensor

    from studio.families.base import Base
    from studio.formats.lora import LoraFile
    from studio.formats.lora_module import LoraModule
    from studio.methods.lora_options import LoraOptions


def from_file(base: Base, options: LoraOptions) -> Plan:
    """The layers of the file to continue from, beginning with its values.

    Raises MissingError, FileError, MismatchError or SettingsError naming the remedy.
    """
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
                f"Its layer “{module.name}” turns {counted(given[1], 'number')} "
                f"into {given[0]}, "
                f"this base's turns {wanted[1]} into {wanted[0]}."
            )
            raise _another_base(diagnosis.mismatch(file, base, detail))
        component, name = places[id(target)]
        if base.family.reads(base, component, name):  # changes nothing, so nothing is lost
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
    plan.unused = unused_layers(base, layers)
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
        if component not in components(base, options):
            raise SettingsError(
                "The file to continue from also changes the text encoder",
                where=options.continue_from,
                remedy="Switch “Train text encoder” on.",
            )
        if not name.endswith(endings(base.architecture.layers(component), options.target)):
            fitting = [
                target
                for target in TARGETS
                if all(
                    n.endswith(endings(base.architecture.layers(part), target)) for part, n in found
                )
            ]
            raise SettingsError(
                f"The file to continue from has layers outside “{options.target}”",
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
        "This file can be used, but training cannot continue from it",
        where=file.path,
        why=f"{why}; training continues from plain low-rank updates only",
        remedy="Choose another file, or start anew.",
    )


def _another_base(error: Any) -> Any:
    error.remedy = "Choose the base it was made for, or another file to continue from."
    return error
