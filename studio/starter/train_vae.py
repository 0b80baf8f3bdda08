"""Trains the starter's AutoencoderKL on ordinary scenes and on all four concepts.

The VAE alone sees the concepts: otherwise its own error would be the floor of every measurement
of a method that learns one.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from studio.starter import data, world
from studio.starter.models import make_vae
from studio.starter.training import Schedule, train

SCHEDULE = Schedule(peak=1.5e-3, steps=8_000, warmup=150, averaging=0.998)
BATCH = 8
CONCEPT_SHARE = 0.28
KL_WEIGHT = 1e-4
TINT_WEIGHT = 8.0


def to_tensor(images: np.ndarray) -> torch.Tensor:
    """uint8 [B, H, W, 3] to float [B, 3, H, W] in [-1, 1]."""
    return torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).float() / 127.5 - 1


def psnr(vae: nn.Module, images: np.ndarray, device: str = "cpu") -> float:
    """Mean peak signal-to-noise ratio in dB of reconstructions, over uint8 images."""
    values = []
    for chunk in np.array_split(images, max(1, len(images) // 16)):
        pixels = to_tensor(chunk).to(device)
        with torch.no_grad():
            again = vae.decode(vae.encode(pixels).latent_dist.mode()).sample.clamp(-1, 1)
        error = ((again - pixels) / 2).square().mean(dim=(1, 2, 3))
        values += (-10 * error.log10()).tolist()
    return float(np.mean(values))


def edges(pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Differences between neighbours, along x and along y."""
    return pixels[..., 1:] - pixels[..., :-1], pixels[..., 1:, :] - pixels[..., :-1, :]


def tints(pixels: torch.Tensor) -> torch.Tensor:
    """Colour without lightness, over 4×4 pixels: [B, 3, H, W] to [B, 3, H/4, W/4]."""
    return F.avg_pool2d(pixels - pixels.mean(dim=1, keepdim=True), 4)


def train_vae(state: Path, schedule: Schedule = SCHEDULE, device: str = "cpu") -> nn.Module:
    """Runs (or resumes) the stage and returns the averaged VAE."""
    base, concepts = data.base_images(state), data.concept_images(state)
    fresh = np.stack([world.render(scene) for scene in data.fresh_scenes(48)])
    names = world.FAMILIAR
    unseen = np.stack([p for name in names for p, _ in world.concept_scenes(name, "held_out", 12)])
    torch.manual_seed(0)

    def loss_of(vae: nn.Module, step: int) -> torch.Tensor:
        rng = np.random.default_rng([11, step])
        noise = torch.Generator().manual_seed(step)
        few = rng.binomial(BATCH, CONCEPT_SHARE)
        rows = [base[i] for i in rng.integers(len(base), size=BATCH - few)]
        rows += [concepts[i] for i in rng.integers(len(concepts), size=few)]
        pixels = to_tensor(np.stack(rows)).to(device)
        kind = torch.device(device).type
        with torch.autocast(kind, torch.bfloat16):
            latent = vae.encode(pixels).latent_dist
            jitter = torch.randn(latent.mean.shape, generator=noise).to(device)
            again = vae.decode(latent.mean + latent.std * jitter).sample
        again = again.float()
        loss = F.l1_loss(again, pixels) + 2.0 * F.mse_loss(again, pixels)
        loss = loss + 0.5 * sum(
            F.l1_loss(a, b) for a, b in zip(edges(again), edges(pixels), strict=True)
        )
        # Without this the four channels describe shapes long before they describe hues.
        loss = loss + TINT_WEIGHT * F.mse_loss(tints(again), tints(pixels))
        kl = 0.5 * (latent.mean.float() ** 2 + latent.var.float() - 1 - latent.logvar.float())
        return loss + KL_WEIGHT * kl.mean()

    def report(vae: nn.Module) -> str:
        return f"PSNR scenes {psnr(vae, fresh, device):.2f} dB, concepts {psnr(vae, unseen, device):.2f} dB"

    return train(state, "vae", make_vae(), loss_of, replace(schedule), report, device)
