"""A mask by prompt: CLIPSeg of transformers marks what a few words name.

Owns: loading it by transformers' own classes, and words and an image → a mask. Refuses to know: recipes,
pages. It ships with no such model and downloads none: a folder, or a hub id that is in the cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import torch
from PIL import Image as pillow
from safetensors import SafetensorError

from studio.caption.image_to_text import load_whole, quiet_loading
from studio.caption.in_and_out import opaque
from studio.caption.source import Source, first_line
from studio.core import memory
from studio.core.device import pick_device
from studio.core.errors import FileError, InputError, MissingError, UnavailableError

if TYPE_CHECKING:
    from PIL.Image import Image

KIND = "clipseg"
THRESHOLD = 0.4
"""How sure the model has to be (sigmoid of its answer) for a place to be marked."""


class Segmenter:
    """A loaded model. The same image and words give the same mask."""

    def __init__(self, model: Any, processor: Any) -> None:
        self.model, self.processor = model, processor

    @classmethod
    def load(cls, name: str, device: str = "auto") -> Self:
        """Raises MissingError (not on this machine), FileError (not such a model), UnavailableError (a
        library is missing)."""
        source = _source(name)
        if source.config_or_nothing().get("model_type") != KIND:
            raise _other(name, "Its config.json does not say that it is a CLIPSeg model.")
        try:
            with quiet_loading():
                return cls(_model(source).to(pick_device(device)), source.processor)
        except (ImportError, AttributeError) as error:
            raise UnavailableError(
                "A part that this segmentation model needs is not installed",
                where=name,
                why=first_line(error),
                remedy="Install it into the studio's environment (python -m pip install torchvision).",
            ) from error
        except (OSError, ValueError, KeyError, RuntimeError, TypeError, SafetensorError) as error:
            if memory.is_full(error):
                raise
            raise _other(name, first_line(error)) from error

    @torch.inference_mode()
    def mask(self, image: Image, words: str, threshold: float = THRESHOLD) -> Image:
        """White where the image shows what the words name, black elsewhere; as large as the image.
        InputError without words, and where nothing is found."""
        if not words.strip():
            raise InputError(
                "Nothing is named", remedy="Say what the mask is to mark, e.g. “a dog”."
            )
        inputs = self.processor(
            text=[words.strip()], images=[opaque(image)], return_tensors="pt",
            padding=True, truncation=True,
        ).to(self.model.device)  # fmt: skip
        answer = self.model(**inputs).logits.float().cpu()
        sure = torch.sigmoid(answer.reshape(1, 1, *answer.shape[-2:]))
        fitted = torch.nn.functional.interpolate(
            sure, size=(image.height, image.width), mode="bilinear", align_corners=False
        )[0, 0]
        found = (fitted >= threshold).numpy()
        if not found.any():
            raise InputError(
                f"Nothing was found for “{words.strip()[:80]}”",
                why=f"The model is at most {float(fitted.max()):.0%} sure, and {threshold:.0%} are asked for.",
                remedy="Use other words or a lower threshold, or paint the mask.",
            )
        return pillow.fromarray(found.astype("uint8") * 255)


def _source(name: str) -> Source:
    try:
        return Source.named(name)
    except (MissingError, FileError) as error:
        raise MissingError(
            "This segmentation model is not on this machine"
            if name.strip()
            else "No model is named",
            where=name or None,
            remedy="Name the folder of a CLIPSeg model, or the hub id of one that was downloaded, such "
            "as CIDAS/clipseg-rd64-refined.",
        ) from error


def _model(source: Source) -> Any:
    from transformers import CLIPSegForImageSegmentation

    return load_whole(CLIPSegForImageSegmentation, source, torch.float32)


def _other(name: str, why: str) -> FileError:
    return FileError(
        "This folder is not a segmentation model the studio can load",
        where=name,
        why=why,
        remedy="It must hold a CLIPSeg model with safetensors weights and its processor.",
    )
