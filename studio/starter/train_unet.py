"""Trains the starter's UNet on cached latents of ordinary scenes, under the frozen text tower.

Half of them show two things side by side.

ε-prediction, min-SNR-γ weighting (Hang et al. 2023, γ = 5), one caption in ten dropped for
classifier-free guidance. It never sees a concept.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from transformers import CLIPTokenizer

from studio.starter import data, world
from studio.starter.models import make_clip, make_scheduler, make_unet, make_vae
from studio.starter.train_vae import to_tensor
from studio.starter.training import Schedule, averaged_weights, train

SCHEDULE = Schedule(peak=1.2e-3, steps=12_500, warmup=200, hold=0.25, averaging=0.999)
BATCH = 32
SNR_GAMMA = 5.0
DROPPED = 0.1
PAIR_SHARE = 0.5  # one thing is learnt soon; which colour belongs to which of two takes long


class PreciseAttention(TorchFunctionMode):
    """Keeps attention in single precision under autocast.

    On a CPU its bf16 backward pass is ten times as slow as the single-precision one, and half of
    a whole step of this UNet.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is not F.scaled_dot_product_attention:
            return func(*args, **(kwargs or {}))
        query, key, value = (part.float() for part in args)
        with torch.autocast(query.device.type, enabled=False):
            return func(query, key, value, **(kwargs or {})).to(args[0].dtype)


@torch.no_grad()
def encoded(path: Path, vae: nn.Module, images: np.ndarray) -> torch.Tensor:
    """Unscaled latent means of images, float16 [N, 4, 16, 16], made once."""
    if not path.exists():
        device = next(vae.parameters()).device
        found = np.empty((len(images), 4, 16, 16), np.float16)
        for start in range(0, len(images), 32):
            pixels = to_tensor(images[start : start + 32]).to(device)
            found[start : start + 32] = vae.encode(pixels).latent_dist.mode().cpu().numpy()
        data.save_array(path, found)
    return torch.from_numpy(np.load(path))


def cached_latents(state: Path, device: str = "cpu") -> tuple[torch.Tensor, float]:
    """Latents of the ordinary training scenes, and their scale.

    The scale is 1 / standard deviation, as in SD 1.x's `scaling_factor`.
    """
    vae = averaged_weights(state, "vae", make_vae()).to(device)
    images = data.base_images(state, data.MORE_SCENES)
    latents = encoded(state / f"latents-{data.MORE_SCENES}.npy", vae, images)
    return latents, scaling_factor(latents)


def pair_latents(state: Path, device: str = "cpu") -> torch.Tensor:
    """Latents of the training scenes with two things."""
    vae = averaged_weights(state, "vae", make_vae()).to(device)
    return encoded(state / f"latents-pairs-{data.PAIRS}.npy", vae, data.pair_images(state))


def scaling_factor(latents: torch.Tensor) -> float:
    """1 / standard deviation of latents, to five digits."""
    return round(1 / float(latents.float().std()), 5)


def train_unet(state: Path, schedule: Schedule = SCHEDULE, device: str = "cpu") -> nn.Module:
    """Runs (or resumes) the stage and returns the averaged UNet."""
    tokenizer = CLIPTokenizer.from_pretrained(state / "tokenizer")
    clip = averaged_weights(state, "clip", make_clip(tokenizer)).to(device)
    alone, scale = cached_latents(state, device)
    pairs = pair_latents(state, device)
    latents = torch.cat([alone, pairs])
    signal = make_scheduler().alphas_cumprod
    snr = signal / (1 - signal)
    weight = snr.clamp(max=SNR_GAMMA) / snr
    torch.manual_seed(4)
    scenes = [world.random_scene(i) for i in range(len(alone))]
    scenes += [world.random_pair(i) for i in range(len(pairs))]
    attention = PreciseAttention() if device == "cpu" else contextlib.nullcontext()

    def loss_of(unet: nn.Module, step: int) -> torch.Tensor:
        rng = np.random.default_rng([15, step])
        draws = torch.Generator().manual_seed(step)
        rows = np.where(
            rng.random(BATCH) < PAIR_SHARE,
            len(alone) + rng.integers(len(pairs), size=BATCH),
            rng.integers(len(alone), size=BATCH),
        )
        texts = data.training_captions(rng, [scenes[i] for i in rows])
        texts = ["" if rng.random() < DROPPED else text for text in texts]
        ids = tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt").input_ids
        with torch.no_grad():
            context = clip.text_model(ids.to(device)).last_hidden_state
        clean = latents[rows].float() * scale
        noise = torch.randn(clean.shape, generator=draws)
        # Evenly spread timesteps in a batch make its loss steadier than independent ones.
        spots = (torch.arange(BATCH) + torch.rand(BATCH, generator=draws)) / BATCH
        timesteps = (spots * len(signal)).long()
        share = signal[timesteps].view(-1, 1, 1, 1)
        noisy = share.sqrt() * clean + (1 - share).sqrt() * noise
        with torch.autocast(torch.device(device).type, torch.bfloat16), attention:
            guess = unet(noisy.to(device), timesteps.to(device), context).sample.float()
        error = (guess - noise.to(device)).square().mean(dim=(1, 2, 3))
        return (error * weight[timesteps].to(device)).mean()

    unet = make_unet().to(memory_format=torch.channels_last)
    return train(state, "unet", unet, loss_of, schedule, None, device)
