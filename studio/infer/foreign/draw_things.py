"""Draw Things: JSON in the UserComment of an XMP packet."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

from studio.infer.foreign.record import Record
from studio.infer.foreign.tables import as_list, table_in

_COMMENT = re.compile(r"<exif:UserComment>.*?<rdf:li[^>]*>(.*?)</rdf:li>", re.DOTALL)
_NAMES = {
    "c": "prompt", "uc": "negative_prompt", "steps": "steps", "scale": "guidance", "seed": "seed",
}  # fmt: skip


def read(texts: Mapping[str, str]) -> Record | None:
    comment = _COMMENT.search(texts.get("XMP", ""))
    facts = table_in(html.unescape(comment[1])) if comment else {}
    if not {"c", "sampler"} <= facts.keys():
        return None
    record = Record("Draw Things")
    record.take_all(facts, _NAMES)
    if size := re.fullmatch(r"(\d+)x(\d+)", str(facts.get("size") or "")):
        record.size(size[1], size[2])
    record.sampler(facts.get("sampler"))
    record.model(facts.get("model"))
    for entry in as_list(facts.get("lora")):
        if isinstance(entry, dict):
            record.file(entry.get("model"), entry.get("weight", 1.0))
    if facts.get("strength") not in (None, 1, 1.0):
        record.note("It was drawn from another picture, which is not in it.")
        record.take("denoising_strength", facts["strength"])
    return record
