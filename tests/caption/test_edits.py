"""Edits as rows: what each does to a sentence, to tags, to anything odd; patterns that never end."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.caption import regular
from studio.caption.edit_row import About
from studio.caption.edits import EDITS
from studio.caption.steps import preview, read_steps
from studio.core.errors import SettingsError
from studio.formats.several import Listed

ABOUT = About("zibbo", "cat")
ONE = Path("/set/close up/1.png")
ODD = [
    "",
    " ",
    ",",
    "a, b, ,",
    "trailing, commas,,, ",
    "猫, 🦊 fox, ñandú, İstanbul, ﬁne, ß",
    "a sentence. And another, with a comma; and “quotes”!",
    "(weights:1.2), \\(escaped\\), [x], {y}, {caption}",
    "emoji 👩‍👩‍👧, e\u0301 combined",
    ", ".join(f"tag_{k}" for k in range(5000)),
    "a" * 3000,
    "line one\nline two",
]


def after(text: str | None, *steps: dict, about: About = ABOUT) -> str:
    changes = preview({ONE: text}, read_steps(steps), about)
    return changes[0].after if changes else (text or "").strip()


@pytest.mark.parametrize(
    ("text", "step", "wanted"),
    [
        ("a cat", {"edit": "prefix", "text": "photo of "}, "photo of a cat"),
        ("a cat", {"edit": "suffix", "text": "at night"}, "a cat, at night"),
        ("a cat runs", {"edit": "trigger"}, "a zibbo cat runs"),
        ("a cat runs", {"edit": "trigger", "word": "sks"}, "a sks cat runs"),
        ("a Cat, catalogue", {"edit": "replace", "find": "cat", "by": "dog"}, "a dog, catalogue"),
        ("catalogue", {"edit": "replace", "find": "cat", "by": "dog", "whole": "no"}, "dogalogue"),
        ("12 Cats", {"edit": "regex", "find": r"(\d+) cats", "by": r"\1 dogs"}, "12 dogs"),
        ("12 Cats", {"edit": "regex", "find": "cats", "by": "x", "case": True}, "12 Cats"),
        ("a, Solo, b", {"edit": "remove", "tags": "solo, b"}, "a"),
        (
            "red_hair, solo, Red hair, RED-HAIR, ｒｅｄ hair",
            {"edit": "merge", "tags": "red hair"},
            "red hair, solo",
        ),
        ("crimson hair, x", {"edit": "merge", "tags": ["red hair", "crimson_hair"]}, "red hair, x"),
        ("a, b", {"edit": "merge", "tags": "a", "into": "c"}, "c, b"),
        ("Red, dark red", {"edit": "rename", "tag": "red", "to": "scarlet"}, "scarlet, dark red"),
        (r"miku \(x\), y", {"edit": "merge", "into": "Miku (x)"}, "Miku (x), y"),
        ("cat, Cat,  cat , b", {"edit": "repeats"}, "cat, b"),
        ("zibbo, c, B, a", {"edit": "sort"}, "zibbo, a, B, c"),
        ("c, B, a", {"edit": "sort", "keep": 0}, "a, B, c"),
        ("It is a cat, and it sits.", {"edit": "sort"}, "It is a cat, and it sits."),
        (
            "a, b",
            {"edit": "template", "text": "{trigger} {name} {folder}: {caption} / {tags}"},
            "zibbo 1 close up: a, b / a, b",
        ),
        ("A cat.", {"edit": "template", "text": "{tags}, {caption}"}, "A cat."),
        ("cat, red_hat, beach", {"edit": "sentence"}, "cat, red hat and beach."),
        ("A cat sits there, asleep.", {"edit": "sentence"}, "A cat sits there, asleep."),
        (
            "A cat with the red hat and a dog, at 1.5 m. Night!",
            {"edit": "tags"},
            "cat, red hat, dog, at 1.5 m, Night",
        ),
        ("猫。夜，雨", {"edit": "tags"}, "猫, 夜, 雨"),
        ("Theodore and Andy", {"edit": "tags"}, "Theodore, Andy"),
        ("A ZIBBO Cat", {"edit": "case"}, "a zibbo cat"),
        ("a Zibbo cat", {"edit": "case", "to": "upper"}, "A zibbo CAT"),
        ("the CAT", {"edit": "case", "to": "sentence"}, "The cat"),
        (
            "red_hair, ^_^, o_o, hatsune_miku_(vocaloid)",
            {"edit": "underscores"},
            "red hair, ^_^, o_o, hatsune miku (vocaloid)",
        ),
        (
            "red hair, solo",
            {"edit": "underscores", "to": "underscores"},
            "red_hair, solo",
        ),
        ("One sentence", {"edit": "underscores", "to": "underscores"}, "One sentence"),
    ],
)
def test_what_each_edit_does(text: str, step: dict, wanted: str) -> None:
    assert after(text, step) == wanted


STEPS = [
    {"edit": "prefix", "text": "photo of "},
    {"edit": "suffix", "text": "flat"},
    {"edit": "trigger"},
    {"edit": "replace", "find": "a", "by": "b"},
    {"edit": "regex", "find": r"\s+", "by": " "},
    {"edit": "remove", "tags": "b"},
    {"edit": "rename", "tag": "b", "to": "c"},
    {"edit": "merge"},
    {"edit": "repeats"},
    {"edit": "sort", "order": "usual"},
    {"edit": "template", "text": "[{name}] {caption}"},
    {"edit": "sentence"},
    {"edit": "tags"},
    {"edit": "case"},
    {"edit": "underscores"},
]
# What finds nothing left to do the second time; the others go on (a pattern, a template, a sentence).
SETTLE = {row["edit"] for row in STEPS} - {"template", "sentence"}


def test_every_row_is_tried() -> None:
    assert [row["edit"] for row in STEPS] == [edit.name for edit in EDITS]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step["edit"])
@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_odd_captions_are_edited_without_harm(step: dict, text: str) -> None:
    once = after(text, step)
    assert "\0" not in once and once == once.strip()
    if step["edit"] in SETTLE:
        assert after(once, step) == once, "once is enough"
    if step["edit"] in ("merge", "repeats", "sort", "underscores", "case") and text.strip(" ,"):
        assert once.strip(), "nothing that was there is lost"


@pytest.mark.parametrize("tags", ["cat, red hat, beach", "猫, 夜", "ß, two words, x_y z"])
def test_tags_made_a_sentence_and_back_are_the_same_tags(tags: str) -> None:
    spaced = after(tags, {"edit": "underscores"})
    assert after(after(tags, {"edit": "sentence"}), {"edit": "tags"}) == spaced


def test_without_any_tag_named_merging_takes_the_usual_spelling_of_all_captions() -> None:
    captions = {Path(f"{k}.png"): text for k, text in enumerate(
        ["red_hair, solo", "Red hair, Solo", "red hair, solo", "red hair"]
    )}  # fmt: skip
    changes = preview(captions, read_steps([{"edit": "merge"}]), ABOUT)
    assert {c.image.name: c.after for c in changes} == {
        "0.png": "red hair, solo",
        "1.png": "red hair, solo",
    }


def test_steps_work_one_after_the_other_and_on_each_of_several_captions() -> None:
    steps = read_steps([{"edit": "case"}, {"edit": "replace", "find": "cat", "by": "dog"}])
    several, plain = Listed("A CAT\nA CAT\nThe Cat"), "A CAT\nThe Cat"
    made = preview({Path("1"): several, Path("2"): plain, Path("3"): None}, steps, ABOUT)
    assert [change.after for change in made] == ["a dog\na dog\nthe dog", "a dog the dog"]
    gone = preview(
        {Path("1"): Listed("x\ny")}, read_steps([{"edit": "remove", "tags": "x"}]), ABOUT
    )
    assert gone[0].after == "y", "a caption of which nothing is left is none"
    added = preview({Path("1"): Listed("")}, read_steps([{"edit": "prefix", "text": "p"}]), ABOUT)
    assert added[0].after == "p"


def test_nothing_to_do_changes_nothing() -> None:
    idle = read_steps([{"edit": "prefix"}, {"edit": "remove", "tags": " , "}, {"edit": "regex"}])
    assert idle == [] and preview({ONE: " kept as it is "}, idle, ABOUT) == []


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({"edit": "prefx", "text": "a"}, "Did you mean “prefix”"),
        ({"edit": "prefix", "txt": "a"}, "Did you mean “text”"),
        ({}, "There is no edit"),
        ("prefix", "There is no edit"),
        ({"edit": "sort", "keep": -1}, "a whole number from 0"),
        ({"edit": "sort", "order": "zzz"}, "alphabet or usual"),
        ({"edit": "replace", "find": "a", "whole": "perhaps"}, "yes or no"),
        ({"edit": "prefix", "text": 7}, "a text"),
        ({"edit": "prefix", "text": "x" * 5000}, "at most 4,000"),
    ],
)
def test_a_wrong_step_is_named(step: dict, said: str) -> None:
    with pytest.raises(SettingsError) as error:
        read_steps([step])
    assert said in error.value.sentence()


@pytest.mark.parametrize(
    ("find", "by", "said"),
    [
        ("(", "", "pattern cannot be read"),
        ("[[", "", "pattern cannot be read"),
        ("(?P<a>x)(?P<", "", "pattern cannot be read"),
        ("a", r"\9", "replacement cannot be read"),
        ("a", r"\g<none>", "replacement cannot be read"),
        ("a" * 2000, "", "at most 1000"),
        ("a", "b" * 4000, "too long to be one"),
    ],
)
def test_a_wrong_pattern_is_said_in_words(find: str, by: str, said: str) -> None:
    with pytest.raises(SettingsError) as error:
        after("a" * 60, {"edit": "regex", "find": find, "by": by})
    assert said in error.value.sentence()


def test_a_pattern_that_would_never_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regular, "SECONDS", 0.1)
    with pytest.raises(SettingsError) as error:
        after("a" * 90, {"edit": "regex", "find": "((a{1,1000}){1,1000}){1,1000}b", "by": ""})
    assert "takes too long" in error.value.sentence() and "0.1 seconds" in error.value.sentence()
    assert "Nothing was changed" in error.value.sentence()


def test_a_template_with_an_unknown_place_is_refused() -> None:
    with pytest.raises(SettingsError, match="captoin"):
        after("a", {"edit": "template", "text": "{captoin}"})


def test_a_step_reads_as_words() -> None:
    steps = read_steps(
        [
            {"edit": "replace", "find": "a", "by": "b", "whole": False},
            {"edit": "sort", "order": "usual"},
            {"edit": "repeats"},
        ]
    )
    assert [step.words for step in steps] == [
        "Find and replace: find “a”, replace with “b”",
        "Sort tags: order “Most usual first”",
        "Remove repeats",
    ]


def test_docs_show_every_row() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text("utf-8")
    for edit in EDITS:
        fields = ", ".join(f"`{one.name}`" for one in edit.fields) or "none"
        assert f"| {edit.title} | `{edit.name}` | {fields} | {edit.says} |" in docs
