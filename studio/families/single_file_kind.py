"""Which architecture a one-file base is, and in plain words what any other file is instead.

Owns: the names and widths that tell a whole model from half a one and from what generates otherwise.
Refuses to know: torch, the numbers of the parts (`infer_config`), adapter files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from studio.architectures import ARCHITECTURES
from studio.architectures.foreign import FOREIGN
from studio.architectures.record import Architecture, inpainting_channels
from studio.core.counts import counted
from studio.formats import single_file_layout
from studio.formats.single_file_layout import UNET, VAE

Shapes = Mapping[str, tuple[int, ...]]
"""Name of a tensor → its shape."""

# (beginning of a name, what a file with such names is)
_NO_BASE = (
    ("model.diffusion_model.input_blocks.1.0.time_stack.", "a video model"),
    (
        "conditioner.embedders.0.model.",
        "an SDXL refiner, which finishes images; choose the SDXL base",
    ),
    ("noise_augmentor.", "an unCLIP model, which generates from images"),
    ("embedder.model.", "an unCLIP model, which generates from images"),
    ("control_model.", "a ControlNet"),
    ("controlnet_", "a ControlNet"),
    ("edm_", "an SDXL model with another kind of noise (EDM)"),
    ("down_blocks.", "the UNet of a diffusers folder alone; choose the whole folder"),
    ("text_model.", "a text encoder alone; choose the whole model"),
    ("cond_stage_model.roberta.", "a model with another text encoder (AltDiffusion)"),
)
_CHANNELS = {
    5: "a depth model", 7: "an upscaler", 8: "an editing model (InstructPix2Pix)",
}  # fmt: skip


class NotABase(Exception):
    """Why a file is no base the studio can load, as one plain sentence."""


class Unfamiliar(NotABase):
    """The names of its tensors say nothing: another room may know the file."""


def architecture(shapes: Shapes) -> Architecture:
    """The architecture of a whole model in one file; raises NotABase for anything else."""
    first = f"{UNET}input_blocks.0.0.weight"
    foreign = [(start, f"a {row.title} model") for row in FOREIGN for start in row.single_file]
    for start, what in (*foreign, *_NO_BASE):
        if any(name.startswith(start) for name in shapes):
            raise NotABase(f"It is {what}.")
    if first not in shapes:
        raise _without_unet(shapes)
    channels = shapes[first][1] if len(shapes[first]) == 4 else 0
    if channels not in (4, inpainting_channels(4)):
        what = _CHANNELS.get(channels, f"a model with {counted(channels, 'input channel')}")
        raise NotABase(f"It is {what}; the studio generates from text, and inpaints.")
    for row in ARCHITECTURES.values():
        for sign, what in row.distilled.items():
            if sign in shapes:
                raise NotABase(f"It is {what}.")
    kind = single_file_layout.architecture_of(shapes)
    if kind is None:
        raise NotABase("It holds a UNet without a text encoder; choose a whole model.")
    if not any(name.startswith(VAE) for name in shapes):
        raise NotABase("It holds no VAE, which turns latents into images; choose a whole model.")
    return kind


def _without_unet(shapes: Shapes) -> NotABase:
    if any("lora_" in name or ".lora" in name for name in shapes):
        return NotABase("It is a LoRA, not a base model: put it on the stack.")
    if any(re.match(r"(first_stage_model\.)?(encoder|decoder)\.conv_in\.", n) for n in shapes):
        return NotABase("It is a VAE, not a whole model: it can be chosen as VAE when generating.")
    held = counted(len(shapes), "tensor")
    return Unfamiliar(f"It holds {held} and is no Stable Diffusion model.")
