"""A model that says what a picture shows, whichever captioning family it belongs to.

Owns: loading a captioning model from a folder or by hub id, and asking it in the way its kind
wants (bare picture, task word, or conversation). Refuses to know: folders of pictures, captions
on disk, the page.

Tried kinds: BLIP, BLIP-2, GIT, Florence-2; conversational ones are asked through their template.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError

from studio.caption.doubt import stopping
from studio.core import memory
from studio.core.device import pick_device
from studio.core.errors import FileError, MissingError, UnavailableError
from studio.core.names import path_of
from studio.core.paths import STARTER
from studio.core.text import lines as text_lines

if TYPE_CHECKING:
    from PIL.Image import Image

STARTER_NAME = "starter"
_QUESTION = "Describe this picture in one short sentence."
_TASK_WORDS = {"florence2": "<DETAILED_CAPTION>"}


class Captioner:
    """A loaded captioning model. Same pictures in, same words out."""

    def __init__(self, model: Any, processor: Any, name: str) -> None:
        self.model = model
        self.processor = processor
        self.name = name

    @torch.inference_mode()
    def caption(self, images: Sequence[Image], max_tokens: int = 60) -> list[str]:
        """One caption per picture (PIL, any size and mode), in order; greedy, so repeatable."""
        if not images:
            return []
        pictures = [_opaque(image) for image in images]
        inputs, cut = self._inputs(pictures)
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

    def _inputs(self, pictures: list[Image]) -> tuple[Any, int]:
        """What the model wants for `pictures`, and how many tokens of its answer are our own."""
        kind = self.model.config.model_type
        if kind in _TASK_WORDS:
            words = [_TASK_WORDS[kind]] * len(pictures)
            return self.processor(images=pictures, text=words, return_tensors="pt", padding=True), 0
        if getattr(self.processor, "chat_template", None):
            question = [{"type": "image"}, {"type": "text", "text": _QUESTION}]
            prompt = self.processor.apply_chat_template(
                [{"role": "user", "content": question}], add_generation_prompt=True
            )
            inputs = self.processor(
                images=[[picture] for picture in pictures],
                text=[prompt] * len(pictures),
                return_tensors="pt",
                padding=True,
            )
            return inputs, inputs["input_ids"].shape[1]
        return self.processor(images=pictures, return_tensors="pt"), 0


def load_captioner(path_or_name: str | Path = STARTER_NAME, device: str = "auto") -> Captioner:
    """Loads the starter's captioner (“starter”), a local folder, or a hub id.

    On a GPU it computes in fp16, elsewhere in fp32. Code that comes with a model never runs, and
    weights are read from safetensors only. Raises MissingError (not there), FileError (not a
    captioning model), UnavailableError (something must be installed, or no connection).
    """
    name = str(path_or_name)
    source = STARTER / "captioner" if name == STARTER_NAME else path_of(name).expanduser()
    local = source.is_dir()
    if not local and not _like_hub_id(name):
        raise MissingError(
            "This captioning model is not there",
            where=source,
            remedy="Use “starter”, the folder of a model, or a hub id such as "
            "Salesforce/blip-image-captioning-base.",
        )
    if local and not (source / "config.json").is_file():
        raise FileError(
            "This folder is not a captioning model",
            where=source,
            why="It has no config.json",
            remedy="Choose the folder that holds config.json and the weights.",
        )
    target = pick_device(device)
    dtype = torch.float16 if target.type == "cuda" else torch.float32
    try:
        model, processor = _load(str(source) if local else name, dtype)
    except (ImportError, AttributeError) as error:
        raise UnavailableError(
            "A part that this captioning model needs is not installed",
            where=name,
            why=_first_line(error),
            remedy=_install(error),
        ) from error
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, SafetensorError) as error:
        if memory.is_full(error):
            raise
        raise _unusable(name, local, error) from error
    return Captioner(model.to(target).eval().requires_grad_(False), processor, name)


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


def _load(source: str, dtype: torch.dtype) -> tuple[Any, Any]:
    from transformers import AutoModelForImageTextToText, AutoProcessor

    with quiet_loading():
        processor = AutoProcessor.from_pretrained(source, trust_remote_code=False)
        model, loading = AutoModelForImageTextToText.from_pretrained(
            source,
            dtype=dtype,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
        )
    missing = loading["missing_keys"]
    if len(missing) > len(model.state_dict()) // 10:  # they were filled with random numbers
        raise ValueError(f"{len(missing)} of its tensors are not in the file")
    tokenizer = getattr(processor, "tokenizer", None)
    if tokenizer is not None:
        tokenizer.padding_side = "left"  # answers then start at one place for the whole batch
    return model, processor


def _opaque(image: Image) -> Image:
    if "A" not in image.getbands():
        return image.convert("RGB")
    from PIL import Image as pillow

    white = pillow.new("RGBA", image.size, "white")  # what lies behind a cut-out is no part of it
    return pillow.alpha_composite(white, image.convert("RGBA")).convert("RGB")


def _like_hub_id(name: str) -> bool:
    owner, slash, model = name.partition("/")
    return bool(slash and owner and model) and "/" not in model and owner[0] not in ".~\\"


def _unusable(name: str, local: bool, error: Exception) -> FileError | UnavailableError:
    if not local:
        return UnavailableError(
            "This captioning model could not be fetched",
            where=name,
            why=_first_line(error),
            remedy="Check the name and the connection, or download the model into a folder and "
            "name that folder.",
        )
    return FileError(
        "This folder is not a captioning model the studio can load",
        where=name,
        why=_first_line(error),
        remedy="It must hold a picture-to-text model with safetensors weights and its processor.",
    )


def _install(error: BaseException) -> str:
    text = str(error).lower()
    for package in ("torchvision", "num2words", "timm", "einops", "sentencepiece", "av"):
        if package in text:
            break
    else:  # processors that need torchvision fail with an AttributeError that does not name it
        package = "torchvision"
    return (
        f"Install {package} into the studio's environment (python -m pip install {package}), "
        "or choose BLIP, BLIP-2, GIT or Florence-2, which need nothing more."
    )


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in text_lines(str(error)) if line.strip()]
    return lines[0][:200] if lines else type(error).__name__
