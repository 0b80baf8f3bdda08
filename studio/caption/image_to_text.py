"""Image-to-text models of transformers: loading one, and asking it about a batch of images.

Owns: loading by transformers' own classes, generation, and cutting the answer out of what comes back.
Refuses to know: folders of images, captions on disk; how each family is asked (`caption.asking`).

Code that comes with a model never runs, and weights are read from safetensors only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import torch
from safetensors import SafetensorError

from studio.caption.asking import ASKING, Asking
from studio.caption.doubt import stopping
from studio.caption.in_and_out import opaque, plain
from studio.caption.source import STARTER_NAME, Means, Source
from studio.core import memory
from studio.core.device import pick_device
from studio.settings.caption import CaptionerSettings

if TYPE_CHECKING:
    from PIL.Image import Image


class ImageToText:
    """A loaded model. Same images and questions in, same words out."""

    def __init__(self, model: Any, processor: Any, asking: Asking, max_tokens: int) -> None:
        self.model, self.processor = model, processor
        self.asking, self.max_tokens = asking, max_tokens

    @classmethod
    def load(cls, settings: CaptionerSettings, means: Means) -> Self:
        """Raises MissingError (not there), FileError (not a captioning model), SettingsError (a
        question it does not understand), UnavailableError (something must be installed or fetched)."""
        name = STARTER_NAME if settings.kind == STARTER_NAME else settings.model
        source = Source.named(name, settings.download)
        try:
            with quiet_loading():
                asking = next(row for row in ASKING if row.recognises(source))
                asking.check(settings.question, source)
                model = _load_model(source, pick_device(means.device))
        except (ImportError, AttributeError) as error:
            raise source.lacks_a_part(error) from error
        except (OSError, ValueError, KeyError, RuntimeError, TypeError, SafetensorError) as error:
            if memory.is_full(error):
                raise
            raise source.cannot_be_loaded(error) from error
        words = getattr(source.processor, "tokenizer", None)
        if words is not None:
            words.padding_side = "left"  # answers then start at one place for the whole batch
        return cls(model, source.processor, asking, settings.max_tokens)

    @torch.inference_mode()
    def caption(self, images: Sequence[Image], questions: Sequence[str] = ()) -> list[str]:
        """One caption per image (PIL, any size and mode), in order; greedy, so repeatable."""
        if not images:
            return []
        texts = list(questions) or [""] * len(images)
        inputs, cut = self.asking.ask(self.processor, [opaque(image) for image in images], texts)
        inputs = inputs.to(self.model.device)
        for key, value in inputs.items():
            if torch.is_floating_point(value):
                inputs[key] = value.to(self.model.dtype)
        tokens = self.model.generate(
            **inputs,
            max_new_tokens=min(self.max_tokens, self._room(inputs)),
            do_sample=False,
            num_beams=1,
            stopping_criteria=stopping(cut),
        )
        answers = self.processor.batch_decode(tokens[:, cut:], skip_special_tokens=True)
        return [plain(answer) for answer in answers]

    def _room(self, inputs: Any) -> int:
        """How many tokens the model has positions for, beyond what it is given."""
        text = self.model.config.get_text_config(decoder=True)
        positions = getattr(text, "max_position_embeddings", None) or 1 << 20
        given = inputs["input_ids"].shape[1] if "input_ids" in inputs else 2  # a start and an end
        return max(1, positions - given)


def load_whole(kind: Any, source: Source, dtype: Any) -> Any:
    """A model of transformers' class `kind` from safetensors on this machine, for inference; code that
    comes with it never runs. ValueError where more than a tenth of its tensors are not in the file."""
    model, loading = kind.from_pretrained(
        source.place,
        dtype=dtype,
        trust_remote_code=False,
        use_safetensors=True,
        local_files_only=True,
        output_loading_info=True,
    )
    missing = loading["missing_keys"]
    if len(missing) > len(model.state_dict()) // 10:  # they were filled with random numbers
        raise ValueError(f"{len(missing)} of its tensors are not in the file")
    return model.eval().requires_grad_(False)


def _load_model(source: Source, device: torch.device) -> Any:
    from transformers import AutoModelForImageTextToText

    return load_whole(AutoModelForImageTextToText, source, _dtype(source, device)).to(device)


def _dtype(source: Source, device: torch.device) -> torch.dtype:
    """On a GPU half precision, bf16 where the model was made in it; elsewhere fp32."""
    if device.type != "cuda":
        return torch.float32
    made = str(source.config.get("dtype") or source.config.get("torch_dtype") or "")
    return (
        torch.bfloat16 if "bfloat16" in made and torch.cuda.is_bf16_supported() else torch.float16
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
