"""What every settings class is made of: one declaration per setting, strict parsing, plain errors.

Owns: `Settings`, `setting`, `key=value` assignments, the error that names the nearest right key,
and which settings have no effect beside others.
Refuses to know: which settings there are (`studio.settings.training`, `studio.methods`).
"""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticUndefined

from studio.core.budget import shown
from studio.core.errors import SettingsError
from studio.core.record import Table
from studio.core.text import TextError, parse_toml


def setting(
    default: Any = PydanticUndefined,
    help: str = "",
    *,
    label: str | None = None,
    unit: str | None = None,
    advanced: bool = False,
    multiline: bool = False,
    applies: str | None = None,
    was: str | None = None,
    **constraints: Any,
) -> Any:
    """One setting. `constraints` are pydantic's (`ge`, `le`, `gt`, `min_length`, `default_factory`).

    `applies` says beside which values of another setting this one has an effect:
    `loss.type=huber|smooth-l1` (keys from the top of the run, values as they are written; `*` is
    anything but 0; `or` between several such). `was` is its name in older presets, runs and files,
    which is still read.
    """
    extra: dict[str, Any] = {
        "label": label,
        "unit": unit,
        "advanced": advanced,
        "multiline": multiline,
        "applies": applies,
        "was": was,
    }
    return Field(default, description=help, json_schema_extra=extra, **constraints)


class Settings(BaseModel):
    """Strict, immutable settings. An unknown key is an error that names the nearest one."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _as_written(cls, values: Any) -> Any:
        """One word or number where a list belongs, a number where a text belongs: `widths=128`."""
        if not isinstance(values, Mapping):
            return values
        known = cls.model_fields
        values = _renamed(known, values)
        return {
            key: _fitted(known[key].annotation, value) if key in known else value
            for key, value in values.items()
        }

    @classmethod
    def parse(cls, values: Mapping[str, object], where: str | None = None) -> Self:
        """Validates `values`; raises SettingsError naming every wrong key, value and range."""
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            found = {_key(details): _problem(cls, details) for details in error.errors()}
            problems = list(found.values())
            raise SettingsError(
                problems[0] if len(problems) == 1 else "Settings are wrong: " + "; ".join(problems),
                where=where,
                remedy="Correct it.",
            ).at(found) from None


def override(values: Table, assignments: list[str]) -> Table:
    """Applies `key=value` assignments (dotted keys, TOML values or bare text) to nested `values`."""
    import copy

    result = copy.deepcopy(values)
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise SettingsError(
                f"“{assignment}” is not an assignment", remedy="Write --set key=value."
            )
        try:
            value = parse_toml(f"value = {text}")["value"]
        except TextError:
            value = text
        target = result
        *parents, last = key.strip().split(".")
        for parent in parents:
            target = target.setdefault(parent, {})
            if not isinstance(target, dict):
                raise SettingsError(f"“{key}” does not name a setting", where=assignment)
        target[last] = value
    return result


def _renamed(known: Mapping[str, Any], values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same under today's names. Whoever writes an old name means it: it wins over the new."""
    for name, info in known.items():
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        was = extra.get("was")
        if was is None or was not in values:
            continue
        rest = {key: value for key, value in values.items() if key != was}
        old, new = values[str(was)], values.get(name)
        both = isinstance(old, Mapping) and isinstance(new, Mapping)
        values = {**rest, name: {**new, **old} if both else old}  # type: ignore[dict-item]
    return values


def _fitted(kind: Any, value: Any) -> Any:
    """`value` as a setting of this type takes it, as far as it can only mean one thing."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if value is None or (kind is str and isinstance(value, str)):
        return value
    if origin in (types.UnionType, typing.Union):
        choices = [part for part in inner if part is not type(None)]
        return _fitted(choices[0], value) if len(choices) == 1 else value
    if kind is str:
        if isinstance(value, (list, tuple)) and all(_is_word(part) for part in value):
            return ", ".join(_word(part) for part in value)
        return _word(value) if _is_word(value) else value
    if origin is list:
        items = value if isinstance(value, (list, tuple)) else [value]
        return [_fitted(inner[0], item) for item in items]
    return value


def _is_word(value: Any) -> bool:
    return isinstance(value, (str, bool, int, float, date))


def _word(value: Any) -> str:
    """How it is written: `true`, 128, 2024-01-31."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def without_effect(settings: Settings) -> list[str]:
    """A sentence for every setting that was changed and does nothing beside the others."""
    return list(_without_effect(settings, settings, ""))


