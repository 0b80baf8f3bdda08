"""LoRA files as they are written, in the names that every Stable Diffusion program loads: kohya's.

Owns: kohya's names for components, modules and parts, and the precision of each part.
Refuses to know: reading (`lora`), training, metadata.

For SDXL kohya's scripts and web UIs know a layer by the name of the original code
(`lora_unet_input_blocks_4_1_…`); for SD 1.x and 2.x by diffusers' (`lora_unet_down_blocks_…`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from studio.architectures.record import is_text_encoder
from studio.formats import ldm_names
from studio.formats.lora_module import LoraModule

if TYPE_CHECKING:
    import torch

# Part → its ending, and whether half precision is enough. DoRA's lengths scale the base's own weight.
_PARTS = {
    "down": ("lora_down.weight", True),
    "up": ("lora_up.weight", True),
    "dora_scale": ("dora_scale", False),
    "diff": ("diff", True),
}


def kohya_tensors(
    modules: Iterable[LoraModule],
    prefixes: Mapping[str, str],
    original: ldm_names.UNetLayout | None = None,
    *,
    half: bool = True,
) -> dict[str, torch.Tensor]:
    """A file's tensors by name, on the CPU, from modules with dotted diffusers names.

    `prefixes`: component → what its keys begin with. `original`: the layout of the UNet whose layers
    get the original code's names. `half` stores factors in fp16. ValueError for a part that kohya's
    files have no name for, and for a module known by its number only.
    """
    import torch

    tensors: dict[str, torch.Tensor] = {}
    for module in modules:
        key = f"{prefixes[module.component]}_{_underscored(module, original)}"
        for part, tensor in module.tensors.items():
            if part not in _PARTS:
                raise ValueError(f"there is no name for the part {part}")
            ending, may_be_half = _PARTS[part]
            kept = tensor.detach().cpu()
            kept = kept.half() if half and may_be_half else kept.float()
            tensors[f"{key}.{ending}"] = kept.contiguous()
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
