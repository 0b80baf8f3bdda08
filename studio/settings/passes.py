"""Settings of a second pass: at a larger size, or inside a mask.

Owns: these classes. Refuses to know: torch, files, the first pass.
"""

from __future__ import annotations

from typing import Literal

from studio.settings.base import Settings, setting
from studio.settings.stack import StackItem

Area = Literal["masked", "whole"]
Upscaler = Literal["Latent", "Latent (nearest)", "Latent (bicubic)", "Lanczos"]


class InpaintSettings(Settings):
    """What is inpainted inside a mask, and how; outside of it every pixel stays as it is."""

    mask: str = setting(
        "", "Image as large as the other one: what is white is inpainted, what is black stays. Without "
        "an image to start from it is a second pass on what was just generated.",
        label="Mask", advanced=True,
    )  # fmt: skip
    area: Area = setting(
        "masked", "masked: the mask and its surroundings are cut out, inpainted at the width and height "
        "(the base's own unless they are set) and put back; whole: the same with the whole image.",
        label="Inpaint area", advanced=True,
    )  # fmt: skip
    padding: int = setting(
        32, "How much of the surroundings is cut out with the mask.", label="Masked area padding",
        unit="px", ge=0, le=1024, advanced=True, applies="inpaint.area=masked",
    )  # fmt: skip
    blur: int = setting(
        4, "Width of the soft edge, inside the mask.", label="Mask blur", unit="px", ge=0, le=64,
        advanced=True,
    )  # fmt: skip
    prompt: str = setting(
        "", "What to generate inside the mask; empty takes the prompt.", label="Prompt in the mask",
        multiline=True, advanced=True,
    )  # fmt: skip
    stack: list[StackItem] | None = setting(
        None, "Adapter files that act inside the mask alone; empty takes the stack.", advanced=True
    )


class HiresSettings(Settings):
    """Hires fix: the image is enlarged and goes through a second pass."""

    upscale: float = setting(
        1.0, "Hires fix: a second pass at this many times the size; 1 leaves it out. An image with a "
        "mask has none.", label="Hires upscale", unit="×", ge=1, le=4, advanced=True,
    )  # fmt: skip
    upscaler: Upscaler = setting(
        "Lanczos", "How the image is enlarged: Lanczos works on pixels; Latent (bilinear unless it says "
        "otherwise) works on latents and needs a denoising strength of 0.5 or more.",
        label="Hires upscaler", advanced=True,
    )  # fmt: skip
    steps: int = setting(
        0, "Steps taken in the second pass; 0 takes as many as the first.", label="Hires steps",
        ge=0, le=150, advanced=True,
    )  # fmt: skip
    denoising_strength: float = setting(
        0.4, "How much the second pass changes: 0 only enlarges.", label="Hires denoising strength",
        ge=0, le=1, advanced=True,
    )  # fmt: skip
