"""What an image's settings say of passes beyond the first: hires fix, masks, images to start from.

Owns: these keys, written and read. Refuses to know: the rest of the block. The keys are A1111's, with
its meanings: of hires fix `Denoising strength` is the second pass's, with an image it is the image's.
Ours are added where it has none: `Hires denoising strength`, where both are; `Resize mode`; `Inpaint
prompt` and `Inpaint stack`, of a pass inside a mask after another one; `Inpaint mask` and `Inpaint
image`, the names under which both are kept beside the image (`infer.inpaint_files`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, get_args

from studio.infer.infotext_stack import read_stack
from studio.settings.generation import Fit, GenerateSettings
from studio.settings.passes import HiresSettings, InpaintSettings, Upscaler

_KEPT = re.compile(r"(mask|image)-[0-9a-f]{24}\.png")
RESIZE: dict[Fit, str] = {
    "crop": "Crop and resize", "pad": "Resize and fill", "stretch": "Just resize",
}  # fmt: skip


def write_passes(
    settings: GenerateSettings, inside: str | None, kept: tuple[str, str] = ("", "")
) -> dict[str, Any]:
    """The pairs of `settings`; `inside` is the value of the masked pass's own stack, `kept` what the
    mask and its image are called where they are kept."""
    hires, inpaint, pairs = settings.hires, settings.inpaint, dict[str, Any]()
    if begins := bool(settings.image or inpaint.mask):
        pairs["Denoising strength"] = f"{settings.denoising_strength:g}"
    if settings.image and not inpaint.mask and settings.fit != "crop":
        pairs["Resize mode"] = RESIZE[settings.fit]
    if inpaint.mask:
        pairs["Mask blur"] = inpaint.blur
        if inpaint.area == "masked":
            pairs |= {"Inpaint area": "Only masked", "Masked area padding": inpaint.padding}
        pairs |= {"Inpaint prompt": inpaint.prompt or None, "Inpaint stack": inside}
        pairs |= {"Inpaint mask": kept[0] or None, "Inpaint image": kept[1] or None}
    if hires.upscale > 1:
        key = "Hires denoising strength" if begins else "Denoising strength"
        pairs |= {
            key: f"{hires.denoising_strength:g}",
            "Hires upscale": f"{hires.upscale:g}",
            "Hires steps": hires.steps or None,
            "Hires upscaler": hires.upscaler,
        }
    return pairs


def read_passes(pairs: Mapping[str, str]) -> dict[str, Any]:
    """Fields of `GenerateSettings`; what is out of range is left out."""
    found: dict[str, Any] = {
        "fit": next((fit for fit, name in RESIZE.items() if name == pairs.get("Resize mode")), None)
    }
    strength = number(pairs, "Denoising strength", float)
    second = number(pairs, "Hires denoising strength", float)
    if any(key.startswith("Hires") for key in pairs):
        own = second is None
        hires = {
            "upscale": number(pairs, "Hires upscale", float),
            "steps": number(pairs, "Hires steps", int),
            "upscaler": upscaler_of(pairs.get("Hires upscaler", "")),
            "denoising_strength": strength if own else second,
        }
        found["hires"] = _within(HiresSettings, hires)
        strength = None if own else strength
    found["denoising_strength"] = strength
    if "Mask blur" in pairs or "Inpaint area" in pairs:
        inpaint = {
            "area": "masked" if pairs.get("Inpaint area") == "Only masked" else "whole",
            "padding": number(pairs, "Masked area padding", int),
            "blur": number(pairs, "Mask blur", int),
            "prompt": pairs.get("Inpaint prompt"),
            "stack": read_stack(pairs.get("Inpaint stack", "")),
            "mask": _kept(pairs, "Inpaint mask"),
        }
        found["inpaint"] = _within(InpaintSettings, inpaint)
        found["image"] = _kept(pairs, "Inpaint image")
    return found


def _kept(pairs: Mapping[str, str], key: str) -> str | None:
    return pairs[key] if is_kept_name(pairs.get(key)) else None


def is_kept_name(text: object) -> bool:
    """Whether a word can be the name of a kept mask or image: nothing else is ever looked for."""
    return isinstance(text, str) and _KEPT.fullmatch(text) is not None


def upscaler_of(name: str) -> Upscaler | None:
    """The upscaler of this name; A1111's antialiased ones are their plain ones here. None for others."""
    plain = name.replace("bicubic antialiased", "bicubic").replace("nearest-exact", "nearest")
    plain = plain.replace(" (antialiased)", "")
    return next((known for known in get_args(Upscaler) if known == plain), None)


def number(pairs: Mapping[str, str], key: str, kind: type[int] | type[float]) -> Any:
    """The number at `key`, or None."""
    try:
        return kind(pairs[key])
    except (KeyError, ValueError):
        return None


def _within(
    kind: type[HiresSettings] | type[InpaintSettings], values: dict[str, Any]
) -> dict[str, Any]:
    """Those of `values` that their class takes, one by one."""
    found = {}
    for name, value in values.items():
        try:
            kind.model_validate({name: value} if value is not None else {})
        except ValueError:
            continue
        if value is not None:
            found[name] = value
    return found
