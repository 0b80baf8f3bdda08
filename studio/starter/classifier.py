"""The judge of generated images: a small CNN that names kind, colour and place.

Trained on renders only (sharp, blurred, noisy, or through the VAE), never on generated images.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

from studio.starter import world

HEADS: dict[str, tuple[str, ...]] = {
    "kind": world.KINDS,
    "colour": world.COLOURS,
    "place": world.PLACES,
}


def _layer(width_in: int, width_out: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(width_in, width_out, size, stride=stride, padding=size // 2)
    return nn.Sequential(conv, nn.GroupNorm(8, width_out), nn.SiLU())


class AttributeClassifier(nn.Module):
    """Images float [B, 3, 64, 64] in [-1, 1] to logits of each head, 0.34 M parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _layer(3, 32, size=5, stride=2),
            _layer(32, 64, stride=2),
            _layer(64, 96),
            _layer(96, 128, stride=2),
            _layer(128, 128),
        )
        self.heads = nn.ModuleDict(
            {name: nn.Linear(256, len(labels)) for name, labels in HEADS.items()}
        )

    def forward(self, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
        """Logits by head: kind [B, 12], colour [B, 12], place [B, 8]."""
        maps = self.features(pixels)
        found = torch.cat([maps.mean(dim=(2, 3)), F.adaptive_max_pool2d(maps, 1).flatten(1)], dim=1)
        return {name: head(found) for name, head in self.heads.items()}

    @torch.no_grad()
    def predict(self, images: np.ndarray) -> dict[str, list[str]]:
        """The most likely kind, colour and place of each image, uint8 [N, 64, 64, 3]."""
        if images.ndim != 4 or images.shape[1:] != (64, 64, 3) or images.dtype != np.uint8:
            raise ValueError(
                f"The classifier reads uint8 images [N, 64, 64, 3]; these are {images.dtype} "
                f"{list(images.shape)}. Resize them to 64 × 64 first."
            )
        weights = next(self.parameters())
        names: dict[str, list[str]] = {name: [] for name in HEADS}
        for chunk in np.array_split(images, max(1, len(images) // 64)):
            pixels = torch.from_numpy(np.ascontiguousarray(chunk)).to(weights.device)
            pixels = pixels.permute(0, 3, 1, 2).to(weights.dtype) / 127.5 - 1
            for name, logits in self(pixels).items():
                names[name] += [HEADS[name][i] for i in logits.argmax(dim=1).tolist()]
        return names

    def save(self, path: Path) -> None:
        """Writes the weights in half precision."""
        save_file({k: v.half().contiguous() for k, v in self.state_dict().items()}, path)

    @classmethod
    def load(cls, path: Path | str) -> AttributeClassifier:
        """The classifier of a file that `save` wrote, in single precision, ready to predict."""
        judge = cls()
        judge.load_state_dict({k: v.float() for k, v in load_file(path).items()})
        return judge.eval().requires_grad_(False)


def accuracy(
    judge: AttributeClassifier, images: np.ndarray, scenes: list[world.Scene]
) -> dict[str, float]:
    """Share of images named as their scenes say, by head."""
    found = judge.predict(images)
    return {
        name: float(
            np.mean([f == getattr(s, name) for f, s in zip(found[name], scenes, strict=True)])
        )
        for name in HEADS
    }
