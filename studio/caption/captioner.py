"""Models that say what an image shows: one row per kind, and loading one of them.

Owns: the table of kinds (how each is recognised, loaded, asked). Refuses to know: folders of
images, captions on disk, the page.

Tried kinds: BLIP, BLIP-2, GIT, Florence-2; conversational ones are asked through their template.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError

from studio.caption.doubt import stopping
from studio.caption.source import STARTER_NAME, Describes, Source
from studio.core import memory
from studio.core.device import pick_device

if TYPE_CHECKING:
    from PIL.Image import Image

Ask = Callable[[Any, Sequence["Image"]], tuple[Any, int]]
"""(processor, RGB images) → the model's inputs, and how many tokens of its answer are our own."""

_QUESTION = "Describe this image in one short sentence."
_TASK_WORD = "<DETAILED_CAPTION>"


@dataclass(frozen=True)
class Kind:
    """One row: a kind of captioning model."""

    title: str
    recognises: Callable[[Source], bool]
    load: Callable[[Source, torch.device], Describes]


def load_captioner(path_or_name: str | Path = STARTER_NAME, device: str = "auto") -> Describes:
    """Loads the starter's captioner (“starter”), a local folder, or a hub id.

    On a GPU it computes in fp16, elsewhere in fp32. Code that comes with a model never runs, and
    weights are read from safetensors only. Raises MissingError (not there), FileError (not a
    captioning model), UnavailableError (something must be installed, or no connection).
    """
    source = Source.named(path_or_name)
    try:
        with quiet_loading():
            kind = next(row for row in KINDS if row.recognises(source))
            return kind.load(source, pick_device(device))
    except (ImportError, AttributeError) as error:
        raise source.lacks_a_part(error) from error
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, SafetensorError) as error:
        if memory.is_full(error):
            raise
        raise source.cannot_be_loaded(error) from error


class Captioner:
    """A loaded image-to-text model of transformers. Same images in, same words out."""

    def __init__(self, model: Any, processor: Any, ask: Ask) -> None:
        self.model = model
        self.processor = processor
        self._ask = ask

    @torch.inference_mode()
    def caption(self, images: Sequence[Image], max_tokens: int = 60) -> list[str]:
        """One caption per image (PIL, any size and mode), in order; greedy, so repeatable."""
        if not images:
            return []
        inputs, cut = self._ask(self.processor, [_opaque(image) for image in images])
        inputs = inputs.to(self.model.device)
        for key, value in inputs.items():
            if torch.is_floating_point(value):
                inputs[key] = value.to(self.model.dtype)
        tokens = self.model.generate(
            **inputs,
            max_new_tokens=min(max_tokens, self._room(inputs)),
            do_sample=False,
            num_beams=1,
            stopping_criteria=stopping(cut),
        )
        texts = self.processor.batch_decode(tokens[:, cut:], skip_special_tokens=True)
        return [" ".join(text.split()) for text in texts]

    def _room(self, inputs: Any) -> int:
        """How many tokens the model has positions for, beyond what it is given."""
        text = self.model.config.get_text_config(decoder=True)
        positions = getattr(text, "max_position_embeddings", None) or 1 << 20
        given = inputs["input_ids"].shape[1] if "input_ids" in inputs else 2  # a start and an end
        return max(1, positions - given)


def image_to_text(ask: Ask) -> Callable[[Source, torch.device], Captioner]:
    """A loader of transformers' image-to-text models that are asked in this way."""

    def load(source: Source, device: torch.device) -> Captioner:
        from transformers import AutoModelForImageTextToText

        model, loading = AutoModelForImageTextToText.from_pretrained(
            source.place,
            dtype=torch.float16 if device.type == "cuda" else torch.float32,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
        )
        missing = loading["missing_keys"]
        if len(missing) > len(model.state_dict()) // 10:  # they were filled with random numbers
            raise ValueError(f"{len(missing)} of its tensors are not in the file")
        tokenizer = getattr(source.processor, "tokenizer", None)
        if tokenizer is not None:
            tokenizer.padding_side = "left"  # answers then start at one place for the whole batch
        return Captioner(model.to(device).eval().requires_grad_(False), source.processor, ask)

    return load


def ask_image(processor: Any, images: Sequence[Image]) -> tuple[Any, int]:
    """The image alone."""
    return processor(images=images, return_tensors="pt"), 0


def ask_task(processor: Any, images: Sequence[Image]) -> tuple[Any, int]:
    """A word that names the task."""
    words = [_TASK_WORD] * len(images)
    return processor(images=images, text=words, return_tensors="pt", padding=True), 0


def ask_conversation(processor: Any, images: Sequence[Image]) -> tuple[Any, int]:
    """A question about the image, in the model's own form of conversation."""
    question = [{"type": "image"}, {"type": "text", "text": _QUESTION}]
    prompt = processor.apply_chat_template(
        [{"role": "user", "content": question}], add_generation_prompt=True
    )
    inputs = processor(
        images=[[image] for image in images],
        text=[prompt] * len(images),
        return_tensors="pt",
        padding=True,
    )
    return inputs, inputs["input_ids"].shape[1]


KINDS: tuple[Kind, ...] = (  # the first that recognises a model loads it
    Kind("Florence-2", lambda source: source.model_type == "florence2", image_to_text(ask_task)),
    Kind(
        "conversational models",
        lambda source: bool(getattr(source.processor, "chat_template", None)),
        image_to_text(ask_conversation),
    ),
    Kind("BLIP, BLIP-2, GIT", lambda source: True, image_to_text(ask_image)),
)


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Keeps the loader's progress bars off the terminal."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _opaque(image: Image) -> Image:
    if "A" not in image.getbands():
        return image.convert("RGB")
    from PIL import Image as pillow

    white = pillow.new("RGBA", image.size, "white")  # what lies behind a cut-out is no part of it
    return pillow.alpha_composite(white, image.convert("RGBA")).convert("RGB")
