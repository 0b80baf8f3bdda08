"""Measures of pictures: KID, image–text and image–image similarity, all on CLIP features.

Owns: the CLIP that measures, and the formulas. Refuses to know: who drew the pictures.

Shapes: N, M pictures or texts · D feature width · H × W pixels. Features are L2-normalised rows.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from studio.caption.captioner import quiet_loading
from studio.device import pick_device
from studio.errors import FileError, InputError, UnavailableError

if TYPE_CHECKING:
    from PIL.Image import Image

OPENAI_CLIP = "openai/clip-vit-large-patch14"
_MEAN, _DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
_BLOCK = 2048  # rows of a kernel matrix held at once


class ClipMeter:
    """A full CLIP: pictures and texts become comparable directions."""

    def __init__(
        self, model: Any, tokenizer: Any, mean: Sequence[float], deviation: Sequence[float]
    ):
        self.model = model
        self.tokenizer = tokenizer
        self.side = int(model.config.vision_config.image_size)
        self._mean = torch.tensor(mean).view(1, 3, 1, 1)
        self._deviation = torch.tensor(deviation).view(1, 3, 1, 1)

    @torch.inference_mode()
    def image_features(
        self, images: Tensor | np.ndarray | Sequence[Image], batch_size: int = 32
    ) -> Tensor:
        """Pictures, uint8 [N, H, W, 3] or PIL of any sizes → features [N, D], fp32 on the CPU.

        The short side becomes CLIP's own, bicubic with antialiasing; the middle square counts.
        """
        rows = [
            self._image_rows(images[start : start + batch_size])
            for start in range(0, len(images), batch_size)
        ]
        return torch.cat(rows) if rows else torch.zeros(0, int(self.model.config.projection_dim))

    @torch.inference_mode()
    def text_features(self, texts: Sequence[str], batch_size: int = 64) -> Tensor:
        """Texts → features [N, D], fp32 on the CPU; what is longer than CLIP's 77 tokens is cut."""
        rows = []
        for start in range(0, len(texts), batch_size):
            tokens = self.tokenizer(
                list(texts[start : start + batch_size]),
                padding="longest", truncation=True, max_length=self._positions, return_tensors="pt",
            ).to(self.model.device)  # fmt: skip
            found = self.model.get_text_features(tokens["input_ids"], tokens["attention_mask"])
            rows.append(_directions(found))
        return torch.cat(rows) if rows else torch.zeros(0, int(self.model.config.projection_dim))

    @property
    def _positions(self) -> int:
        return int(self.model.config.text_config.max_position_embeddings)

    def _image_rows(self, images: Tensor | np.ndarray | Sequence[Image]) -> Tensor:
        if isinstance(images, np.ndarray):
            images = torch.from_numpy(np.ascontiguousarray(images))
        if isinstance(images, Tensor):
            pixels = self._square(images.permute(0, 3, 1, 2))
        else:
            pixels = torch.cat([self._square(_pixels(image)) for image in images])
        pixels = (pixels - self._mean) / self._deviation
        return _directions(self.model.get_image_features(pixels.to(self.model.device)))

    def _square(self, pixels: Tensor) -> Tensor:
        """uint8 [N, 3, H, W] → fp32 [N, 3, side, side] in 0…1."""
        height, width = pixels.shape[-2:]
        short = min(height, width)
        size = self.side * height // short, self.side * width // short
        pixels = pixels.float()
        if size != (height, width):
            pixels = (
                F.interpolate(pixels, size, mode="bicubic", antialias=True, align_corners=False)
                .clamp(0, 255)
                .round()
            )
        top, left = (size[0] - self.side) // 2, (size[1] - self.side) // 2
        return pixels[..., top : top + self.side, left : left + self.side] / 255


def load_clip(folder: str | Path, device: str | torch.device = "cpu") -> ClipMeter:
    """The CLIP of a base: its `clip` sub-folder, the folder itself when it is a CLIP, or OpenAI's
    ViT-L/14 where this machine has it already. Computes in fp32.

    Nothing is downloaded. Raises UnavailableError that says how to get one, FileError when the
    one that is there cannot be loaded.
    """
    base = Path(folder)
    home = base if base.is_dir() else base.parent
    found = next((place for place in (home / "clip", home) if _is_clip(place)), None) or _cached()
    if found is None:
        raise UnavailableError(
            "There is no CLIP beside this base, so its pictures cannot be measured",
            where=base,
            remedy=f"Get one with: hf download {OPENAI_CLIP} --local-dir “{home / 'clip'}” "
            "(1.7 GB); any full CLIP model in that folder works.",
        )
    from transformers import CLIPModel, CLIPTokenizer

    tokens = found if (found / "tokenizer_config.json").is_file() else home / "tokenizer"
    try:
        tokenizer = CLIPTokenizer.from_pretrained(tokens, local_files_only=True)
        with quiet_loading():
            model = CLIPModel.from_pretrained(
                found, dtype=torch.float32, local_files_only=True, use_safetensors=True
            )
        mean, deviation = _normalisation(found)
    except Exception as error:  # the library fails in many ways on broken folders
        raise FileError(
            "The CLIP beside this base cannot be loaded",
            where=found,
            why=(str(error).strip().splitlines() or [type(error).__name__])[0][:200],
            remedy="It must be a full CLIP model with safetensors weights and its tokenizer.",
        ) from error
    target = pick_device(device) if isinstance(device, str) else device
    return ClipMeter(model.to(target).eval().requires_grad_(False), tokenizer, mean, deviation)


