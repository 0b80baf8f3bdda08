"""SwarmUI (and StableSwarmUI): JSON with `sui_image_params`, in `parameters` or in EXIF."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studio.infer.foreign.record import Record
from studio.infer.foreign.tables import as_list, inner, table_in

_NAMES = {
    "prompt": "prompt", "negativeprompt": "negative_prompt", "steps": "steps", "cfgscale": "guidance",
    "seed": "seed", "variationseed": "variation_seed", "variationseedstrength": "variation_strength",
}  # fmt: skip
_LEFT_OUT = {
    "refinermodel": "a refiner", "refinermethod": "a refining pass", "controlnetmodel":
    "ControlNet", "videomodel": "a video model", "regionalobjectcleanupfactor": "regional prompts",
}  # fmt: skip


def read(texts: Mapping[str, str]) -> Record | None:
    for place in ("parameters", "UserComment", "Model"):
        facts = inner(table_in(texts.get(place, "")), "sui_image_params")
        if facts:
            break
    else:
        return None
    record = Record("SwarmUI")
    record.take_all(facts, _NAMES)
    record.size(facts.get("width"), facts.get("height"))
    sampler = facts.get("sampler") or facts.get("comfyuisampler") or facts.get("comfysampler")
    record.sampler(sampler, facts.get("scheduler") or facts.get("comfyuischeduler"))
    record.model(facts.get("model"))
    record.vae(facts.get("vae"))
    if (layer := str(facts.get("clipstopatlayer") or "")).startswith("-") and layer[1:].isdecimal():
        record.take("clip_skip", int(layer[1:]) - 1)
    weights, text = _list(facts.get("loraweights")), _list(facts.get("loratencweights"))
    for k, name in enumerate(_list(facts.get("loras"))):
        weight = weights[k] if k < len(weights) else 1.0
        record.file(name, weight, text[k] if k < len(text) else None)
    for key, said in _LEFT_OUT.items():
        if facts.get(key):
            record.note(f"It was drawn with {said}, which is left out.")
    if facts.get("initimage"):
        record.note("It was drawn from another picture, which is not in it.")
        record.take("denoising_strength", facts.get("initimagecreativity"))
    return record


def _list(value: Any) -> list[Any]:
    """A list, also where older versions wrote it as text with commas."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return as_list(value)
