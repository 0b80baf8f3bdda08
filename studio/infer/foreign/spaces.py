"""Programs that write diffusers' own names: Hugging Face spaces, Easy Diffusion; and unknown JSON.

One table of JSON in any text, or one PNG chunk per setting.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from studio.infer.foreign.record import Record
from studio.infer.foreign.tables import table_in

_NAMES = {
    "prompt": "prompt", "positive_prompt": "prompt", "positive": "prompt", "negative_prompt":
    "negative_prompt", "negativeprompt": "negative_prompt", "negative": "negative_prompt",
    "num_inference_steps": "steps", "steps": "steps", "guidance_scale": "guidance", "cfg_scale":
    "guidance", "cfgscale": "guidance", "cfg": "guidance", "seed": "seed", "width": "width", "height":
    "height",
}  # fmt: skip
_OWN = {"num_inference_steps", "guidance_scale"}


def read(texts: Mapping[str, str]) -> Record | None:
    tables = [table_in(text) for key, text in texts.items() if key not in ("workflow", "XMP")]
    for table in (*tables, texts):
        facts = {re.sub(r"[\s-]", "_", key.lower()): value for key, value in table.items()}
        if "prompt" in facts and (_OWN & facts.keys() or "use_stable_diffusion_model" in facts):
            return _read(facts)
    return None


def guess(texts: Mapping[str, str]) -> Record | None:
    """JSON of nobody we know, with a prompt among the names that everybody uses."""
    for text in texts.values():
        facts = {key.lower(): value for key, value in table_in(text).items()}
        if isinstance(facts.get("prompt") or facts.get("positive_prompt"), str):
            record = _read(facts)
            record.program = "an unknown program"
            return record
    return None


def _read(facts: Mapping[str, Any]) -> Record:
    easy = "use_stable_diffusion_model" in facts
    record = Record("Easy Diffusion" if easy else "a Hugging Face space")
    record.take_all(facts, _NAMES)
    if size := re.fullmatch(r"(\d+)\s*[x×]\s*(\d+)", str(facts.get("resolution") or "")):
        record.size(size[1], size[2])
    record.sampler(facts.get("sampler") or facts.get("sampler_name") or facts.get("scheduler"))
    model = facts.get("use_stable_diffusion_model") or facts.get("model")
    record.model(model.get("Model") if isinstance(model, dict) and "Model" in model else model)
    record.vae(facts.get("use_vae_model"))
    names, weights = facts.get("use_lora_model"), facts.get("lora_alpha")
    for place, name in enumerate(names if isinstance(names, list) else [names]):
        weight = weights[place] if isinstance(weights, list) and place < len(weights) else weights
        record.file(name, 1.0 if isinstance(weight, list) else weight)
    if facts.get("use_upscaler"):
        record.note("It was upscaled, which is left out.")
    if facts.get("init_image") or facts.get("prompt_strength"):
        record.note("It was generated from another image, which is not in it.")
    return record
