"""How a hypernetwork file is recognised: A1111's `.pt`, or the safetensors twin; torch-free.

Owns: that recognition. Refuses to know: its layers (`hypernetwork_layers`), reading it.
"""

from __future__ import annotations

from typing import Any

from studio.architectures import ARCHITECTURES
from studio.core.budget import check_text
from studio.core.text import parse_json
from studio.formats.file_report import FileReport, Outline, plain_texts
from studio.formats.hypernetwork_layers import OVER_THE_BATCH, batch_warning, refusal

TWIN_FORMAT = "hypernetwork"


def recognise(outline: Outline, report: FileReport) -> bool:
    """Whether it is one; then the report has dialect, family and what its activation means."""
    facts, value = outline.metadata, outline.value
    if facts.get("format") == TWIN_FORMAT and "hypernetwork" in facts:
        report.dialect = "safetensors"
        _activation(_stated_activation(facts["hypernetwork"]), report)
        return True
    if not isinstance(value, dict) or isinstance(value.get("string_to_param"), dict):
        return False
    if not any(type(key) is int for key in value):
        return False
    report.dialect = "a1111"
    rows = ARCHITECTURES.values()
    report.family = next((row.name for row in rows if row.context_width in value), None)
    report.metadata = plain_texts(value)
    _activation(value.get("activation_func"), report)
    return True


def _stated_activation(settings: str) -> Any:
    try:
        check_text(settings, values=10_000)
        stated = parse_json(settings)
    except ValueError:
        return None
    return stated.get("activation") if isinstance(stated, dict) else None


def _activation(name: Any, report: FileReport) -> None:
    if not isinstance(name, str):
        return
    if why := refusal(name):
        report.problems.append(why)
    elif name.lower() in OVER_THE_BATCH:
        report.notes.append(batch_warning(name))
