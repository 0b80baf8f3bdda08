"""What settings are called where people read them.

Owns: the label of each key. Refuses to know: forms and reports, which show it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from pydantic.fields import FieldInfo

from studio.settings.base import Settings


def label_of(name: str, info: FieldInfo) -> str:
    """The label of one setting."""
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    return str(extra.get("label") or name.replace("_", " ").capitalize())


def labels_of(model: type[Settings], prefix: str = "") -> dict[str, str]:
    """Dotted key → label, of a settings class and those nested in it."""
    found: dict[str, str] = {}
    for name, info in model.model_fields.items():
        key, kind = prefix + name, info.annotation
        if isinstance(kind, type) and issubclass(kind, Settings):
            found |= labels_of(kind, f"{key}.")
        else:
            found[key] = label_of(name, info)
    return found if prefix else told_apart(found)


def told_apart(labels: Mapping[str, str]) -> dict[str, str]:
    """Equal labels get their section in front: “Every” → “Save every”, “Sample every”."""
    often = Counter(labels.values())
    return {
        key: f"{key.split('.')[-2]} {label}".capitalize()
        if often[label] > 1 and "." in key
        else label
        for key, label in labels.items()
    }