def _without_effect(top: Settings, part: Settings, prefix: str) -> Iterator[str]:
    for name, info in type(part).model_fields.items():
        value = getattr(part, name)
        if isinstance(value, Settings):
            yield from _without_effect(top, value, f"{prefix}{name}.")
            continue
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        condition = extra.get("applies")
        if not condition or value == info.get_default(call_default_factory=True):
            continue
        parts = [part.partition("=")[::2] for part in str(condition).split(" or ")]
        said = [_unmet(top, key, wanted) for key, wanted in parts]
        if all(said):
            yield f"“{prefix}{name}” has no effect: it counts where {' or where '.join(filter(None, said))}."


def _unmet(top: Settings, key: str, wanted: str) -> str | None:
    """How another setting would have to be, where it is not that."""
    found: Any = top
    for step in key.split("."):
        found = getattr(found, step)
    shown = str(found).lower() if isinstance(found, bool) else str(found)
    if wanted == "*":
        return None if found else f"“{key}” is not 0"
    if shown in wanted.split("|"):
        return None
    return f"“{key}” is {wanted.replace('|', ' or ')}, not {shown}"


def nearest(word: str, words: list[str]) -> str | None:
    """The most similar of `words`, if any is similar."""
    found = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    return found[0] if found else None


def _key(details: Any) -> str:
    return ".".join(str(part) for part in details["loc"])


def _problem(cls: type[Settings], details: Any) -> str:
    path = [str(part) for part in details["loc"]]
    key = _key(details)
    if details["type"] == "extra_forbidden":
        known = list(_model_at(cls, path[:-1]).model_fields)
        close = nearest(path[-1], known)
        hint = f"did you mean “{close}”?" if close else "known are " + ", ".join(known)
        return f"there is no setting “{key}”; {hint}"
    if details["type"] == "missing":
        return f"the setting “{key}” is missing"
    return f"“{key}” cannot be {shown(details['input'])}: {_reason(details)}"


# What pydantic calls a problem → what it means; the names in braces are its limits.
_REASONS = {
    "greater_than_equal": "it must be at least {ge}",
    "greater_than": "it must be more than {gt}",
    "less_than_equal": "it must be at most {le}",
    "less_than": "it must be less than {lt}",
    "literal_error": "it must be {expected}",
    "string_too_long": "it may have at most {max_length} characters",
    "string_too_short": "it needs {min_length} or more characters",
    "too_long": "it may have at most {max_length} entries, not {actual_length}",
    "too_short": "it needs {min_length} or more entries",
    "string_type": "it must be a text",
    "finite_number": "it must be a finite number",
    "list_type": "it must be a list",
    "model_type": "it must be a table of settings",
    "dict_type": "it must be a table of settings",
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), "it must be a whole number"),
    **dict.fromkeys(("float_parsing", "float_type"), "it must be a number"),
    **dict.fromkeys(("bool_parsing", "bool_type"), "it must be true or false"),
}


def _reason(details: Any) -> str:
    """Why a value is refused, in our words; a validator's own are its own."""
    known = _REASONS.get(details["type"])
    if known is None:
        said = str(details["msg"]).removeprefix("Value error, ")
        return f"{said[0].lower()}{said[1:]}"
    limits = {name: _limit(value) for name, value in details.get("ctx", {}).items()}
    return known.format(**limits)


def _limit(value: Any) -> str:
    """A limit as people write it: 1,000,000 and 0.5; alternatives without quotation marks."""
    if isinstance(value, str):
        return value.replace("'", "")
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:g}"


def _model_at(cls: type[Settings], path: list[str]) -> type[Settings]:
    for part in path:
        field = cls.model_fields.get(part)
        if field is None:  # an index into a list: the class was found one level above
            continue
        for candidate in (field.annotation, *typing.get_args(field.annotation)):
            if isinstance(candidate, type) and not isinstance(candidate, types.GenericAlias):
                if issubclass(candidate, Settings):
                    cls = candidate
    return cls
