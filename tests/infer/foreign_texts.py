"""Texts of images as other programs write them, and what is read from them."""

from __future__ import annotations

import json
from typing import Any

from studio.infer.foreign import restored
from studio.infer.foreign.record import Record
from studio.settings.training import GenerateSettings


def record(**texts: Any) -> Record:
    """The record of an image with these texts; tables are written as JSON."""
    plain = {
        key.replace("_metadata", "-metadata") if key == "sd_metadata" else key: value
        if isinstance(value, str)
        else json.dumps(value)
        for key, value in texts.items()
    }
    found = restored(plain)
    assert found is not None
    GenerateSettings.parse({k: v for k, v in found.settings.items() if k not in ("base", "stack")})
    return found


def item(name: str, strength: float = 1.0, text: float | None = None) -> dict[str, Any]:
    return {"path": name, "strength": strength, "text_strength": text}


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


GRAPH: dict[str, Any] = {
    "3": node(
        "KSampler", seed=2**40 + 9, steps=20, cfg=8, sampler_name="dpmpp_2m", scheduler="karras",
        denoise=1, model=["11", 0], positive=["6", 0], negative=["7", 0], latent_image=["5", 0],
    ),
    "4": node("CheckpointLoaderSimple", ckpt_name="v1-5-pruned-emaonly.ckpt"),
    "5": node("EmptyLatentImage", width=512, height=768, batch_size=1),
    "6": node("CLIPTextEncode", text="a [red] (cat:1.2), embedding:EasyNeg.pt", clip=["12", 0]),
    "7": node("CLIPTextEncode", text="ugly, embedding:bad-hands", clip=["12", 0]),
    "8": node("VAEDecode", samples=["3", 0], vae=["13", 0]),
    "9": node("SaveImage", filename_prefix="x", images=["8", 0]),
    "10": node("LoraLoader", lora_name="style\\neon.safetensors", strength_model=0.8,
               strength_clip=0.5, model=["4", 0], clip=["4", 1]),
    "11": node("LoraLoaderModelOnly", lora_name="detail.safetensors", strength_model=0.25,
               model=["10", 0]),
    "12": node("CLIPSetLastLayer", stop_at_clip_layer=-2, clip=["10", 1]),
    "13": node("VAELoader", vae_name="ft-mse.safetensors"),
}  # fmt: skip
EXPECTED: dict[str, Any] = {
    "seed": 9, "steps": 20, "guidance": 8.0, "sampler": "DPM++ 2M Karras",
    "prompt": r"a \[red\] (cat:1.2), EasyNeg", "negative_prompt": "ugly, bad-hands", "clip_skip": 1,
    "base": "v1-5-pruned-emaonly", "vae": "ft-mse.safetensors", "width": 512, "height": 768,
    "stack": [item("neon", 0.8, 0.5), item("detail", 0.25)],
}  # fmt: skip

WORKFLOW: dict[str, Any] = {
    "version": 0.4,
    "nodes": [
        {"id": 3, "type": "KSampler", "inputs": [
            {"name": "model", "type": "MODEL", "link": 1}, {"name": "positive", "link": 2},
            {"name": "negative", "link": 3}, {"name": "latent_image", "link": 4}],
         "widgets_values": [2**40 + 9, "randomize", 20, 8, "dpmpp_2m", "karras", 1]},
        {"id": 4, "type": "CheckpointLoaderSimple", "widgets_values": ["v1-5-pruned-emaonly.ckpt"]},
        {"id": 5, "type": "EmptyLatentImage", "widgets_values": [512, 768, 1]},
        {"id": 6, "type": "CLIPTextEncode", "inputs": [{"name": "clip", "link": 5}],
         "widgets_values": ["a [red] (cat:1.2), embedding:EasyNeg.pt"]},
        {"id": 7, "type": "CLIPTextEncode", "inputs": [{"name": "clip", "link": 5}],
         "widgets_values": ["ugly, embedding:bad-hands"]},
        {"id": 10, "type": "LoraLoader", "inputs": [
            {"name": "model", "link": 6}, {"name": "clip", "link": 7}],
         "widgets_values": ["style\\neon.safetensors", 0.8, 0.5]},
        {"id": 11, "type": "LoraLoaderModelOnly", "inputs": [{"name": "model", "link": 8}],
         "widgets_values": ["detail.safetensors", 0.25]},
        {"id": 12, "type": "CLIPSetLastLayer", "inputs": [{"name": "clip", "link": 9}],
         "widgets_values": [-2]},
        {"id": 13, "type": "VAELoader", "widgets_values": ["ft-mse.safetensors"]},
        {"id": 14, "type": "LoraLoader", "mode": 4, "inputs": [
            {"name": "model", "link": 10}, {"name": "clip", "link": 7}],
         "widgets_values": ["off.safetensors", 1, 1]},
        {"id": 15, "type": "Reroute", "inputs": [{"name": "", "link": 11}]},
        {"id": 16, "type": "Note", "mode": 2, "widgets_values": ["hello"]},
    ],
    "links": [
        [1, 15, 0, 3, 0, "MODEL"], [2, 6, 0, 3, 1, "CONDITIONING"], [3, 7, 0, 3, 2, "CONDITIONING"],
        [4, 5, 0, 3, 3, "LATENT"], [5, 12, 0, 6, 0, "CLIP"], [6, 4, 0, 10, 0, "MODEL"],
        [7, 4, 1, 10, 1, "CLIP"], [8, 14, 0, 11, 0, "MODEL"], [9, 10, 1, 12, 0, "CLIP"],
        [10, 10, 0, 14, 0, "MODEL"], [11, 11, 0, 15, 0, "MODEL"],
    ],
}  # fmt: skip
