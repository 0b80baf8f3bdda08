"""Fooocus (its own scheme; its other one is A1111's) and RuinedFooocus: JSON in `parameters` or EXIF.

Fooocus' older forks keep theirs in a chunk `Comment`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from studio.infer.foreign.record import Record
from studio.infer.foreign.tables import table_in

_NAMES = {
    "prompt": "prompt", "Prompt": "prompt", "negative_prompt": "negative_prompt", "Negative":
    "negative_prompt", "steps": "steps", "guidance_scale": "guidance", "cfg": "guidance", "seed":
    "seed", "width": "width", "height": "height",
}  # fmt: skip
_MARKS = ("metadata_scheme", "adm_guidance", "base_model", "base_model_name", "prompt_expansion")
_PAIR = re.compile(r"<([^<>]+):(-?[\d.]+)>")
_WEIGHTED = re.compile(r"(-?\d+(?:\.\d+)?) - (.+)")


def read(texts: Mapping[str, str]) -> Record | None:
    for place in ("parameters", "UserComment", "Comment"):
        facts = table_in(texts.get(place, ""))
        if program := _program(facts, texts):
            break
    else:
        return None
    record = Record(program)
    record.take_all(facts, _NAMES)
    if size := re.search(r"(\d+)\D+(\d+)", str(facts.get("resolution") or "")):
        record.size(size[1], size[2])
    skip = facts.get("clip_skip")
    if isinstance(skip, int) and skip > 0:
        record.take("clip_skip", skip - 1)
    record.sampler(facts.get("sampler") or facts.get("sampler_name"), facts.get("scheduler"))
    record.model(facts.get("base_model") or facts.get("base_model_name"))
    record.vae(facts.get("vae"))
    _loras(record, facts)
    styles = facts.get("styles")
    if styles and styles not in ("[]", "None"):
        names = ", ".join(re.findall(r"'([^']+)'", styles)) if isinstance(styles, str) else styles
        said = names if isinstance(names, str) else ", ".join(map(str, names))
        record.note(f"Its styles ({said[:200]}) added words to the prompt that are not in it.")
    if str(facts.get("refiner_model") or facts.get("refiner_model_name") or "None") != "None":
        record.note("It was generated with a refiner, which is left out.")
    for key, said in (("sharpness", "sharpness"), ("adm_guidance", "ADM guidance")):
        if facts.get(key):
            record.note(f"Its {said} is not here.")
    return record


def _program(facts: dict[str, Any], texts: Mapping[str, str]) -> str:
    software = str(facts.get("software") or "")
    if "RuinedFooocus" in software:
        return "RuinedFooocus"
    known = sum(mark in facts for mark in _MARKS)
    version = str(facts.get("version") or texts.get("Software", ""))
    if "prompt" in facts and (known > 1 or "fooocus" in (version + software).lower()):
        return "Fooocus"
    return ""


def _loras(record: Record, facts: dict[str, Any]) -> None:
    """`[[name, weight, hash]]`; `[[hash, "0.5 - name"]]`; `Loras:<name:0.5>`; `lora_combined_1`."""
    found = facts.get("loras")
    if isinstance(found, str):
        for name, weight in _PAIR.findall(found):
            record.file(name, weight)
    for entry in found if isinstance(found, list) else []:
        if not isinstance(entry, list) or len(entry) < 2:
            continue
        if isinstance(entry[1], str) and (both := _WEIGHTED.fullmatch(entry[1])):
            record.file(both[2], both[1])
        else:
            record.file(entry[0], entry[1])
    for key, value in facts.items():
        if key.startswith("lora_combined_") and isinstance(value, str):
            name, _, weight = value.rpartition(" : ")
            record.file(name, weight)
