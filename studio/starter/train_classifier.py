"""Trains the attribute classifier on renders: sharp, softened, noisy, and through the VAE."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from studio.starter import data, world
from studio.starter.classifier import HEADS, AttributeClassifier, accuracy
from studio.starter.models import make_vae
from studio.starter.train_vae import to_tensor
from studio.starter.training import Schedule, averaged_weights, train

SCHEDULE = Schedule(peak=2e-3, steps=3_000, warmup=100, averaging=0.995)
BATCH = 64
RECONSTRUCTED = 4_000


@torch.no_grad()
def reconstructions(state: Path, base: np.ndarray, count: int, device: str) -> np.ndarray:
    """The first `count` scenes through the VAE with slightly noisy latents, made once."""
    path = state / f"reconstructed-{count}.npy"
    if not path.exists():
        vae = averaged_weights(state, "vae", make_vae()).to(device)
        noise = torch.Generator().manual_seed(0)
        pieces = []
        for start in range(0, count, 32):
            latents = vae.encode(to_tensor(base[start : start + 32]).to(device)).latent_dist.mode()
            spread = 0.15 * latents.std() * torch.rand(len(latents), 1, 1, 1, generator=noise)
            latents = latents + spread * torch.randn(latents.shape, generator=noise).to(device)
            pixels = ((vae.decode(latents).sample.clamp(-1, 1) + 1) * 127.5).round()
            pieces.append(pixels.to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy())
        data.save_array(path, np.concatenate(pieces))
    return np.load(path, mmap_mode="r")


def worsen(pixels: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Softens a part of a batch, adds noise to a part, and shifts brightness a little."""
    batch = len(pixels)
    soft = F.avg_pool2d(pixels, 3, stride=1, padding=1, count_include_pad=False)
    share = torch.from_numpy(rng.uniform(-0.5, 1, (batch, 1, 1, 1)).astype(np.float32)).clamp(min=0)
    pixels = pixels + (soft - pixels) * share
    level = torch.from_numpy(rng.uniform(-0.08, 0.08, (batch, 1, 1, 1)).astype(np.float32))
    noise = torch.from_numpy(rng.standard_normal(pixels.shape, dtype=np.float32))
    return pixels * (1 + level) + noise * level.clamp(min=0)


def train_classifier(state: Path, schedule: Schedule = SCHEDULE, device: str = "cpu") -> nn.Module:
    """Runs (or resumes) the stage and returns the averaged classifier."""
    base = data.base_images(state)
    again = reconstructions(state, base, RECONSTRUCTED, device)
    labels = {
        name: np.array(
            [HEADS[name].index(getattr(world.random_scene(i), name)) for i in range(len(base))]
        )
        for name in HEADS
    }
    scenes = data.fresh_scenes(400)
    images = np.stack([world.render(scene) for scene in scenes])
    torch.manual_seed(2)

    def loss_of(judge: nn.Module, step: int) -> torch.Tensor:
        rng = np.random.default_rng([13, step])
        rows = rng.integers(len(base), size=BATCH)
        rows[: BATCH // 4] = rng.integers(len(again), size=BATCH // 4)
        chosen = [(again if k < BATCH // 4 else base)[i] for k, i in enumerate(rows)]
        pixels = worsen(to_tensor(np.stack(chosen)), rng).to(device)
        with torch.autocast(torch.device(device).type, torch.bfloat16):
            logits = judge(pixels)
        return sum(
            F.cross_entropy(
                logits[name].float(),
                torch.from_numpy(labels[name][rows]).to(device),
                label_smoothing=0.02,
            )
            for name in HEADS
        )

    def report(judge: nn.Module) -> str:
        assert isinstance(judge, AttributeClassifier)
        shares = accuracy(judge, images, scenes)
        return ", ".join(f"{name} {share:.1%}" for name, share in shares.items())

    return train(state, "classifier", AttributeClassifier(), loss_of, schedule, report, device)
