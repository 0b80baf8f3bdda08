"""Vision-language models of the classes people use: a question reaches each, and changes its answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from studio.caption.captioner import load_captioner
from studio.caption.image_to_text import ImageToText
from studio.caption.in_and_out import plain
from studio.caption.questions import QUESTIONS
from studio.caption.source import Means
from studio.core.errors import FileError, SettingsError
from studio.settings.caption import CaptionerSettings
from tests.caption import tiny_models
from tests.caption.conftest import make_blip, make_git
from tests.caption.tiny_models import noise

IMAGES = [
    noise(64, 64),
    Image.new("RGB", (30, 90), "red"),
    Image.new("RGBA", (40, 40), (0, 0, 255, 128)),
]
ASKED = {**tiny_models.ANSWERING, "blip-2": tiny_models.make_blip2}


@pytest.fixture(autouse=True)
def words_for_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """SmolVLM's processor wants num2words, which it only uses for videos."""
    import transformers.models.smolvlm.processing_smolvlm as module

    monkeypatch.setattr(module, "num2words", str, raising=False)


def loaded(folder: Path, max_tokens: int = 6, question: str = "") -> ImageToText:
    settings = CaptionerSettings(
        kind="model", model=str(folder), max_tokens=max_tokens, question=question
    )
    found = load_captioner(settings, Means("cpu"))
    assert isinstance(found, ImageToText)
    return found


@pytest.mark.parametrize("make", ASKED.values(), ids=ASKED)
def test_each_class_answers_its_own_question(tmp_path: Path, make: Callable[[Path], Path]):
    captioner = loaded(make(tmp_path), question="what is it")
    asked = captioner.caption(IMAGES, ["what is it"] * 3)
    assert len(asked) == 3 and any(asked) and len(set(asked)) > 1
    assert [captioner.caption([image], ["what is it"])[0] for image in IMAGES] == asked
    assert captioner.caption(IMAGES, ["a b c d e f"] * 3) != asked, "the question did not arrive"
    assert captioner.caption(IMAGES[:2], ["what is it", "a b c d e f"])[0] == asked[0]
    shorter = loaded(tmp_path, max_tokens=2).caption(IMAGES, ["what is it"] * 3)
    assert all(len(text.split()) <= 2 for text in shorter)


def test_florence_takes_a_tasks_word_and_says_so(tmp_path: Path):
    tiny_models.make_florence2(tmp_path)
    captioner = loaded(tmp_path, question="<CAPTION>")
    own = captioner.caption(IMAGES)
    assert captioner.caption(IMAGES, ["<DETAILED_CAPTION>"] * 3) == own
    assert captioner.caption(IMAGES, ["<CAPTION>"] * 3) != own
    with pytest.raises(SettingsError, match="knows tasks"):
        loaded(tmp_path, question="what is it?")


@pytest.mark.parametrize("make", [make_blip, make_git])
def test_blip_and_git_continue_a_beginning_and_are_asked_nothing(
    tmp_path: Path, make: Callable[[Path], Path]
):
    captioner = loaded(make(tmp_path), question="a b")
    begun = captioner.caption(IMAGES, ["a b"] * 3)
    assert all(text.startswith("a b") for text in begun) and begun != captioner.caption(IMAGES)
    for question in ("What is it?", QUESTIONS[0].text):
        with pytest.raises(SettingsError, match="continues a beginning"):
            loaded(tmp_path, question=question)


@pytest.mark.parametrize(
    "template",
    [
        # as JoyCaption's: the image's place comes by itself, the content is a text
        "{% for m in messages %}<s>{{ m['role'] + ' <image> ' + m['content'] }}{% endfor %}",
        # no place for an image at all
        "{% for m in messages %}<s>{{ m['role'] + ' ' + m['content'] }}{% endfor %}",
    ],
)
def test_templates_that_take_plain_texts(tmp_path: Path, template: str):
    tiny_models.make_llava(tmp_path)
    (tmp_path / "chat_template.jinja").write_text(template)
    captioner = loaded(tmp_path)
    asked = captioner.caption(IMAGES, ["what is it"] * 3)
    assert any(asked) and captioner.caption(IMAGES, ["a b c d"] * 3) != asked


def test_a_template_that_loses_the_question_is_an_error(tmp_path: Path):
    tiny_models.make_llava(tmp_path)
    (tmp_path / "chat_template.jinja").write_text("<s> nothing")
    with pytest.raises(FileError, match="no place for an image"):
        loaded(tmp_path).caption(IMAGES[:1])


def test_a_base_model_is_told_from_a_captioner(tmp_path: Path):
    (tmp_path / "model_index.json").write_text(
        json.dumps({"_class_name": "StableDiffusionPipeline"})
    )
    with pytest.raises(FileError, match="it is a base model"):
        loaded(tmp_path)


def test_what_a_model_thought_is_no_part_of_its_answer():
    assert plain("<think>a cat?\nmaybe</think>\n\na  cat\non a mat ") == "a cat on a mat"
    assert plain("a <think> cat") == "a <think> cat"
