"""DINOv2, where its weights are: an eye for details and shapes that knows no words.

Looked at in this order: the folder `dinov2` inside the base; folders beside the base that are called
like the published models; the hub's cache. Nothing is downloaded.

Owns: finding it, loading it, features. Refuses to know: what features are used for.
Source: transformers' `Dinov2Model`; the class token after the last layer's norm, as DINO of Ruiz et al.
2022 takes it.

Shapes: N images · E width of the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from studio.clip.folder import cached_model, home_of
from studio.clip.pixels import squares
from studio.core.counts import counted
from studio.core.tables import read_table
from studio.families.libraries import broken_as, quietly

if TYPE_CHECKING:
    from PIL.Image import Image

PUBLISHED = ("facebook/dinov2-base", "facebook/dinov2-small")
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Dino:
    """The model with how it wants its images."""

    def __init__(self, model: Any, says: dict[str, Any]) -> None:
        self.model = model
        self._side = _side(says.get("crop_size"), 224)
        self._short = _side(says.get("size"), 256)
        self._mean = torch.tensor(says.get("image_mean", _MEAN)).view(1, 3, 1, 1)
        self._deviation = torch.tensor(says.get("image_std", _DEVIATION)).view(1, 3, 1, 1)

    @torch.inference_mode()
    def image_features(
        self, images: Tensor | np.ndarray | Sequence[Image], batch_size: int = 32
    ) -> Tensor:
        """Images, uint8 [N, H, W, 3] or PIL of any sizes → directions [N, E], fp32 on the CPU."""
        rows = []
        for start in range(0, len(images), batch_size):
            pixels = squares(images[start : start + batch_size], self._side, self._short)
            pixels = ((pixels - self._mean) / self._deviation).to(self.model.device)
            rows.append(self.model(pixels).pooler_output.float().cpu())
        width = int(self.model.config.hidden_size)
        return F.normalize(torch.cat(rows) if rows else torch.zeros(0, width), dim=-1)


def find_dino(base: str | Path) -> Path | None:
    """The folder of the first one found for the base in `base`; None without one."""
    home = home_of(base)
    places: list[Path | None] = [home / "dinov2"]
    places += [home.parent / name.rpartition("/")[2] for name in PUBLISHED]
    places += [cached_model(name) for name in PUBLISHED]
    return next((place for place in places if place is not None and is_dino(place)), None)


def is_dino(folder: Path) -> bool:
    """Whether `folder` holds one."""
    return read_table(folder / "config.json").get("model_type") == "dinov2"


def load_dino(folder: Path, device: torch.device) -> Dino:
    """Loads it, fp32. FileError when it is damaged."""
    remedy = "It must be a DINOv2 model with safetensors weights, such as facebook/dinov2-small."
    with broken_as("The DINOv2 beside this base cannot be loaded", folder, remedy), quietly():
        from transformers import Dinov2Model

        model, report = Dinov2Model.from_pretrained(
            folder, dtype=torch.float32, local_files_only=True, use_safetensors=True,
            output_loading_info=True,
        )  # fmt: skip
        if missing := list(report["missing_keys"]):  # they were filled with random numbers
            are = counted(len(missing), "tensor is", "tensors are")
            raise ValueError(f"{are} missing, the first is {missing[0]}")
        return Dino(
            model.eval().requires_grad_(False).to(device),
            dict(read_table(folder / "preprocessor_config.json")),
        )


def _side(says: object, usual: int) -> int:
    """A size as preprocessor files state it: a number, or a table with the short edge or height."""
    if isinstance(says, dict):
        says = says.get("shortest_edge") or says.get("height")
    return says if isinstance(says, int) else usual
