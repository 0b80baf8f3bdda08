"""The LoRA file of a base, as training ships it: kohya's names, in half precision, with metadata.

Owns: which names the layers of a base have in such a file. Refuses to know: training, how names of
parts are spelled (`studio.formats.lora_write`).

For SDXL kohya's scripts and web UIs know a layer by the name of the original code
(`lora_unet_input_blocks_4_1_…`); for SD 1.x and 2.x by diffusers' (`lora_unet_down_blocks_…`).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from studio.formats import lora_write, metadata, safetensors_file
from studio.formats.ldm_names import UNetLayout

if TYPE_CHECKING:
    from studio.families.base import Base
    from studio.formats.lora_module import LoraModule
    from studio.formats.metadata import Facts


def write(
    path: str | Path, base: Base, modules: Iterable[LoraModule], facts: Facts | None = None
) -> Path:
    """Writes `modules`, which have dotted names of layers of `base`; errors of `kohya_tensors`."""
    kind = base.architecture
    original = (
        UNetLayout.from_config(base.denoiser.config) if kind.denoiser.original_names else None
    )
    tensors = lora_write.kohya_tensors(modules, kind.kohya_prefixes, original)
    return safetensors_file.write(path, tensors, metadata.build(facts, tensors) if facts else {})
