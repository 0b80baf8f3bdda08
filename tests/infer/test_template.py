"""Choices in prompts: which part, which line, what stays text, and what has no end."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from studio.core.errors import InputError
from studio.infer.template import escaped, has_choices, resolve

FILES = {
    "colour": ["red", "blue", "dark __tone__"],
    "tone": ["green", "{teal|mint}"],
    "egg": ["a __hen__"],
    "hen": ["an __egg__"],
}


def lines(name: str) -> list[str]:
    return FILES[name]


def all_of(text: str) -> set[str]:
    return {resolve(text, seed, lines) for seed in range(200)}


@pytest.mark.parametrize(
    "text, expected",
    [
        ("a {red|blue} cat", {"a red cat", "a blue cat"}),
        ("{a|b{c|d}}", {"a", "bc", "bd"}),
        ("{|very }old", {"old", "very old"}),
        ("__colour__", {"red", "blue", "dark green", "dark teal", "dark mint"}),
        ("{__tone__|grey}", {"green", "teal", "mint", "grey"}),
        ("{[a|b]|c}", {"[a|b]", "c"}),
        (r"{a\|b|c}", {"a|b", "c"}),
        ("{(a:1.2)|b}", {"(a:1.2)", "b"}),
    ],
)
def test_every_choice_is_made_by_some_seed(text: str, expected: set[str]) -> None:
    assert all_of(text) == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        ("{a} {prompt} {}", "{a} {prompt} {}"),
        (r"\{a|b\}", "{a|b}"),
        (r"\__colour__", "__colour__"),
        ("[cat|dog] a|b", "[cat|dog] a|b"),
        ("{a|b", "{a|b"),
        ("a|b}", "a|b}"),
        ("snake_case __", "snake_case __"),
        (r"\(a\) C:\new", r"\(a\) C:\new"),
    ],
)
def test_what_is_no_choice_is_text(text: str, expected: str) -> None:
    assert all_of(text) == {expected}


def test_a_seed_makes_the_same_choices_and_purposes_do_not_share_them() -> None:
    text = "{a|b|c|d} {e|f|g|h} __colour__"
    assert resolve(text, 7, lines) == resolve(text, 7, lines)
    assert resolve(text, 7, lines) == resolve(text + " cat", 7, lines).removesuffix(" cat")
    other = [resolve(text, seed, lines, "negative_prompt") for seed in range(20)]
    assert other != [resolve(text, seed, lines) for seed in range(20)]


def test_any_text_can_be_written_so_that_it_is_read_as_it_stands() -> None:
    dice = random.Random(1)
    for seed in range(20_000):
        text = "".join(dice.choice("{}|_\\a[]") for _ in range(dice.randrange(12)))
        assert resolve(escaped(text), seed, lambda name: ["x"]) == text
        assert has_choices(text) or escaped(text) == text


@pytest.mark.parametrize(
    "text, more, words",
    [
        ("__egg__", lines, "egg → hen → egg"),
        ("__a__", lambda name: [f"__{name}a__"], "20 deep"),
        ("__a__", lambda name: [f"__{name}a__ __{name}b__"], "deep"),
        ("__" + "__ __".join("a" * 3000) + "__", lambda name: ["long " * 5], "20,000 letters"),
    ],
)
def test_what_has_no_end_is_refused(
    text: str, more: Callable[[str], list[str]], words: str
) -> None:
    with pytest.raises(InputError) as refused:
        for seed in range(64):
            resolve(text, seed, more)
    assert words in str(refused.value.why)
