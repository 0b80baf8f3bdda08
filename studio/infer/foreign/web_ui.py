"""A1111's web UI and all who write its block: Forge, SD.Next, Stability Matrix, savers, Fooocus.

Owns: which of them it was, and what of a block is not taken over. The block itself is read by
`studio.infer.infotext`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from studio.diffusion.samplers_by_name import sampler_of
from studio.infer import infotext
from studio.infer.foreign.record import Record
from studio.infer.infotext_passes import upscaler_of

# Key of a block (or how it begins) → what is left out.
_LEFT_OUT = {
    "ADetailer": "ADetailer", "ControlNet": "ControlNet",
    "Refiner": "a refiner", "Mask blur": "a mask", "AddNet": "Additional Networks", "Tiled Diffusion":
    "tiled diffusion", "freeu_": "FreeU", "Dynamic thresholding": "dynamic thresholding", "ENSD":
    "another noise for ancestral samplers (ENSD)", "Token merging": "token merging", "NGMS":
    "skipped negative guidance",
}  # fmt: skip
_NUMBERS = {"Steps": "steps", "CFG scale": "guidance", "Size": "width"}


def read(texts: Mapping[str, str]) -> Record | None:
    for place in (
        "parameters",
        "UserComment",
        "Description",
        "comment",
        "ImageDescription",
        "alpha channel",
    ):
        text = texts.get(place, "")
        block = infotext.parse(text)
        if block.pairs:
            return _read(text, block, texts)
    return None


def plain(texts: Mapping[str, str]) -> Record | None:
    """A text that is nothing but a prompt."""
    for place in ("parameters", "UserComment"):
        text = texts.get(place, "").strip()
        if text and not text.startswith(("{", "[", "<?")):
            record = Record("an unknown program")
            record.settings = infotext.read(text)
            record.note("It carries a prompt and no other settings.")
            return record
    return None


def _read(text: str, block: infotext.Block, texts: Mapping[str, str]) -> Record:
    record = Record(_program(block.pairs, texts), infotext.read(text))
    pairs = block.pairs
    for key, setting in _NUMBERS.items():
        if key in pairs and setting not in record.settings:
            record.note(f"{key} “{pairs[key][:40]}” is nothing the studio takes.")
    if pairs.get("Stack", "[]") != "[]" and "stack" not in record.settings:
        record.note("Its stack cannot be read: the files that it was generated with are left out.")
    if record.program == infotext.VERSION:
        return record
    name = pairs.get("Sampler", "")
    record.note(sampler_of(name, pairs.get("Schedule type", pairs.get("Scheduler", "")))[1])
    upscaler = pairs.get("Hires upscaler", "")
    if upscaler and not upscaler_of(upscaler):
        record.note(f"The upscaler “{upscaler[:40]}” is not here: Lanczos enlarges instead.")
    for start, said in _LEFT_OUT.items():
        if any(key.startswith(start) for key in pairs):
            record.note(f"It was generated with {said}, which is left out.")
    if "Denoising strength" in pairs and not any(key.startswith("Hires") for key in pairs):
        record.note("It was generated from another image, which is not in it.")
    record.seed(pairs.get("Seed"))
    return record


def _program(pairs: Mapping[str, str], texts: Mapping[str, str]) -> str:
    version, app = pairs.get("Version", ""), pairs.get("App", "")
    if version == infotext.VERSION:
        return infotext.VERSION
    if "SD.Next" in app or "vladmandic" in version:
        return "SD.Next"
    if "Fooocus" in version:
        return "Fooocus"
    if "ComfyUI" in version or {"prompt", "workflow"} & texts.keys():
        return "ComfyUI"
    if {"smproj", "parameters-json"} & texts.keys():
        return "Stability Matrix"
    if re.match(r"f\d|neo|classic|forge", version, re.IGNORECASE):
        return "Forge"
    if re.match(r"v?1\.\d", version):
        return "A1111's web UI"
    return version[:40] or "a program that writes A1111's block"
