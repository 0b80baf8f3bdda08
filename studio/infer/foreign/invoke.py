"""InvokeAI: `invokeai_metadata` (3 and later), `sd-metadata` (2), `Dream` (1): PNG chunks.

Weights are written behind words there, `(two words)1.3`, `word++`; here they become brackets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from studio.infer.foreign.record import Record
from studio.infer.foreign.tables import as_list, inner, table_in

_NAMES = {
    "positive_prompt": "prompt", "negative_prompt": "negative_prompt", "steps": "steps",
    "cfg_scale": "guidance", "seed": "seed", "clip_skip": "clip_skip",
}  # fmt: skip
_IMAGE = {"steps": "steps", "cfg_scale": "guidance", "seed": "seed"}
_FLAGS = {"s": "steps", "S": "seed", "C": "guidance", "f": "denoising_strength"}
_FLAG = re.compile(r"(?:^|\s)-([sSCWHAfv])\s*([^\s-]\S*)")
_DREAM = re.compile(r'\s*"(.*)"\s*(.*)', re.DOTALL)
_NEGATIVE = re.compile(r"\[([^\[\]]*)\]")
_NUMBERED = re.compile(
    r"(?<!\\)(\([^()]*\)|[^\W\d][\w']*)(?:(\d+\.\d+|(?<=\))\d+)|(\++|-+))(?=[\s,.;)]|\Z)"
)


def read(texts: Mapping[str, str]) -> Record | None:
    if facts := table_in(texts.get("invokeai_metadata", "")):
        return _present(facts)
    if facts := table_in(texts.get("sd-metadata", "")):
        return _second(facts)
    for key in ("Dream", "dream"):
        if found := _DREAM.fullmatch(texts.get(key, "")):
            return _dream(found[1], found[2])
    if "invokeai_graph" in texts or "invokeai_workflow" in texts or "invokeai" in texts:
        record = Record("InvokeAI")
        record.note("It carries only a graph of InvokeAI, which cannot be read.")
        return record
    return None


def _present(facts: dict[str, Any]) -> Record:
    record = Record("InvokeAI")
    record.take_all(facts, _NAMES)
    _weights(record)
    record.size(facts.get("width"), facts.get("height"))
    record.sampler(facts.get("scheduler"))
    record.model(facts.get("model"))
    vae = facts.get("vae")
    record.vae(vae.get("name") or vae.get("model_name") if isinstance(vae, dict) else vae)
    for entry in as_list(facts.get("loras")):
        if isinstance(entry, dict):
            file = entry.get("model") or entry.get("lora") or {}
            name = file.get("name") or file.get("model_name") if isinstance(file, dict) else file
            record.file(name, entry.get("weight", 1.0))
    for key, said in (
        ("controlnets", "ControlNet"), ("ipAdapters", "an IP adapter"), ("t2iAdapters", "a T2I adapter"),
        ("refiner_model", "a refiner"), ("hrf_enabled", "a second pass"),
    ):  # fmt: skip
        if facts.get(key):
            record.note(f"It was drawn with {said}, which is left out.")
    style = facts.get("positive_style_prompt")
    if style and style != facts.get("positive_prompt"):
        record.note("Its second prompt for SDXL is left out.")
    if facts.get("generation_mode") not in (None, "txt2img", "sdxl_txt2img"):
        record.note("It was drawn from another picture, which is not in it.")
        record.take("denoising_strength", facts.get("strength"))
    return record


def _second(facts: dict[str, Any]) -> Record:
    record = Record("InvokeAI")
    image = inner(facts, "image")
    prompt = image.get("prompt")
    if isinstance(prompt, list):
        texts = [str(one.get("prompt", "")) for one in prompt if isinstance(one, dict)]
        prompt = " ".join(texts)
        if len(texts) > 1:
            record.note("Its prompts with weights of their own have become one.")
    _both_prompts(record, str(prompt or ""))
    record.take_all(image, _IMAGE)
    record.size(image.get("width"), image.get("height"))
    record.sampler(image.get("sampler"))
    record.model(facts.get("model_weights"))
    if image.get("type") == "img2img":
        record.note("It was drawn from another picture, which is not in it.")
        record.take("denoising_strength", image.get("strength"))
    if image.get("variations"):
        record.note("Its variations are left out.")
    return record


def _dream(prompt: str, flags: str) -> Record:
    record = Record("InvokeAI")
    _both_prompts(record, prompt.replace('\\"', '"'))
    given = dict(_FLAG.findall(flags))
    record.take_all(given, {key: name for key, name in _FLAGS.items() if key != "f"})
    record.size(given.get("W"), given.get("H"))
    record.sampler(given.get("A"))
    if "f" in given:
        record.note("It was drawn from another picture, which is not in it.")
        record.take("denoising_strength", given["f"])
    return record


def _both_prompts(record: Record, prompt: str) -> None:
    """What must not be shown stands in square brackets there."""
    record.take("prompt", " ".join(_NEGATIVE.sub(" ", prompt).split()))
    record.take("negative_prompt", ", ".join(_NEGATIVE.findall(prompt)))
    _weights(record)


def _weights(record: Record) -> None:
    for name in ("prompt", "negative_prompt"):
        if text := record.settings.get(name):
            record.settings[name] = _NUMBERED.sub(_bracket, text)
            if re.search(r"\)\.(?:and|blend|swap)\(|\.swap\(", text):
                record.note("A blend or swap in its prompt means nothing here: it is text.")


def _bracket(found: re.Match[str]) -> str:
    words = found[1].removeprefix("(").removesuffix(")")
    if found[2]:
        return f"({words}:{found[2]})"
    factor = (1.1 if found[3][0] == "+" else 0.9) ** len(found[3])
    return f"({words}:{factor:.4g})"
