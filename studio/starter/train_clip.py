"""Trains the starter's CLIP contrastively on ordinary scenes and their captions.

Its text tower becomes the pipeline's text encoder, bit for bit. It never sees a concept.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from transformers import CLIPTokenizer

from studio.starter import data, world
from studio.starter.models import make_clip
from studio.starter.train_vae import to_tensor
from studio.starter.training import Schedule, train

SCHEDULE = Schedule(peak=1.5e-3, steps=2_000, warmup=100, averaging=0.995, weight_decay=0.05)
BATCH = 128


def tokens(tokenizer: CLIPTokenizer, texts: list[str]) -> dict[str, torch.Tensor]:
    """Ids and mask as long as the longest text; the causal tower ignores what follows the end."""
    batch = tokenizer(texts, padding="longest", truncation=True, return_tensors="pt")
    return {"input_ids": batch["input_ids"], "attention_mask": batch["attention_mask"]}


def distinct_scenes(count: int, seed: int = 0) -> list[world.Scene]:
    """Fresh scenes of which no two have the same caption."""
    found: dict[str, world.Scene] = {}
    for scene in data.fresh_scenes(20 * count, seed):
        found.setdefault(world.caption(scene), scene)
        if len(found) == count:
            break
    return list(found.values())


@torch.no_grad()
def retrieval(clip: nn.Module, tokenizer: CLIPTokenizer, scenes: list[world.Scene]) -> float:
    """Share of images whose own caption is the nearest among all captions of `scenes`."""
    device = next(clip.parameters()).device
    pixels = to_tensor(np.stack([world.render(scene) for scene in scenes])).to(device)
    texts = tokens(tokenizer, [world.caption(scene) for scene in scenes])
    found = clip(pixel_values=pixels, **{k: v.to(device) for k, v in texts.items()})
    best = found.logits_per_image.argmax(dim=1).cpu()
    return float((best == torch.arange(len(scenes))).float().mean())


def train_clip(state: Path, schedule: Schedule = SCHEDULE, device: str = "cpu") -> nn.Module:
    """Runs (or resumes) the stage and returns the averaged CLIP."""
    tokenizer = CLIPTokenizer.from_pretrained(state / "tokenizer")
    base = data.base_images(state)
    trials = distinct_scenes(100)
    torch.manual_seed(1)

    def loss_of(clip: nn.Module, step: int) -> torch.Tensor:
        rng = np.random.default_rng([12, step])
        rows = rng.choice(len(base), size=BATCH, replace=False)
        pixels = to_tensor(np.stack([base[i] for i in rows]))
        pixels = pixels * float(rng.uniform(0.9, 1.1)) + 0.04 * torch.from_numpy(
            rng.standard_normal(pixels.shape, dtype=np.float32)
        )
        texts = data.training_captions(rng, [world.random_scene(int(i)) for i in rows])
        batch = {k: v.to(device) for k, v in tokens(tokenizer, texts).items()}
        with torch.autocast(torch.device(device).type, torch.bfloat16):
            logits = clip(pixel_values=pixels.to(device), **batch).logits_per_image.float()
        # Equal captions in one batch share the target.
        same = torch.tensor([[float(a == b) for b in texts] for a in texts], device=device)
        target = same / same.sum(dim=1, keepdim=True)
        return 0.5 * (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target))

    def report(clip: nn.Module) -> str:
        return f"retrieval among 100 captions {retrieval(clip, tokenizer, trials):.0%}"

    return train(state, "clip", make_clip(tokenizer), loss_of, schedule, report, device)
