"""Records on disk: older files are understood, newer ones lose nothing, nonsense counts as missing."""

from __future__ import annotations

from typing import Any

import pytest

from studio.core.errors import InputError
from studio.core.record import Failure, Filed, Record


class Part(Record):
    name: str
    size: int = 0


class File(Filed):
    version: int = 3
    title: str = ""
    count: int | None = None
    part: Part | None = None

    @classmethod
    def upgraded(cls, values: dict[str, Any]) -> dict[str, Any]:
        if values.get("version", 0) < 2 and "heading" in values:
            values["title"] = values.pop("heading")
        return values


def test_an_older_file_is_read_as_todays_and_written_as_such() -> None:
    found = File.read({"heading": "a"})
    assert (found.title, found.version) == ("a", 3)
    assert found.as_json() == {"version": 3, "title": "a"}


def test_a_newer_file_loses_nothing_when_it_is_written_again() -> None:
    newer = {"version": 9, "title": "a", "part": {"name": "x", "weight": 2}, "weather": [1, {}]}
    assert File.read(newer).changed(count=4).as_json() == {**newer, "count": 4}


def test_a_value_that_makes_no_sense_counts_as_missing() -> None:
    found = File.read({"title": 5, "count": "many", "part": {"size": 3}})
    assert (found.title, found.count, found.part) == ("", None, None)
    nothing: object
    for nothing in (None, [], "x", 1):
        with pytest.raises(ValueError):
            File.read(nothing)
    with pytest.raises(ValueError):
        Part.read({"size": 1})


def test_nothing_is_changed_in_place_and_no_name_is_made_up() -> None:
    found = File(title="a")
    assert found.changed(title="b") != found and found.title == "a"
    with pytest.raises(ValueError):
        found.title = "c"
    with pytest.raises(AssertionError):
        found.changed(titel="b")


def test_an_error_keeps_its_parts() -> None:
    failure = Failure.of(InputError("It is wrong", where="here", remedy="Change it."))
    assert (failure.kind, failure.what, failure.where) == ("InputError", "It is wrong", "here")
    assert Failure.read(failure.as_json()) == failure
