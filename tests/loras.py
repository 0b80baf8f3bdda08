"""LoRA files for tests, put together by the writer that ships."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from studio.formats import lora_write, safetensors_file
from studio.formats.lora import LoraModule

ONE = {"unet": "lora_unet", "text_encoder": "lora_te"}
TWO = {"unet": "lora_unet", "text_encoder": "lora_te1", "text_encoder_2": "lora_te2"}


def write_lora(
    path: str | Path, modules: Iterable[LoraModule], metadata: Mapping[str, str] | None = None
) -> Path:
    """A kohya file of no base in particular; encoders get numbers where there are two."""
    modules = list(modules)
    two = any(module.component == "text_encoder_2" for module in modules)
    tensors = lora_write.kohya_tensors(modules, TWO if two else ONE)
    return safetensors_file.write(path, tensors, metadata)
