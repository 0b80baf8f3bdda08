"""Forms made from the settings classes: every label, range and help text comes from there.

Owns: fields → Gradio inputs, inputs → nested values, and the error that names the field.
Refuses to know: what is done with the values, and which tab shows them.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import annotated_types
import gradio as gr

from studio.core.errors import SettingsError
from studio.core.text import lines
from studio.settings.interval import Interval
from studio.settings.labels import label_of, told_apart
from studio.settings.training import Settings

UNLIMITED = 10_000  # an upper bound from here on is a guard, not something to tell people


@dataclass(frozen=True)
class Field:
    """One setting as a form shows it. `key` is dotted: `train.learning_rate`."""

    key: str
    label: str
    help: str
    kind: Literal["text", "lines", "whole", "number", "switch", "choice"]
    default: Any
    unit: str | None = None
    low: float | None = None
    high: float | None = None
    choices: tuple[Any, ...] = ()
    advanced: bool = False
    multiline: bool = False
    optional: bool = False
    blank: bool = False
    """Whether its input shows a 0 as nothing: it stands for what is usual."""
    applies: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """(key of another field, values of it), any of which gives this one an effect; none: always."""

    @property
    def section(self) -> str:
        """The part of the settings it belongs to; empty at the top."""
        return self.key.rpartition(".")[0]

    @property
    def element(self) -> str:
        """The id of its element in the page."""
        return "cs-field-" + self.key.replace(".", "-")

    def hint(self) -> str:
        """Help, and the range where there is one."""
        if self.kind not in ("whole", "number"):
            return self.help
        low = None if self.low is None else f"{self.low:,g}"
        high = None if self.high is None or self.high >= UNLIMITED else f"{self.high:,g}"
        if self.low == 0 and high is None:  # that it is not negative goes without saying
            low = None
        bounds = f"{low} to {high}" if low and high else f"at least {low}" if low else ""
        return f"{self.help} ({bounds})" if bounds else self.help


def fields_of(model: type[Settings], prefix: str = "", skip: Collection[str] = ()) -> list[Field]:
    """Every field of a settings class, nested classes included, in their written order."""
    found: list[Field] = []
    for name, info in model.model_fields.items():
        key = prefix + name
        if key in skip:
            continue
        annotation = info.annotation
        if isinstance(annotation, type) and issubclass(annotation, Settings):
            found += fields_of(annotation, key + ".", skip)
            continue
        kind, choices, optional = _kind(annotation)
        if kind is None:
            continue
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        low = high = None
        for limit in info.metadata:
            if isinstance(limit, annotated_types.Ge | annotated_types.Gt):
                low = float(str(getattr(limit, "ge", getattr(limit, "gt", None))))
            if isinstance(limit, annotated_types.Le | annotated_types.Lt):
                high = float(str(getattr(limit, "le", getattr(limit, "lt", None))))
        found.append(
            Field(
                key=key,
                label=label_of(name, info),
                help=info.description or "",
                kind=kind,
                default=_default(info),
                unit=typing.cast("str | None", extra.get("unit")),
                low=low,
                high=high,
                choices=choices,
                advanced=bool(extra.get("advanced")),
                multiline=bool(extra.get("multiline")),
                optional=optional,
                applies=_applies(extra.get("applies"), prefix),
            )
        )
    return found


def _default(info: Any) -> Any:
    value = None if info.is_required() else info.get_default(call_default_factory=True)
    return str(value) if isinstance(value, Interval) else value


def _applies(text: Any, prefix: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """`"loss.type=huber|l1"` → (key, values) of each part; `options.` means this form's own options."""
    found = []
    for part in filter(None, str(text or "").split(" or ")):
        key, _, values = part.partition("=")
        if key.startswith("options."):
            key = prefix + key.removeprefix("options.")
        found.append((key, tuple(values.split("|"))))
    return tuple(found)


