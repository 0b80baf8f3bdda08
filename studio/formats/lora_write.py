"""LoRA files as they are written, in the names that every Stable Diffusion program loads: kohya's.

Owns: kohya's names for components and modules, and the precision of each part (`lora_dialects` has
the parts' names, for reading and writing). Refuses to know: reading (`lora`), training, metadata,
which names a base's layers get (`studio.adapters.lora_file`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from studio.architectures.record import is_text_encoder
from studio.formats import ldm_names, lora_dialects
from studio.formats.lora_module import LoraModule

if TYPE_CHECKING:
    import torch

_WHOLE = ("dora_scale",)  # parts that half precision would spoil: they scale the base's own weight


def kohya_tensors(
    modules: Iterable[LoraModule],
    prefixes: Mapping[str, str],
    original: ldm_names.UNetLayout | None = None,
) -> dict[str, torch.Tensor]:
    """A file's tensors by name, on the CPU, from modules with dotted diffusers names.

    `prefixes`: component → what its keys begin with. `original`: the layout of the UNet whose layers
    get the original code's names. Factors are stored in fp16. ValueError for a part that kohya's files
    have no name for, and for a module known by its number only.
    """
    import torch

    tensors: dict[str, torch.Tensor] = {}
    for module in modules:
        key = f"{prefixes[module.component]}_{_underscored(module, original)}"
        for part, tensor in module.tensors.items():
            if (ending := lora_dialects.ending(part)) is None:
                raise ValueError(f"there is no name for the part {part}")
            kept = tensor.detach().cpu()
            kept = kept.float() if part in _WHOLE else kept.half()
            tensors[f"{key}{ending}"] = kept.contiguous()
        if module.rank:  # written also where the factor is 1: programs differ when it is missing
            alpha = float(module.rank) if module.alpha is None else module.alpha
            tensors[f"{key}.alpha"] = torch.tensor(alpha)
    return dict(sorted(tensors.items()))


def _underscored(module: LoraModule, original: ldm_names.UNetLayout | None) -> str:
    if module.spelling == "index":
        raise ValueError("a positional module must be resolved to a name first")
    name = module.name
    if is_text_encoder(module.component):
        name = ldm_names.with_text_model(name)
    elif original is not None:
        name = ldm_names.diffusers_to_ldm_unet(name, original) or name
    return name.replace(".", "_")
