"""Trains a tiny BLIP that writes "a red cat on the beach" under an image of one."""

from __future__ import annotations

import string
from pathlib import Path

import numpy as np
import torch
from torch import nn
from transformers import BertTokenizer, BlipProcessor
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

from studio.starter import data, world
from studio.starter.models import IMAGE_SIZE, make_captioner
from studio.starter.train_classifier import worsen
from studio.starter.train_vae import to_tensor
from studio.starter.training import Schedule, train

SCHEDULE = Schedule(peak=1.5e-3, steps=5_000, warmup=100, averaging=0.995, weight_decay=0.02)
BATCH = 64
BEGIN = "[DEC]"


def make_processor() -> BlipProcessor:
    """The captioner's word tokenizer (the world's words, and letters for all others) and pixels."""
    words: set[str] = set()
    for index in range(4_000):
        text = world.caption(world.random_scene(index), index % world.TEMPLATES)
        words.update(text.replace(",", " ").split())
    letters = [*string.ascii_lowercase, *string.digits, *string.punctuation]
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", BEGIN]
    names = [*special, *letters, *(f"##{x}" for x in string.ascii_lowercase + string.digits)]
    names = list(dict.fromkeys([*names, *sorted(words)]))
    tokenizer = BertTokenizer(
        vocab={name: index for index, name in enumerate(names)},
        bos_token=BEGIN,
        model_max_length=48,
    )
    pixels = BlipImageProcessorPil(
        size={"height": IMAGE_SIZE, "width": IMAGE_SIZE},
        image_mean=[0.5, 0.5, 0.5],
        image_std=[0.5, 0.5, 0.5],
    )
    return BlipProcessor(pixels, tokenizer)


def make_model(processor: BlipProcessor) -> nn.Module:
    """The untrained captioner for a processor's vocabulary."""
    tokenizer = processor.tokenizer
    begin = tokenizer.convert_tokens_to_ids(BEGIN)
    return make_captioner(len(tokenizer), begin, tokenizer.sep_token_id, tokenizer.pad_token_id)


@torch.no_grad()
def write_captions(model: nn.Module, processor: BlipProcessor, images: np.ndarray) -> list[str]:
    """A caption for each image, uint8 [N, 64, 64, 3]."""
    device = next(model.parameters()).device
    written: list[str] = []
    for chunk in np.array_split(images, max(1, len(images) // 64)):
        pixels = processor(images=list(chunk), return_tensors="pt")["pixel_values"].to(device)
        ids = model.generate(pixel_values=pixels, max_new_tokens=16, do_sample=False)
        written += processor.batch_decode(ids, skip_special_tokens=True)
    return written


def all_right(written: list[str], scenes: list[world.Scene]) -> float:
    """Share of captions that name kind, colour and place as the scene has them."""
    good = 0
    for text, scene in zip(written, scenes, strict=True):
        found = world.attributes(text)
        good += all(found[key] == getattr(scene, key) for key in ("kind", "colour", "place"))
    return good / len(scenes)


def train_captioner(state: Path, schedule: Schedule = SCHEDULE, device: str = "cpu") -> nn.Module:
    """Runs (or resumes) the stage and returns the averaged captioner."""
    base = data.base_images(state, data.MORE_SCENES)
    processor = make_processor()
    tokenizer = processor.tokenizer
    begin = tokenizer.convert_tokens_to_ids(BEGIN)
    scenes = data.fresh_scenes(200, seed=1)
    images = np.stack([world.render(scene) for scene in scenes])
    torch.manual_seed(3)

    def loss_of(model: nn.Module, step: int) -> torch.Tensor:
        rng = np.random.default_rng([14, step])
        rows = rng.integers(len(base), size=BATCH)
        pixels = worsen(to_tensor(np.stack([base[i] for i in rows])), rng).to(device)
        texts = [world.caption(world.random_scene(int(i))) for i in rows]
        batch = tokenizer(texts, padding="longest", return_tensors="pt")
        ids = batch["input_ids"]
        ids[:, 0] = begin
        labels = ids.masked_fill(ids == tokenizer.pad_token_id, -100)
        with torch.autocast(torch.device(device).type, torch.bfloat16):
            return model(
                pixel_values=pixels,
                input_ids=ids.to(device),
                attention_mask=batch["attention_mask"].to(device),
                labels=labels.to(device),
            ).loss

    def report(model: nn.Module) -> str:
        written = write_captions(model, processor, images)
        return f"all three right {all_right(written, scenes):.1%}, e.g. {written[0]!r}"

    return train(state, "captioner", make_model(processor), loss_of, schedule, report, device)
