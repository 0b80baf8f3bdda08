"""Writes the trained parts as one diffusers folder, in half precision, and the sample datasets."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image
from transformers import CLIPProcessor, CLIPTokenizer
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from studio.starter import world
from studio.starter.classifier import AttributeClassifier
from studio.starter.models import IMAGE_SIZE, make_clip, make_scheduler, make_unet, make_vae
from studio.starter.train_captioner import make_model, make_processor
from studio.starter.train_unet import cached_latents
from studio.starter.training import averaged_weights

DATASET_IMAGES, HELD_OUT_IMAGES = 12, 16


def export(state: Path, out: Path) -> None:
    """Replaces the weights in `out` by the averaged weights of every part's last checkpoint."""
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = CLIPTokenizer.from_pretrained(state / "tokenizer")
    clip = averaged_weights(state, "clip", make_clip(tokenizer)).half()
    vae = averaged_weights(state, "vae", make_vae()).half()
    _, scale = cached_latents(state)
    vae.register_to_config(scaling_factor=scale)
    unet = averaged_weights(state, "unet", make_unet()).half()
    pipeline = StableDiffusionPipeline(
        vae=vae,
        text_encoder=clip.text_model,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=make_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(out, safe_serialization=True)
    clip.save_pretrained(out / "clip")
    pixels = CLIPImageProcessorPil(
        size={"shortest_edge": IMAGE_SIZE},
        crop_size={"height": IMAGE_SIZE, "width": IMAGE_SIZE},
        image_mean=[0.5, 0.5, 0.5],
        image_std=[0.5, 0.5, 0.5],
    )
    CLIPProcessor(pixels, tokenizer).save_pretrained(out / "clip")
    processor = make_processor()
    averaged_weights(state, "captioner", make_model(processor)).half().save_pretrained(
        out / "captioner"
    )
    processor.save_pretrained(out / "captioner")
    judge = averaged_weights(state, "classifier", AttributeClassifier())
    assert isinstance(judge, AttributeClassifier)
    judge.save(out / "classifier.safetensors")
    write_datasets(out.parent)
    sample_sheet(out, out / "samples.webp")
    size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    print(f"Exported the starter to {out}: {size / 1e6:.1f} MB", flush=True)


def write_datasets(assets: Path) -> None:
    """A ready dataset for each concept: training images, held-out images and dataset.toml.

    The familiar ones go to `datasets`, which the studio offers as samples, the others to `study`.
    """
    for name, concept in world.CONCEPTS.items():
        home = assets / ("study" if concept.study else "datasets") / name
        shutil.rmtree(home, ignore_errors=True)
        world.write_folder(home, world.concept_scenes(name, "train", DATASET_IMAGES))
        world.write_folder(
            home / "held_out", world.concept_scenes(name, "held_out", HELD_OUT_IMAGES)
        )
        (home / "dataset.toml").write_text(
            f"# {concept.description}\n"
            f'name = "{name}"\n'
            f'kind = "{concept.kind}"\n'
            f'trigger = "{concept.trigger}"\n'
            f'class_word = "{concept.class_word}"\n'
            "repeats = 1\n"
            'held_out = "held_out"   # never trained on; shows places or kinds that training lacks\n',
            encoding="utf-8",
        )


@torch.no_grad()
def sample_sheet(folder: Path, path: Path, side: int = 8, seed: int = 7) -> None:
    """A sheet of generated images of fresh scenes, for the model card: every fourth with a pair."""
    from studio.starter.data import fresh_pairs, fresh_scenes
    from studio.starter.measure import generate, load_pipeline

    count = side * side
    scenes = [
        pair if index % 4 == 3 else scene
        for index, (scene, pair) in enumerate(
            zip(fresh_scenes(count, seed), fresh_pairs(count, seed), strict=True)
        )
    ]
    images = generate(load_pipeline(folder), [world.caption(scene) for scene in scenes], seed)
    lines = [np.concatenate(list(row), axis=1) for row in np.split(images, side)]
    sheet = Image.fromarray(np.concatenate(lines))
    sheet = sheet.resize((sheet.width * 2, sheet.height * 2), Image.Resampling.LANCZOS)
    sheet.save(path, quality=88, method=6)
