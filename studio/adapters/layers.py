"""Which layers of a LoRA a base has, one by one: what a person looks at when a file does not fit.

Owns: sorting a file's layers by fit. Refuses to know: attaching, sentences about families.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from studio.adapters.names import ModuleNames
    from studio.formats.lora import LoraFile


def by_fit(file: LoraFile, names: ModuleNames) -> dict[str, list[str]]:
    """The file's layers: `fits`, `size` (the base's layer has another size), `missing`.

    Sizes are compared where the factors show them (plain A·B updates); other kinds are found by
    their names only.
    """
    found: dict[str, list[str]] = {"fits": [], "size": [], "missing": list(file.leftovers)}
    for module in file.modules.values():
        target = names.find(module.component, module.name, module.spelling)
        weight = target._parameters.get("weight") if target is not None else None
        if weight is None:
            found["missing"].append(module.key)
            continue
        wanted = (weight.shape[0], weight.shape[1] if weight.dim() > 1 else 1)
        given = module.size
        if given is None or given == wanted:
            found["fits"].append(module.key)
        else:
            theirs, own = (f"{inputs} to {outputs}" for outputs, inputs in (given, wanted))
            found["size"].append(f"{module.key}: {theirs} here, {own} in the base")
    return found
