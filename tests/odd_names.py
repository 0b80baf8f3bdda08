"""A workspace as it looks after a zip from another country and a script that cut an emoji in two.

Owns: names and texts that are no Unicode, in every place a person's files have. Refuses to know:
what is tested with them.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import torch
from PIL import Image, ImageDraw
from safetensors.torch import save_file

ODD = os.fsdecode(b"caf\xe9")
SHOWN = "caf\ufffdE9"
HALF = "\ud83c"
CONTROL = "two\nlines \x1b[31m"


def save_image(path: Path, number: int, size: int = 32) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (size, size), (40 * number % 256, 90, 120))
    ImageDraw.Draw(image).ellipse((6, 6, 26, 26), fill=(200, 30 * number % 256, 50))
    image.save(path)


def lora(path: Path) -> None:
    """A LoRA of one layer."""
    layer = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q"
    tensors = {
        f"{layer}.lora_down.weight": torch.ones(2, 64),
        f"{layer}.lora_up.weight": torch.ones(64, 2),
        f"{layer}.alpha": torch.tensor(2.0),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)


def fill(workspace: Path) -> None:
    """Datasets, adapters, bases, stacks, runs, comparisons and outputs with such names and texts;
    beside each an ordinary one."""
    for folder in (ODD, "fine", CONTROL):
        for number, stem in enumerate(("a", ODD, "b"), 1):
            save_image(workspace / "datasets" / folder / f"{stem}.png", number)
            (workspace / "datasets" / folder / f"{stem}.txt").write_text(f"a zorp {number}")
    party = workspace / "datasets" / "party"
    save_image(party / "1.png", 1)
    save_image(party / f"{ODD}.png", 2)
    rows = [
        {"file_name": "1.png", "text": f"a party {HALF}"},
        {"file_name": f"{ODD}.png", "text": "an odd one"},
    ]
    (party / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    lora(workspace / "adapters" / "good.safetensors")
    lora(workspace / "adapters" / f"{ODD}.safetensors")
    save_image(workspace / "adapters" / f"{ODD}.preview.png", 3)
    (workspace / "adapters" / "good.json").write_text('{"activation text": "zorp \\ud83c"}')
    (workspace / "bases" / ODD).mkdir(parents=True)
    (workspace / "bases" / ODD / "model_index.json").write_text("{}")
    (workspace / "vae").mkdir(exist_ok=True)
    (workspace / "vae" / f"{ODD}.safetensors").write_bytes(b"no")
    stacks = workspace / "stacks"
    stacks.mkdir(exist_ok=True)
    (stacks / f"{ODD}.stack.json").write_text("{}")
    entry = {"file": f"x{HALF}.safetensors", "size": 1, "sha256": "0" * 64, "strength": 1.0}
    saved = {"format": "concept-studio-stack", "version": 1, "name": f"half {HALF}",
             "base": {"name": "starter", "hash": ""}, "items": [entry]}  # fmt: skip
    (stacks / "half.stack.json").write_text(json.dumps(saved))
    os.symlink("nowhere", stacks / "dead.stack.json")
    run = workspace / "runs" / ODD
    run.mkdir(parents=True)
    state = {"run": ODD, "name": f"n {HALF}", "state": "finished", "method": "lora", "base": "x",
             "step": 1, "steps": 1, "files": [os.fspath(workspace / f"{ODD}.safetensors")]}  # fmt: skip
    (run / "state.json").write_text(json.dumps(state))
    (run / "events.jsonl").write_text(json.dumps({"kind": "message", "text": HALF}) + "\n")
    comparison = workspace / "comparisons" / ODD
    comparison.mkdir(parents=True)
    facts = {"columns": [], "cells": [], "prompts": [f"p {HALF}"], "seeds": [], "created": "soon",
             "name": f"c {HALF}", "base": "starter", "complete": True}  # fmt: skip
    (comparison / "comparison.json").write_text(json.dumps(facts))
    save_image(workspace / "outputs" / "2026-01-01" / f"{ODD}.png", 1)
    os.symlink("nowhere", workspace / "outputs" / "2026-01-01" / "dead.png")


def remove(workspace: Path) -> None:
    """Odd names confuse the tools that clear up after a test."""
    shutil.rmtree(os.fsencode(workspace), ignore_errors=True)
