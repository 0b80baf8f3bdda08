"""How each family of image-to-text models is asked: with a question, a beginning, or a task's word.

Owns: the table of ways. Refuses to know: how a model is loaded, what becomes of its answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from studio.caption.questions import QUESTIONS
from studio.caption.source import Source
from studio.core.errors import FileError, SettingsError

if TYPE_CHECKING:
    from PIL.Image import Image

Ask = Callable[[Any, Sequence["Image"], Sequence[str]], tuple[Any, int]]
"""(processor, RGB images, a text for each, maybe empty) → the model's inputs, and how many tokens of
its answer are our own."""

QUESTION = "Describe this image in one short sentence."
TASK = "<DETAILED_CAPTION>"
_TASKS = "<CAPTION>, <DETAILED_CAPTION> and <MORE_DETAILED_CAPTION>"


@dataclass(frozen=True)
class Asking:
    """One row: models that are asked in one way."""

    title: str
    recognises: Callable[[Source], bool]
    ask: Ask
    takes: Literal["question", "beginning", "task"]

    def check(self, text: str, source: Source) -> None:
        """Raises SettingsError when models of this row do not understand such a text."""
        text = text.strip()
        asked = text.endswith(("?", ".", "!")) or any(text == known.text for known in QUESTIONS)
        if self.takes == "task" and text and not (text[0] == "<" and text[-1] == ">"):
            raise SettingsError(
                "This model is not asked questions, it knows tasks",
                where=source.name,
                why=f"{self.title} takes a task's word, such as {_TASKS}.",
                remedy="Put such a word in place of the question, or leave the question empty.",
            )
        if self.takes == "beginning" and text and asked:
            raise SettingsError(
                "This model is not asked questions, it continues a beginning",
                where=source.name,
                why=f"{self.title} would take the question for the beginning of the caption.",
                remedy="Give a beginning such as “a photo of”, leave the question empty, or choose a "
                "conversational model (LLaVA, Qwen-VL, Idefics3 …).",
            )


def ask_task(processor: Any, images: Sequence[Image], texts: Sequence[str]) -> tuple[Any, int]:
    """A word that names the task."""
    words = [text or TASK for text in texts]
    return processor(images=images, text=words, return_tensors="pt", padding=True), 0


def ask_beginning(processor: Any, images: Sequence[Image], texts: Sequence[str]) -> tuple[Any, int]:
    """The image and the first words of its caption, which stay part of it."""
    if not any(texts):
        return processor(images=images, return_tensors="pt"), 0
    return processor(images=images, text=list(texts), return_tensors="pt", padding=True), 0


def ask_first_tokens(
    processor: Any, images: Sequence[Image], texts: Sequence[str]
) -> tuple[Any, int]:
    """The same for a model that continues tokens as they are: no end stands behind them."""
    inputs, cut = ask_beginning(processor, images, texts)
    inputs.pop("token_type_ids", None)  # some tokenizers make them, and no such model takes them
    for name in ("input_ids", "attention_mask"):
        if any(texts) and name in inputs:
            inputs[name] = inputs[name][:, :-1]
    return inputs, cut


def ask_and_answer(
    processor: Any, images: Sequence[Image], texts: Sequence[str]
) -> tuple[Any, int]:
    """“Question: … Answer:”, or the image alone."""
    if not any(texts):
        return processor(images=images, return_tensors="pt"), 0
    words = [f"Question: {text} Answer:" for text in texts]
    inputs = processor(images=images, text=words, return_tensors="pt", padding=True)
    return inputs, inputs["input_ids"].shape[1]


def ask_conversation(
    processor: Any, images: Sequence[Image], texts: Sequence[str]
) -> tuple[Any, int]:
    """A question about the image, in the model's own form of conversation."""
    inputs = processor(
        images=[[image] for image in images],
        text=[_conversation(processor, text or QUESTION) for text in texts],
        return_tensors="pt",
        padding=True,
    )
    return inputs, inputs["input_ids"].shape[1]


def _conversation(processor: Any, question: str) -> str:
    """The question in the model's template, with the image's place in it once."""
    from jinja2 import TemplateError

    mark = getattr(processor, "image_token", None)
    parts = [{"type": "image"}, {"type": "text", "text": question}]
    for content in (parts, question, f"{mark}\n{question}"):  # templates differ in what they take
        said = [{"role": "user", "content": content}]
        try:
            text = processor.apply_chat_template(said, add_generation_prompt=True, tokenize=False)
        except (TypeError, TemplateError):
            continue
        if question in text and "{'type'" not in text and (mark is None or mark in text):
            return str(text)
    raise FileError(
        "This model's chat template has no place for an image",
        remedy="Download the model again, with its processor and chat template.",
    )


def _converses(source: Source) -> bool:
    words = getattr(source.processor, "tokenizer", None)
    return bool(
        getattr(source.processor, "chat_template", None) or getattr(words, "chat_template", None)
    )


def _is(*types: str) -> Callable[[Source], bool]:
    return lambda source: source.model_type in types


ASKING: tuple[Asking, ...] = (  # the first that recognises a model asks it
    Asking("Florence-2", _is("florence2"), ask_task, "task"),
    Asking("A conversational model", _converses, ask_conversation, "question"),
    Asking("BLIP-2", _is("blip-2", "instructblip"), ask_and_answer, "question"),
    Asking("GIT", _is("git"), ask_first_tokens, "beginning"),
    Asking("BLIP", lambda source: True, ask_beginning, "beginning"),
)
