"""How a hypernetwork file is recognised: A1111's `.pt`, or the safetensors twin; torch-free.

Owns: that recognition. Refuses to know: its layers (`hypernetwork_layers`), reading it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studio.architectures import ARCHITECTURES
from studio.core.budget import check_text
from studio.core.text import parse_json
from studio.formats.file_report import FileReport, Outline, plain_texts
from studio.formats.hypernetwork_layers import OVER_THE_BATCH, acts, batch_warning, flag, refusal

TWIN_FORMAT = "hypernetwork"


def recognise(outline: Outline, report: FileReport) -> bool:
    """Whether it is one; then the report has dialect, family and what its activation means."""
    facts, value = outline.metadata, outline.value
    if facts.get("format") == TWIN_FORMAT and "hypernetwork" in facts:
        report.dialect = "safetensors"
        settings = _stated(facts["hypernetwork"])
        _activation(settings.get("activation"), settings, report)
        return True
    if not isinstance(value, dict) or isinstance(value.get("string_to_param"), dict):
        return False
    widths = {width_of(key, entry) for key, entry in value.items()} - {None}
    if not widths:
        return False
    report.dialect = "a1111"
    rows = ARCHITECTURES.values()
    report.family = next((row.name for row in rows if row.context_width in widths), None)
    report.metadata = plain_texts(value)
    _activation(value.get("activation_func"), value, report)
    return True


def width_of(key: Any, entry: Any) -> int | None:
    """The width whose networks stand under `key`; programs that keep their tables as JSON make a
    text of the number. None for a key that is a setting."""
    if type(key) is int:
        return key
    number = isinstance(key, str) and key.isascii() and key.isdecimal() and len(key) < 9
    pair = isinstance(entry, (tuple, list)) and all(isinstance(state, dict) for state in entry)
    return int(key) if number and pair else None


def _stated(settings: str) -> Mapping[Any, Any]:
    try:
        check_text(settings, values=10_000)
        stated = parse_json(settings)
    except ValueError:
        return {}
    return stated if isinstance(stated, dict) else {}


def _activation(name: Any, settings: Mapping[Any, Any], report: FileReport) -> None:
    structure = settings.get("layer_structure")
    places = structure if isinstance(structure, (list, tuple)) else (1, 2, 1)
    if name is None or not acts(places, flag(settings.get("activate_output"), True)):
        return
    if why := refusal(name):
        report.problems.append(why)
    elif name.lower() in OVER_THE_BATCH:
        report.notes.append(batch_warning(name))
