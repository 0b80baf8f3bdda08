"""What records on disk have in common: they are typed, frozen, and forgiving towards other versions.

Owns: reading JSON into a record and writing it back with nothing lost. Refuses to know: files.

A record is read by `read`: older layouts go through its `upgraded`, a field of a newer version is
kept and written again, a field whose value makes no sense counts as missing. `as_json` gives the
fields that were ever set, so what was never known is not written as if it were.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from studio.core.errors import StudioError

Table = dict[str, Any]
"""A table of JSON or TOML as a file, a page or a program has it: what no record has read yet, what one
has become to be written, or what belongs to somebody else's record (a method's options)."""


def renamed(values: Table, **names: str) -> Table:
    """The table with keys of an earlier version (`old="new"`) under their new names."""
    return {
        names.get(key, key): inner for key, inner in values.items() if names.get(key) not in values
    }


Part = TypeVar("Part", bound="Record")


class Record(BaseModel):
    """A part of a record on disk."""

    model_config = ConfigDict(extra="allow", frozen=True)

    @classmethod
    def read(cls, value: object) -> Self:
        """`value`, as JSON gave it. Raises ValueError when it is no such record at all."""
        if not isinstance(value, dict):
            raise ValueError(f"{cls.__name__}: no table")
        values = cls.upgraded(dict(value))
        while True:
            try:
                return cls.model_validate(values)
            except ValidationError as error:
                wrong = {str(part["loc"][0]) for part in error.errors() if part["loc"]}
                if not wrong & values.keys():
                    raise
                values = {key: inner for key, inner in values.items() if key not in wrong}

    @classmethod
    def upgraded(cls, values: Table) -> Table:
        """The table of an earlier version as it is written today."""
        return values

    def changed(self, **facts: Any) -> Self:
        """The same with other values for some of its fields. They are taken as they are."""
        unknown = facts.keys() - type(self).model_fields.keys()
        assert not unknown, f"{type(self).__name__} has no {unknown}"
        return self.model_copy(update=facts)

    def as_json(self) -> Table:
        """A plain table, ready for JSON, of every field that was ever set."""
        return self.model_dump(exclude_unset=True)


class Filed(Record):
    """A record that is a file of its own: it says which version of the layout it has."""

    version: int = 1
    """A class whose layout changes says so here; a file of a newer one keeps its number."""

    @classmethod
    def read(cls, value: object) -> Self:
        found = super().read(value)
        return found.changed(version=max(found.version, cls.model_fields["version"].default))

    def as_json(self) -> Table:
        return {"version": self.version, **super().as_json()}


class Failure(Record):
    """An error as it was told: its parts by name."""

    kind: str = "StudioError"
    what: str = ""
    where: str | None = None
    why: str | None = None
    remedy: str | None = None
    safe: str | None = None

    @classmethod
    def of(cls, error: StudioError) -> Failure:
        """The parts of an error."""
        return cls.model_validate(error.as_dict())


def readable(part: type[Part], rows: Iterable[object]) -> list[Part]:
    """Those of `rows` that are such records: one that is none does not cost the others."""
    found = []
    for row in rows:
        try:
            found.append(part.read(row))
        except ValueError:
            continue
    return found