def _kind(annotation: Any) -> tuple[Any, tuple[Any, ...], bool]:
    """(kind or None when a form cannot show it, choices, may be empty)."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        inner = [a for a in typing.get_args(annotation) if a is not type(None)]
        kind, choices, _ = _kind(inner[0]) if len(inner) == 1 else (None, (), False)
        return kind, choices, True
    if typing.get_origin(annotation) is Literal:
        return "choice", typing.get_args(annotation), False
    if annotation == list[str]:
        return "lines", (), False
    simple = {bool: "switch", int: "whole", float: "number", str: "text", Interval: "text"}
    return simple.get(annotation), (), False


class Form:
    """The inputs of one settings class. Call `show` inside a layout, as often as it has parts."""

    def __init__(
        self,
        model: type[Settings],
        prefix: str = "",
        skip: Collection[str] = (),
        blank: Collection[str] = (),
    ) -> None:
        found = fields_of(model, prefix, skip)
        labels = told_apart({item.key: item.label for item in found})
        self.fields = [
            replace(item, label=labels[item.key], blank=item.key in blank) for item in found
        ]
        self.prefix = prefix
        self.components: dict[str, gr.components.Component] = {}

    def show(
        self,
        *,
        advanced: bool,
        sections: Collection[str] | None = None,
        keys: Collection[str] | None = None,
    ) -> None:
        """Makes the inputs of one kind (of some sections, or some keys) here, in two columns."""
        waiting = [
            f
            for f in self.fields
            if f.advanced == advanced
            and f.key not in self.components
            and (sections is None or f.section in sections)
            and (keys is None or f.key in keys)
        ]
        if waiting:
            with gr.Column(elem_classes=["cs-field-grid"]):
                for item in waiting:
                    self.components[item.key] = _input(item)

    def sections(self, *, advanced: bool) -> list[str]:
        """Sections that have fields of this kind, in order."""
        return list(dict.fromkeys(f.section for f in self.fields if f.advanced == advanced))

    @property
    def inputs(self) -> list[gr.components.Component]:
        """The inputs in the order `values` and `updates` use."""
        return [self.components[f.key] for f in self.fields if f.key in self.components]

    @property
    def shown(self) -> list[Field]:
        """Fields whose inputs exist."""
        return [f for f in self.fields if f.key in self.components]

    def values(self, arguments: Sequence[Any], *, whole: bool = True) -> dict[str, Any]:
        """What the inputs hold → nested values (below `prefix`, if there is one) to be parsed. What
        is empty and must not be is refused; without `whole` it is left out."""
        result: dict[str, Any] = {}
        for item, value in zip(self.shown, arguments, strict=True):
            value = _plain(item, value)
            if value is None and not item.optional:
                if whole:
                    raise _empty(item)
                continue
            target = result
            *parents, last = item.key.removeprefix(self.prefix).split(".")
            for parent in parents:
                target = target.setdefault(parent, {})
            target[last] = value
        return result

    def updates(self, values: dict[str, Any]) -> list[Any]:
        """New contents for every input from nested values (defaults where they say nothing)."""
        contents = []
        for item in self.shown:
            value: Any = values
            for part in item.key.removeprefix(self.prefix).split("."):
                value = value.get(part, ...) if isinstance(value, dict) else ...
            value = item.default if value is ... else value
            as_lines = isinstance(value, list) and isinstance(self.components[item.key], gr.Textbox)
            contents.append("\n".join(value) if as_lines else _shown(item, value))
        return contents

    def begin_with(self, values: dict[str, Any]) -> None:
        """What the inputs hold when the page is opened, from nested values."""
        for one, content in zip(self.inputs, self.updates(values), strict=True):
            _begin_with(one, content)

    def named(self, error: SettingsError) -> SettingsError:
        """The same error with the form's labels where it names keys, at its own fields' keys."""
        own = {item.key.removeprefix(self.prefix): item.key for item in self.fields}
        problems = {own.get(key, key): self._told(text) for key, text in error.problems.items()}
        return SettingsError(
            self._told(error.what),
            where=error.where,
            why=error.why,
            remedy=error.remedy,
            safe=error.safe,
        ).at(problems)

    def _told(self, text: str) -> str:
        for item in sorted(self.fields, key=lambda f: -len(f.key)):
            key = item.key.removeprefix(self.prefix)
            text = text.replace(f"“{key}”", f"“{item.label}” ({key})")
        return text


def _empty(item: Field) -> SettingsError:
    usual = None if item.default is None else f"Its default is {item.default!r}."
    error = SettingsError(f"“{item.label}” is empty", where=item.key, remedy=usual or "Fill it in.")
    return error.at({item.key: error.sentence()})


def _wide(item: Field) -> bool:
    return item.kind == "lines" or item.multiline or item.key in ("name", "author")


def _input(item: Field) -> gr.components.Component:
    label = f"{item.label} ({item.unit})" if item.unit else item.label
    common: dict[str, Any] = {
        "label": label,
        "info": item.hint(),
        "elem_id": item.element,
        "elem_classes": ["cs-field", "cs-wide"] if _wide(item) else ["cs-field"],
        "min_width": 100,
        "interactive": True,
    }
    if item.kind == "switch":
        return gr.Checkbox(value=item.default, **common)
    if item.kind == "choice":
        return gr.Dropdown(choices=list(item.choices), value=item.default, **common)
    if item.kind in ("whole", "number"):
        return _begin_with(gr.Number(**common), _shown(item, item.default))
    value = "\n".join(item.default) if isinstance(item.default, list) else item.default
    lines = 3 if item.kind == "lines" or item.multiline else 1
    return gr.Textbox(value=value, lines=lines, max_lines=8, **common)


def _begin_with(one: gr.components.Component, content: Any) -> gr.components.Component:
    """What an input holds when the page is opened. Gradio does not send a None to the page, which then
    shows a number's 0; an empty text leaves the field empty."""
    one.value = "" if content is None and isinstance(one, gr.Number) else content
    return one


def _shown(item: Field, value: Any) -> Any:
    return None if item.blank and value == 0 else value


def _plain(item: Field, value: Any) -> Any:
    if item.blank and value in (None, ""):
        return 0
    if item.kind == "lines" and isinstance(value, list):  # of a list one chooses from
        return value
    if item.kind == "lines":
        return [line.strip() for line in lines(str(value or "")) if line.strip()]
    if item.kind == "text":
        return str(value or "") if not item.optional else (value or None)
    if item.kind == "whole" and isinstance(value, float) and value.is_integer():
        return int(value)
    return None if value == "" else value
