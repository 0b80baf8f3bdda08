"""What an edit over many captions is: its row, its fields, and the values of one step.

Owns: reading a step's values, and a step in words. Refuses to know: which edits there are (`edits`).
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from studio.caption import edit_words
from studio.core.errors import SettingsError

Values = Mapping[str, Any]
LONGEST = 4000  # characters of a field


@dataclass(frozen=True)
class Field:
    """What a step of an edit is told."""

    name: str
    label: str
    kind: Literal["text", "tags", "choice", "flag", "number"] = "text"
    default: Any = ""
    hint: str = ""
    """Shown in the empty field."""
    choices: tuple[tuple[str, str], ...] = ()
    """(value, words) of a choice."""


@dataclass(frozen=True)
class About:
    """What edits may know beside the captions."""

    trigger: str = ""
    class_word: str = ""


@dataclass(frozen=True)
class Text:
    """One caption of an image."""

    image: Path
    text: str


Run = Callable[[Sequence[Text], Values, About], list[str]]


@dataclass(frozen=True)
class Edit:
    """One row."""

    name: str
    title: str
    says: str
    run: Run = field(repr=False)
    fields: tuple[Field, ...] = ()
    needs: tuple[str, ...] = ()
    """Fields without which it does nothing: at least one of them."""

    def read(self, step: Mapping[str, Any]) -> dict[str, Any]:
        """The values of a step; SettingsError for what it has no field for."""
        known = {one.name: one for one in self.fields}
        for name in step.keys() - {"edit"}:
            if name not in known:
                close = difflib.get_close_matches(str(name), list(known), 1, 0.5)
                hint = (
                    f"Did you mean “{close[0]}”?"
                    if close
                    else f"It has {', '.join(known) or 'none'}."
                )
                raise SettingsError(f"“{self.name}” has no field “{name}”", remedy=hint)
        return {one.name: _value(one, step.get(one.name, one.default)) for one in self.fields}

    def idle(self, values: Values) -> bool:
        """Whether a step with these values cannot do anything."""
        return bool(self.needs) and not any(values[name] for name in self.needs)

    def words(self, values: Values) -> str:
        """A step in words, for the list of changes."""
        said = []
        for one in self.fields:
            value = values[one.name]
            if value == one.default or value in ("", [], False):
                continue
            value = dict(one.choices).get(value, value) if one.choices else value
            value = ", ".join(value) if isinstance(value, list) else value
            said.append(one.label.lower() if value is True else f"{one.label.lower()} “{value}”")
        return f"{self.title}: {', '.join(said)}" if said else self.title


def _value(one: Field, value: Any) -> Any:
    if one.kind == "flag":
        value = {"true": True, "yes": True, "false": False, "no": False}.get(
            str(value).lower(), value
        )
        if isinstance(value, bool):
            return value
        raise _refused(one, value, "yes or no")
    if one.kind == "number":
        if str(value).isdecimal() and int(value) <= LONGEST:
            return int(value)
        raise _refused(one, value, f"a whole number from 0 to {LONGEST:,}")
    if one.kind == "choice":
        if value in dict(one.choices):
            return value
        raise _refused(one, value, " or ".join(dict(one.choices)))
    if one.kind == "tags":
        rows = value if isinstance(value, list) else str(value).split(",")
        tags = [tag for row in rows for tag in edit_words.parts_of(str(row))]
        if sum(map(len, tags)) > LONGEST:
            raise _refused(one, "", f"at most {LONGEST:,} characters")
        return tags
    if not isinstance(value, str) or len(value) > LONGEST:
        raise _refused(one, value, f"a text of at most {LONGEST:,} characters")
    return value


def _refused(one: Field, value: Any, wanted: str) -> SettingsError:
    return SettingsError(f"“{one.name}” cannot be “{str(value)[:60]}”: it must be {wanted}")
