"""The filter language, by the cases that the page's own reading of it is tried on as well."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from studio.caption.filter import DEEPEST, FIELDS, HELP, Facts, parse, tags_of
from studio.caption.filter_words import LONGEST, FilterError
from studio.checkup.captions import has_trigger

CASES: dict[str, Any] = json.loads(
    Path(__file__).with_name("filter_cases.json").read_text(encoding="utf-8")
)
ITEMS = [Facts(**item) for item in CASES["items"]]


@pytest.mark.parametrize(("text", "wanted"), CASES["finds"])
def test_a_filter_finds(text: str, wanted: list[int]) -> None:
    test = parse(text).test
    assert [place for place, facts in enumerate(ITEMS) if test(facts)] == wanted


@pytest.mark.parametrize(("text", "what", "at", "end"), CASES["errors"])
def test_a_mistake_is_named_at_its_place(text: str, what: str, at: int, end: int) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text)
    assert (caught.value.what, caught.value.start, caught.value.end) == (what, at, end)
    assert "▸" in (caught.value.where or "")


@pytest.mark.parametrize(("text", "needs"), CASES["needs"])
def test_what_a_filter_needs_to_know(text: str, needs: dict[str, list[int]]) -> None:
    found = parse(text)
    assert {name: list(place) for name, place in found.needs.items()} == needs
    if "trigger" in needs:
        with pytest.raises(FilterError) as caught:
            found.refuse("trigger", "This dataset names no trigger word")
        assert [caught.value.start, caught.value.end] == needs["trigger"]


def test_a_filter_has_an_end() -> None:
    for text in ("(" * 5000, "NOT " * 400 + "x", "(" * 300 + "x" + ")" * 300):
        with pytest.raises(FilterError):
            parse(text)
    deep = "(" * DEEPEST + "red" + ")" * DEEPEST
    assert parse(deep).test(ITEMS[0])
    assert parse("x" * LONGEST).test(ITEMS[0]) is False


def test_what_is_unknown_is_not_found() -> None:
    unknown = Facts("1.png", "red")
    assert not parse("tokens:>0").test(unknown)
    assert not parse("trigger").test(unknown)


def test_tags_are_what_stands_between_commas() -> None:
    assert tags_of(" red,, two   dogs ,\nblue") == ["red", "two dogs", "blue"]
    assert tags_of(" ") == []


def test_the_help_names_every_field() -> None:
    assert all(f"{name}:" in HELP for name in FIELDS)


@pytest.mark.parametrize(("caption", "word", "has"), CASES["triggers"])
def test_whether_a_caption_has_its_trigger(caption: str, word: str, has: bool) -> None:
    assert has_trigger(caption, word) is has
