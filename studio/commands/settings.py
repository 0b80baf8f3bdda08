"""Settings as the command line sees them: their help, written from the classes themselves.

Owns: the text below the options in `--help`. Refuses to know: what a setting does.
"""

from __future__ import annotations

import textwrap
import types
import typing
from collections.abc import Iterator
from typing import Any, Literal

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from studio.methods import METHODS
from studio.settings.interval import Interval
from studio.settings.selection import SelectionSettings
from studio.settings.shootout import ShootoutSettings
from studio.settings.training import CompareSettings, GenerateSettings, RunConfig, Settings

CLASSES: dict[str, type[Settings]] = {
    "train": RunConfig,
    "generate": GenerateSettings,
    "compare": CompareSettings,
    "grid": GenerateSettings,  # of what is the same in every cell
}
WIDTH = 96
TYPES = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Interval: "steps, or text like 2 epochs, 10 minutes, never",
}


def help_text(command: str) -> str:
    """Every setting of `train`, `generate`, `compare` or `grid`: key, type, range, default, meaning."""
    lines = ["settings for --set KEY=VALUE (values as in TOML; plain text needs no quotes):"]
    lines += _section(CLASSES[command], "")
    if command == "compare":
        lines += ["", "settings with --checkpoints instead:", *_section(SelectionSettings, "")]
        lines += ["", "settings of a shootout, in FILE.toml:", *_section(ShootoutSettings, "")]
    if command == "train":
        for method in METHODS.values():
            lines += ["", f"options of the method {method.name} ({method.title}):"]
            lines += _section(method.Options, "options.")
    return "\n".join(lines)


def _section(cls: type[Settings], prefix: str) -> list[str]:
    lines: list[str] = []
    for key, field in _flat(cls, prefix):
        about = f"{_kind(field)}{_range(field)}{_default(field)}"
        lines.append(f"  {key}  [{about}]")
        text = (field.description or "") + ("" if not _extra(field, "advanced") else " (advanced)")
        lines += textwrap.wrap(text, WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)
    return lines


def _flat(cls: type[Settings], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in cls.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Settings):
            yield from _flat(inner, f"{prefix}{name}.")
        elif not (cls is RunConfig and name == "options"):  # listed per method instead
            yield prefix + name, field


def _kind(field: FieldInfo) -> str:
    return _spell(field.annotation) + (f", {unit}" if (unit := _extra(field, "unit")) else "")


def _spell(kind: Any) -> str:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return " | ".join(str(choice) for choice in inner)
    if origin in (typing.Union, types.UnionType):
        words = [_spell(part) for part in inner if part is not type(None)]
        return " or ".join(words) + (" or empty" if type(None) in inner else "")
    if origin is list:
        return f"list of {_spell(inner[0])}"
    if isinstance(kind, type) and issubclass(kind, Settings):
        return "{" + ", ".join(kind.model_fields) + "}"
    return TYPES.get(kind, "table")


def _range(field: FieldInfo) -> str:
    bounds = {
        name: getattr(rule, name)
        for rule in field.metadata
        for name in ("ge", "gt", "le", "lt")
        if getattr(rule, name, None) is not None
    }
    low = bounds.get("ge", bounds.get("gt"))
    high = bounds.get("le", bounds.get("lt"))
    if low is None and high is None:
        return ""
    if high is None:
        return f", {'above' if 'gt' in bounds else 'from'} {low:g}"
    return f", {'above ' if 'gt' in bounds else ''}{'' if low is None else f'{low:g}'}…{high:.10g}"


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return ", required"
    if value in (None, "", []):
        return ""
    if isinstance(value, bool):
        return f", default {str(value).lower()}"
    return f", default {value}"


def _extra(field: FieldInfo, name: str) -> Any:
    extra = field.json_schema_extra
    return extra.get(name) if isinstance(extra, dict) else None