def kid(a: Tensor, b: Tensor) -> float:
    """Kernel Inception Distance on CLIP features [N, D] and [M, D]: unbiased MMD², may be < 0.

    Kernel (x·y / D + 1)³ of Bińkowski et al. 2018 (arXiv:1801.01401) on rows of length √D, which
    is (cos + 1)³ on the L2-normalised rows taken here. State N and M beside it. Computed in fp64.
    Raises InputError for fewer than two pictures on a side, or rows that are no numbers.
    """
    a, b = _rows(a), _rows(b)
    n, m = len(a), len(b)
    same_a = (_kernel_sum(a, a) - _kernel_diagonal(a)) / (n * (n - 1))
    same_b = (_kernel_sum(b, b) - _kernel_diagonal(b)) / (m * (m - 1))
    return same_a + same_b - 2 * _kernel_sum(a, b) / (n * m)


def kid_error(a: Tensor, b: Tensor, subsets: int = 40, most: int = 1000) -> float | None:
    """Standard error of `kid(a, b)`: spread over random subsets, the same ones every time.

    The delete-d jackknife (Shao & Wu 1989): subsets hold the share f of each side (a half, or
    `most` rows when that is fewer), error = √(f / (1 − f)) · deviation. None below 8 rows.
    """
    a, b = _rows(a), _rows(b)
    if min(len(a), len(b)) < 8:
        return None
    share = min(0.5, most / max(len(a), len(b)))
    generator = torch.Generator().manual_seed(0)
    values = []
    for _ in range(subsets):
        parts = []
        for side in (a, b):
            size = max(2, round(share * len(side)))
            parts.append(side[torch.randperm(len(side), generator=generator)[:size]])
        values.append(kid(*parts))
    return float(np.std(values, ddof=1)) * (share / (1 - share)) ** 0.5


def image_text(images: Tensor, texts: Tensor) -> float:
    """Mean cosine between pictures [N, D] and each one's own prompt [N, D] (CLIPScore, unscaled)."""
    assert images.shape == texts.shape, "one prompt per picture"
    return float((images.double() * texts.double()).sum(dim=1).mean())


def image_image(images: Tensor, references: Tensor) -> float:
    """Mean cosine over all pairs of pictures [N, D] and references [M, D] (CLIP-I, Ruiz 2022)."""
    return float((images.double() @ references.double().T).mean())


def image_reference(images: Tensor, references: Tensor) -> float:
    """Mean cosine between pictures [N, D] and the mean direction of the references [M, D]."""
    return float((images.double() @ F.normalize(references.double().mean(dim=0), dim=0)).mean())


def _rows(features: Tensor) -> Tensor:
    features = features.double()
    if features.ndim != 2 or len(features) < 2:
        raise InputError(
            "KID needs at least two pictures on each side",
            why=f"There are {len(features)} on one",
            remedy="Choose a folder with more pictures, or draw more.",
        )
    if not bool(features.isfinite().all()):
        raise InputError("Some pictures have no features: they are damaged or all NaN")
    return F.normalize(features, dim=1)


def _kernel(a: Tensor, b: Tensor) -> Tensor:
    return (a @ b.T + 1) ** 3


def _kernel_sum(a: Tensor, b: Tensor) -> float:
    return float(sum(_kernel(rows, b).sum() for rows in a.split(_BLOCK)))


def _kernel_diagonal(a: Tensor) -> float:
    return float((((a * a).sum(dim=1) + 1) ** 3).sum())


def _pixels(image: Image) -> Tensor:
    """PIL → uint8 [1, 3, H, W]; transparency becomes white."""
    if "A" in image.getbands():
        from PIL import Image as pillow

        white = pillow.new("RGBA", image.size, "white")
        image = pillow.alpha_composite(white, image.convert("RGBA"))
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)[None]


def _directions(found: Any) -> Tensor:
    """What a tower returns (its library has changed this) → unit rows, fp32 on the CPU."""
    rows = found if isinstance(found, Tensor) else found.pooler_output
    return F.normalize(rows.float(), dim=-1).cpu()


def _json(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _is_clip(folder: Path) -> bool:
    return _json(folder / "config.json").get("model_type") == "clip"


def _normalisation(folder: Path) -> tuple[Sequence[float], Sequence[float]]:
    says = _json(folder / "preprocessor_config.json")
    says = says or _json(folder / "processor_config.json").get("image_processor", {})
    return says.get("image_mean", _MEAN), says.get("image_std", _DEVIATION)


def _cached() -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(OPENAI_CLIP, "config.json")
    weights = try_to_load_from_cache(OPENAI_CLIP, "model.safetensors")
    both = isinstance(config, str) and isinstance(weights, str)
    return Path(str(config)).parent if both else None
