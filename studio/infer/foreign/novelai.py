"""NovelAI: PNG chunks `Software`, `Description`, `Comment` (JSON), or the same as one JSON in EXIF
or in the alpha channel, where it survives programs that drop the rest.

`{a}` counts ×1.05 and `[a]` ÷1.05 there, `1.5::a ::` ×1.5; here they become `(a:1.05)`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from studio.infer.foreign.record import Record
from studio.infer.foreign.tables import table_in

_NUMBERED = re.compile(r"(-?\d+(?:\.\d+)?)::(.*?)(?:::|\Z)", re.DOTALL)
_STEP = 1.05
_NAMES = {
    "steps": "steps", "scale": "guidance", "seed": "seed", "strength": "denoising_strength",
}  # fmt: skip


def read(texts: Mapping[str, str]) -> Record | None:
    outer: Mapping[str, Any] = texts
    for place in ("UserComment", "alpha channel"):
        inner = table_in(texts.get(place, ""))
        if inner.get("Software") == "NovelAI" or "Comment" in inner:
            outer = inner
    if outer.get("Software") != "NovelAI" and "NovelAI" not in str(outer.get("Source", "")):
        return None
    comment = outer.get("Comment")
    facts = comment if isinstance(comment, dict) else table_in(str(comment or ""))
    record = Record("NovelAI")
    if not facts:
        record.take("prompt", weights(str(outer.get("Description", ""))))
        return record
    prompt, characters = _caption(facts.get("v4_prompt"))
    unwanted, _ = _caption(facts.get("v4_negative_prompt"))
    record.take(
        "prompt", weights(str(facts.get("prompt") or prompt or outer.get("Description", "")))
    )
    record.take("negative_prompt", weights(str(facts.get("uc") or unwanted)))
    if characters:
        record.settings["prompt"] = ", ".join(
            [record.settings.get("prompt", ""), *map(weights, characters)]
        )
        record.note("Its characters have their own places there; here they are part of the prompt.")
    record.take_all(facts, {key: name for key, name in _NAMES.items() if key != "strength"})
    record.size(facts.get("width"), facts.get("height"))
    record.sampler(facts.get("sampler"), facts.get("noise_schedule"))
    for key, said in (
        ("sm", "SMEA"), ("dynamic_thresholding", "dynamic thresholding"), ("cfg_rescale", "CFG rescale"),
    ):  # fmt: skip
        if facts.get(key):
            record.note(f"It was drawn with {said}, which is not here.")
    if facts.get("request_type") not in (None, "PromptGenerateRequest"):
        record.note("It was drawn from another picture, which is not in it.")
    record.note(f"NovelAI's model ({outer.get('Source') or 'its own'}) is not to be had.")
    return record


def _caption(table: Any) -> tuple[str, list[str]]:
    """Text and the characters' texts of a prompt of version 4."""
    caption = table.get("caption") if isinstance(table, dict) else None
    if not isinstance(caption, dict):
        return "", []
    found = caption.get("char_captions")
    entries = (
        [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
    )
    texts = [str(entry.get("char_caption") or "") for entry in entries]
    return str(caption.get("base_caption") or ""), [text for text in texts if text]


def weights(prompt: str) -> str:
    """Their emphasis in our brackets; what is not closed is text."""
    plain = re.sub(r"([()])", r"\\\1", prompt)
    plain = _NUMBERED.sub(lambda found: f"({found[2]}:{found[1]})", plain)
    for opening, closing, factor in (("{", "}", _STEP), ("[", "]", 1 / _STEP)):
        plain = _nested(plain, opening, closing, factor)
    return plain


def _nested(text: str, opening: str, closing: str, factor: float) -> str:
    """`{{a}}` → `(a:1.1025)`: runs of brackets around the same words become one number."""
    run = re.compile(
        rf"({re.escape(opening)}+)([^{re.escape(opening + closing)}]*)({re.escape(closing)}+)"
    )

    def one(found: re.Match[str]) -> str:
        depth = min(len(found[1]), len(found[3]))
        before, after = found[1][depth:], found[3][depth:]
        return f"{before}({found[2]}:{factor**depth:.4g}){after}"

    return run.sub(one, text)
