"""What brackets mean: the examples that A1111's web UI documents, and nothing for what is broken."""

from __future__ import annotations

import random

import pytest

from studio.families.weighted import Span, Weighted
from studio.infer.prompt import escaped, steps_of, weighted
from studio.infer.tags import malformed, split_tags


def spans(prompt: str) -> list[tuple[str, float]]:
    """(text, weight to nine digits) of a prompt of one part."""
    found = weighted(prompt)
    if isinstance(found, str):
        return [(found, 1.0)] if found else []
    (part,) = found.parts
    return [(span.text, round(span.weight, 9)) for span in part]


# From the docstring of A1111's `parse_prompt_attention`.
@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("normal text", [("normal text", 1.0)]),
        ("an (important) word", [("an ", 1.0), ("important", 1.1), (" word", 1.0)]),
        (r"\(literal\]", [("(literal]", 1.0)]),
        ("(unnecessary)(parens)", [("unnecessaryparens", 1.1)]),
        (
            "a ((house:1.3) [on] a (hill:0.5), sun, (((sky))).)",
            [("a ", 1.0), ("house", 1.43), (" ", 1.1), ("on", 1.0), (" a ", 1.1), ("hill", 0.55),
             (", sun, ", 1.1), ("sky", 1.1**4), (".", 1.1)],
        ),
        ("[less] [[least]]", [("less", 1 / 1.1), (" ", 1.0), ("least", 1 / 1.21)]),
        ("(a:b:1.2)", [("a:b", 1.2)]),
        ("(away:-0.5) (gone:0)", [("away", -0.5), (" ", 1.0), ("gone", 0.0)]),
        (r"a \\ b \n", [("a \\ b \\n", 1.0)]),
    ],
)  # fmt: skip
def test_emphasis(prompt: str, expected: list[tuple[str, float]]) -> None:
    assert spans(prompt) == [(text, round(weight, 9)) for text, weight in expected]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("(unbalanced", "(unbalanced"),
        ("unbalanced]", "unbalanced]"),
        (":-) and :(", ":-) and :("),
        ("[a:b", "[a:b"),
        ("5:3", "5:3"),
        ("a|b", "a|b"),
        ("<lora:x", "<lora:x"),
        ("\\", "\\"),
    ],
)
def test_broken_syntax_is_text(prompt: str, expected: str) -> None:
    assert weighted(prompt) == expected
    assert set(steps_of(prompt, 4)) == {prompt}


def test_a_weight_that_is_no_number_is_text() -> None:
    assert spans("(a:b)") == [("a:b", 1.1)]
    assert spans("(a:1.2.3)") == [("a:1.2.3", 1.1)]
    assert spans("(a:nan) (b:1e9)") == [("a:nan", 1.1), (" ", 1.0), ("b:1e9", 1.1)]


def test_break_begins_a_part() -> None:
    assert weighted("red cat BREAK (blue BREAK dog:1.2)") == Weighted(
        ((Span("red cat"),), (Span("blue", 1.2),), (Span("dog", 1.2),))
    )
    assert weighted("BREAKFAST, break") == "BREAKFAST, break"


def test_a_break_at_the_end_begins_nothing() -> None:
    assert weighted("red cat BREAK") == "red cat"
    assert weighted("BREAK") == ""
    assert weighted("a BREAK BREAK") == Weighted(((Span("a"),), ()))
    assert weighted("BREAK a") == Weighted(((), (Span("a"),)))


