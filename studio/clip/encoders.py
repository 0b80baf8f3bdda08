"""The CLIP of a base, loaded: images and texts become comparable directions.

Owns: loading it, preparing images, features. Refuses to know: where it lies
(`clip.folder`), what features are used for.

Shapes: N images or texts · D width of the shared space · H × W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from studio.clip.folder import ClipFolder, find_clip, home_of
from studio.clip.pixels import squares
from studio.core.counts import counted
from studio.core.device import pick_device
from studio.core.tables import read_table
from studio.families.base import Base
from studio.families.libraries import broken_as, quietly

if TYPE_CHECKING:
    from PIL.Image import Image

_MEAN, _DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


class Clip:
    """A full CLIP. Features are fp32 on the CPU; rows have length 1 unless they are called raw."""

    def __init__(
        self, model: Any, tokenizer: Any, mean: Sequence[float], deviation: Sequence[float]
    ):
        self.model = model
        self.tokenizer = tokenizer
        self.side = int(model.config.vision_config.image_size)
        self.width = int(model.config.projection_dim)
        self._mean = torch.tensor(mean).view(1, 3, 1, 1)
        self._deviation = torch.tensor(deviation).view(1, 3, 1, 1)

    def image_features(
        self, images: Tensor | np.ndarray | Sequence[Image], batch_size: int = 32
    ) -> Tensor:
        """Images, uint8 [N, H, W, 3] or PIL of any sizes → directions [N, D].

        The short side becomes CLIP's own, bicubic with antialiasing; the middle square counts.
        """
        return F.normalize(self.raw_image_features(images, batch_size), dim=-1)

    @torch.inference_mode()
    def raw_image_features(
        self, images: Tensor | np.ndarray | Sequence[Image], batch_size: int = 32
    ) -> Tensor:
        """The same with the length that CLIP gives each row, as aesthetic embeddings average it."""
        rows = [
            self._image_rows(images[start : start + batch_size])
            for start in range(0, len(images), batch_size)
        ]
        return torch.cat(rows) if rows else torch.zeros(0, self.width)

    @torch.inference_mode()
    def text_features(self, texts: Sequence[str], batch_size: int = 64) -> Tensor:
        """Texts → directions [N, D]; what is longer than CLIP's 77 tokens is cut."""
        rows = []
        for start in range(0, len(texts), batch_size):
            tokens = self.tokenizer(
                list(texts[start : start + batch_size]),
                padding="longest", truncation=True, max_length=self._positions, return_tensors="pt",
            ).to(self.model.device)  # fmt: skip
            found = self.model.get_text_features(tokens["input_ids"], tokens["attention_mask"])
            rows.append(F.normalize(_plain(found), dim=-1))
        return torch.cat(rows) if rows else torch.zeros(0, self.width)

    @property
    def _positions(self) -> int:
        return int(self.model.config.text_config.max_position_embeddings)

    def _image_rows(self, images: Tensor | np.ndarray | Sequence[Image]) -> Tensor:
        pixels = squares(images, self.side)
        pixels = (pixels - self._mean) / self._deviation
        return _plain(self.model.get_image_features(pixels.to(self.model.device)))


def load_clip(
    folder: str | Path, device: str | torch.device = "cpu", text_widths: Sequence[int] = ()
) -> Clip:
    """The CLIP of the base in `folder`, found as `folder.find_clip` does; fp32.

    Nothing is downloaded. Raises UnavailableError that says how to get one, FileError when the
    one that is there cannot be loaded.
    """
    found, home = find_clip(folder, text_widths=text_widths), home_of(folder)
    tokens = found.path if (found.path / "tokenizer_config.json").is_file() else home / "tokenizer"
    target = pick_device(device) if isinstance(device, str) else device

    with _broken(found):
        from transformers import CLIPModel, CLIPTokenizer

        tokenizer = CLIPTokenizer.from_pretrained(tokens, local_files_only=True)
        model = _model(CLIPModel, found.path).to(target)
        return Clip(model, tokenizer, *_normalisation(found.path))


def text_side(base: Base, found: ClipFolder) -> Any:
    """The text encoder of a CLIP with its projection (transformers' class), fp32 on the CPU.

    Loaded once per loaded base.
    """
    key = ("CLIP text side", found.path)
    if key not in base.memo:
        base.memo[key] = _load_text_side(found)
    return base.memo[key]


def _load_text_side(found: ClipFolder) -> Any:
    with _broken(found):
        from transformers import CLIPTextModelWithProjection

        return _model(CLIPTextModelWithProjection, found.path)


def _model(kind: Any, folder: Path) -> Any:
    # made outside inference mode, whoever asks: its weights are copied and trained
    with quietly(), _without_report(), torch.inference_mode(False):
        model, report = kind.from_pretrained(
            folder, dtype=torch.float32, local_files_only=True, use_safetensors=True,
            output_loading_info=True,
        )  # fmt: skip
        missing = [key for key in report["missing_keys"] if not key.endswith("position_ids")]
        if missing:  # they were filled with random numbers
            are = counted(len(missing), "tensor is", "tensors are")
            raise ValueError(f"{are} missing, the first is {missing[0]}")
        return model.eval().requires_grad_(False)


@contextmanager
def _without_report() -> Iterator[None]:
    """Keeps the list of parts that are not wanted (a CLIP's other side) off the terminal."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _broken(found: ClipFolder) -> AbstractContextManager[None]:
    remedy = "It must be a full CLIP model with safetensors weights and its tokenizer."
    return broken_as("The CLIP beside this base cannot be loaded", found.path, remedy)


def _plain(found: Any) -> Tensor:
    """What a tower returns (its library has changed this) → rows, fp32 on the CPU."""
    rows = found if isinstance(found, Tensor) else found.pooler_output
    return rows.float().cpu()


def _normalisation(folder: Path) -> tuple[Sequence[float], Sequence[float]]:
    says = read_table(folder / "preprocessor_config.json")
    says = says or read_table(folder / "processor_config.json").get("image_processor", {})
    return says.get("image_mean", _MEAN), says.get("image_std", _DEVIATION)
