"""Generate, swap the stack, generate: the base is what it was, and nothing piles up."""

from __future__ import annotations

import gc
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from studio.app import Studio
from studio.core.paths import Workspace
from studio.families.loading import load_base
from studio.settings.training import GenerateSettings
from tests.tiny import write_tiny_embedding, write_tiny_lora

CYCLES, ALL = 12, 500
LAYERS = ("to_q", "to_v", "conv1", "proj_in", "q_proj", "fc1")


def tensor_bytes() -> int:
    """What all living tensors hold, each storage once."""
    gc.collect()
    storages = {
        thing.untyped_storage().data_ptr(): thing.untyped_storage().nbytes()
        for thing in gc.get_objects()
        if issubclass(type(thing), torch.Tensor) and thing.layout == torch.strided
    }
    return sum(storages.values())


def test_swapping_stacks_leaves_nothing_behind(fresh: Path, everything: bool) -> None:
    studio = Studio(Workspace(fresh))
    folder = studio.workspace.adapters
    base = load_base(studio.workspace.bases / "tiny", "cpu")
    for seed in range(4):
        write_tiny_lora(
            folder / f"l{seed}.safetensors", base, LAYERS, tuple(base.components()), seed
        )
    write_tiny_embedding(folder / "zorp.safetensors", base)
    del base
    dice = random.Random(3)

    def image(stack: list[dict[str, Any]]) -> np.ndarray:
        values = {
            "base": "tiny", "device": "cpu", "steps": 2, "count": 1, "batch_size": 1, "seed": 5,
            "prompt": "a zorp cat", "stack": stack,
        }  # fmt: skip
        (made,) = studio.generation.generate(GenerateSettings.parse(values)).images
        with Image.open(made.path) as opened:
            return np.asarray(opened)

    names = [f"l{seed}.safetensors" for seed in range(4)] + ["zorp.safetensors"]
    plain = image([])
    everywhere = [{"path": str(folder / name), "strength": 0.5} for name in names]
    assert not np.array_equal(image(everywhere), plain)  # every file is in the cache now
    assert np.array_equal(image([]), plain)
    held = tensor_bytes()
    for cycle in range(ALL if everything else CYCLES):
        image(
            [
                {"path": str(folder / name), "strength": dice.uniform(-1, 2)}
                for name in dice.sample(names, dice.randint(1, len(names)))
            ]
        )
        if cycle % 10 == 1:
            assert np.array_equal(image([]), plain), cycle
    assert np.array_equal(image([]), plain)
    assert tensor_bytes() <= held
    studio.close()
