"""Writing LoRA-like files in kohya's spelling, which every Stable Diffusion program loads.

Owns: kohya's names for components, modules and parts.
Refuses to know: reading (`lora`), and which base the modules came from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from studio.formats import safetensors_file
from studio.formats.lora_module import LoraModule

if TYPE_CHECKING:
    import torch

_KOHYA_PARTS = {
    "down": "lora_down.weight",
    "up": "lora_up.weight",
    "mid": "lora_mid.weight",
    "magnitude": "dora_scale",
    "up_bias": "diff_b",
    "a1": "a1.weight",
    "a2": "a2.weight",
    "b1": "b1.weight",
    "b2": "b2.weight",
    "bm": "bm.weight",
}


def write_kohya(
    path: str | Path,
    modules: Iterable[LoraModule],
    metadata: Mapping[str, str] | None = None,
    *,
    two_text_encoders: bool | None = None,
    dtype: Literal["float16", "bfloat16", "float32"] | None = None,
) -> Path:
    """Writes a kohya-style safetensors file that every Stable Diffusion program loads.

    Names become `lora_unet_…`, `lora_te_…`, or `lora_te1_…`/`lora_te2_…` when there are two text
    encoders (None: decided by the modules). `dtype` None keeps each tensor's own. A positional
    ("index") module has no name to write: ValueError.
    """
    import torch

    modules = list(modules)
    if two_text_encoders is None:
        two_text_encoders = any(module.component == "text_encoder_2" for module in modules)
    tensors: dict[str, torch.Tensor] = {}
    for module in modules:
        prefix = kohya_name(module, two_text_encoders)
        for part, tensor in module.tensors.items():
            if part == "up_bias":  # kohya's bias change is not multiplied by alpha / rank
                tensor = tensor * module.scale
            kept = tensor.detach().cpu()
            if dtype and kept.is_floating_point():
                kept = kept.to(getattr(torch, dtype))
            tensors[f"{prefix}.{_KOHYA_PARTS.get(part, part)}"] = kept.contiguous()
        if module.alpha is not None or module.rank:
            alpha = module.alpha if module.alpha is not None else float(module.rank or 0)
            tensors[f"{prefix}.alpha"] = torch.tensor(alpha, dtype=torch.float32)
    return safetensors_file.write(path, tensors, metadata)


def kohya_name(module: LoraModule, two_text_encoders: bool = False) -> str:
    """The module's prefix in a kohya file, for example `lora_te_text_model_encoder_layers_0_…`."""
    if module.spelling == "index":
        raise ValueError("a positional module must be resolved to a name first")
    name = module.name.replace(".", "_")
    if module.component == "unet":
        return f"lora_unet_{name}"
    # Newer text encoders have no `text_model` level; the file always does.
    if module.spelling == "dotted" and not name.startswith(("text_model_", "text_projection")):
        name = f"text_model_{name}"
    number = {"text_encoder": "1", "text_encoder_2": "2"}[module.component]
    return f"lora_te{number if two_text_encoders else ''}_{name}"