# What a browser calls a second download, what boards call characters, and worse.
NAMES = [
    "zeb (1)", "zeb [x]", "zeb_(style)", "a:b", "zeb|q", "BREAK-zeb", "zeb,neg", "x\\y", "(z)",
    "Zeb: a [b|c] (d:1.5) BREAK e",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_word_with_syntax_in_its_name_is_that_word(name: str) -> None:
    words = ["zeb", *NAMES]
    for prompt in (f"a {name} cat", f"a {name.upper()} cat"):
        assert steps_of(prompt, 4, words) == [prompt] * 4
        assert weighted(prompt, words) == prompt
    strong = weighted(f"a ({name}:1.3), [dog:cat:2]", words)
    assert isinstance(strong, Weighted) and Span(name, 1.3) in strong.parts[0]
    late = steps_of(f"a [{name}:1]", 2, words)
    assert late == ["a ", f"a {name}"]
    assert weighted("a (b:1.2)", words) == weighted("a (b:1.2)")


@pytest.mark.parametrize(
    "text",
    [
        "zibbo (creature), cat, [blue] background, :1",
        r"miku \(x\) BREAK (a:1.5) [b|c]",
        "a\\",
        "plain",
    ],
)
def test_a_caption_is_read_as_a_prompt_as_it_stands(text: str) -> None:
    read = weighted(steps_of(escaped(text), 3)[-1])
    assert isinstance(read, str) and read.lower() == text.lower()
    assert len(set(steps_of(escaped(text), 3))) == 1


# From the docstring of A1111's `get_learned_conditioning_prompt_schedules`, ten steps.
@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("test", [(10, "test")]),
        ("a [b:3]", [(3, "a "), (10, "a b")]),
        ("a [b: 3]", [(3, "a "), (10, "a b")]),
        ("a [[[b]]:2]", [(2, "a "), (10, "a [[b]]")]),
        ("[(a:2):3]", [(3, ""), (10, "(a:2)")]),
        ("a [b : c : 1] d", [(1, "a b  d"), (10, "a  c  d")]),
        ("a[b:[c:d:2]:1]e", [(1, "abe"), (2, "ace"), (10, "ade")]),
        ("a [unbalanced", [(10, "a [unbalanced")]),
        ("a [b:.5] c", [(5, "a  c"), (10, "a b c")]),
        ("((a][:b:c [d:3]", [(3, "((a][:b:c "), (10, "((a][:b:c d")]),
        ("[a::0.5]", [(5, "a"), (10, "")]),
        ("[a:b:1.0]", [(10, "a")]),
        ("[a:b:99]", [(10, "a")]),
        ("[a:b:0]", [(10, "b")]),
        ("[a:b:c:0.5]", [(10, "[a:b:c:0.5]")]),
        (r"[a\:b:2]", [(2, ""), (10, r"a\:b")]),
    ],
)
def test_scheduling(prompt: str, expected: list[tuple[int, str]]) -> None:
    by_step = [next(text for until, text in expected if step < until) for step in range(10)]
    assert steps_of(prompt, 10) == by_step


@pytest.mark.parametrize(
    ("prompt", "first_five"),
    [
        ("[a|(b:1.1)]", ["a", "(b:1.1)", "a", "(b:1.1)", "a"]),
        ("[fe|]male", ["female", "male", "female", "male", "female"]),
        ("[fe|||]male", ["female", "male", "male", "male", "female"]),
        ("([a|b] c:1.3)", ["(a c:1.3)", "(b c:1.3)", "(a c:1.3)", "(b c:1.3)", "(a c:1.3)"]),
        ("[[a|b]:c:2]", ["a", "b", "c", "c", "c"]),
    ],
)
def test_alternation(prompt: str, first_five: list[str]) -> None:
    assert steps_of(prompt, 10)[:5] == first_five


def test_any_text_is_read_without_error() -> None:
    chosen = random.Random(5)
    for _ in range(3000):
        text = "".join(chosen.choices("ab (()[]):|\\<>.015,\nBREAK", k=chosen.randint(0, 40)))
        for step in set(steps_of(text, 7)):
            weighted(step)
        split_tags(text)
        malformed(text)
    # deep and long: reading must neither recurse nor look at everything again for each bracket
    for hostile in ("(" * 20_000, "[" * 10_000 + ":1]" * 3_000, "([" * 5_000 + "a" + "])" * 5_000):
        weighted(steps_of(hostile, 2)[1])
    malformed("<lora:" * 30_000)
    split_tags("<lora:" * 30_000 + ">")
