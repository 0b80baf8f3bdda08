"""Templates: what stands in the question and in the caption for one image."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.caption import kinds, questions
from studio.caption.captioner import row_of
from studio.caption.words import Words, appended
from studio.core.errors import SettingsError
from studio.settings.caption import CaptionerSettings


def words(folder: Path, append: bool = False, prefix: str = "", **values: str) -> Words:
    return Words(CaptionerSettings.parse(values), prefix, folder, append)


def test_places_are_filled_in_for_each_image(tmp_path: Path):
    (tmp_path / "dataset.toml").write_text('trigger = "sks"\n')
    image = tmp_path / "IMG_1.png"
    asked = words(tmp_path, question="{trigger}, {name} in {folder}: {tags} | {caption}")
    assert asked.question(image, "cat, red hat") == (
        f"sks, IMG_1 in {tmp_path.name}: cat, red hat | cat, red hat"
    )
    assert asked.question(image, "A cat in a hat.") == (
        f"sks, IMG_1 in {tmp_path.name}:  | A cat in a hat."
    )
    told = words(tmp_path, answer="{trigger}, {caption}, {tags}")
    assert told.caption(image, "a cat", "cat, red hat") == "sks, a cat, cat, red hat"
    assert told.caption(image, "a cat", None) == "sks, a cat"
    assert words(tmp_path, question="tags").question(image, None) == questions.QUESTIONS[2].text


def test_what_is_put_in_is_not_looked_at_again(tmp_path: Path):
    image = tmp_path / "{trigger}.png"
    found = words(tmp_path, answer="{caption} {name}").caption(image, "a {folder} {0.x}", None)
    assert found == "a {folder} {0.x} {trigger}"


@pytest.mark.parametrize("template", ["{captoin}", "{trigger} {0}", "{tags} {__class__}"])
def test_an_unknown_place_is_named_with_the_nearest(template: str):
    with pytest.raises(SettingsError, match="filled in"):
        row_of(CaptionerSettings(answer=template))
    with pytest.raises(SettingsError, match="Known are"):
        row_of(CaptionerSettings(question=template))


def test_no_preset_has_an_unknown_place():
    for question in questions.QUESTIONS:
        questions.check(question.text, question.name)
        assert questions.question_text(question.name) == question.text


@pytest.mark.parametrize(
    ("before", "more", "whole"),
    [
        ("", "a cat", "a cat"),
        ("a cat", "", "a cat"),
        ("cat, hat", "Hat, red fur", "cat, hat, red fur"),
        ("A cat.", "It sleeps.", "A cat. It sleeps."),
        ("a cat", "asleep on a mat", "a cat, asleep on a mat"),
    ],
)
def test_more_comes_behind_what_is_there(before: str, more: str, whole: str):
    assert appended(before, more) == whole


def test_the_prefix_comes_once_also_when_more_is_appended(tmp_path: Path):
    image = tmp_path / "1.png"
    both = words(tmp_path, append=True, prefix="sks")
    assert both.caption(image, "asleep", "sks, a cat") == "sks, a cat, asleep"
    assert both.caption(image, "asleep", None) == "sks, asleep"


def test_the_docs_name_every_captioner_and_preset():
    page = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text("utf-8")
    for kind in kinds.KINDS:
        assert f"| {kind.title} |" in page
    for question in questions.QUESTIONS:
        assert f"`{question.name}`" in page or f"--question {question.name}`" in page
