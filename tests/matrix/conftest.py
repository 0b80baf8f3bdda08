"""Every method on every family: on the starter, and on tiny randomly initialised bases, one of which
is no U-Net but a flow-matching transformer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from studio import methods
from studio.families.base import Base
from studio.families.loading import load_base
from studio.formats.dataset import read_dataset
from studio.library import presets
from studio.settings.training import RunConfig
from studio.train.cache import LatentCache
from studio.train.data import held_out_items, read_items
from studio.train.loop import Hooks, Trainer
from tests.compare.tiny_clip import make_clip
from tests.flow import TOY, known, make_toy_flow
from tests.tiny import make_tiny_sd1, make_tiny_sd2, make_tiny_sdxl

FAMILIES = {
    "sd1": make_tiny_sd1,
    "sd2": make_tiny_sd2,
    "sdxl": make_tiny_sdxl,
    TOY.name: make_toy_flow,
}
TRIGGER = "zibbo"
# Options that make each method as diverse as it can be within ten steps.
OPTIONS: dict[str, dict[str, Any]] = {
    "aesthetic": {"steps": 3, "rate": 1e-2, "slerp": True, "text": "red", "negative": True},
    "dreambooth": {"text_encoder": True, "text_until": 0.5},
    "lora": {"rank": 4, "text_encoder": True, "dropout": 0.1},
    "hypernetwork": {
        "layer_structure": "1, 2, 2, 1",
        "activation": "silu",
        "dropout": 0.1,
        "layer_norm": True,
    },
    "textual-inversion": {"vectors": 3, "init_words": "cat", "norm_prior": 0.01},
}
RATES = {"dreambooth": 1e-3}  # a whole model breaks where a small part of it learns
# What switches off each method's own randomness and extra terms; every one that denoises has a row.
QUIET = {
    "dreambooth": "prior.weight=0",
    "lora": "options.dropout=0",
    "textual-inversion": "options.norm_prior=0",
    "hypernetwork": "options.dropout=0",
}


IN_FULL = ("starter", "sd2")  # what these add to the others is tested with the full sweep
BASES = [
    pytest.param(name, marks=pytest.mark.slow if name in IN_FULL else ())
    for name in ("starter", *FAMILIES)
]


@pytest.fixture(scope="module", params=BASES)
def base(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Base]:
    """The starter, then a tiny base of each family; tests leave them as they were."""
    if request.param == "starter":
        yield load_base("starter", "cpu", "fp32")
        return
    folder = tmp_path_factory.mktemp(request.param)
    # as with real ones, the second family's encoder was cut off before its CLIP's last layer
    make_clip(folder / "clip", text_layers=3 if request.param == "sd2" else 2)
    with known() if request.param == TOY.name else nullcontext():
        made = load_base(FAMILIES[request.param](folder), "cpu", "fp32")
        made.encode(["a cat"])  # the library puts its own recorders in at first use
        yield made


@pytest.fixture(params=list(methods.METHODS))
def method(request: pytest.FixtureRequest, base: Base) -> str:
    """Every method; skipped where it says itself that the base's architecture has nothing for it."""
    if reason := methods.find(request.param).unsupported(base.architecture):
        pytest.skip(reason)
    return str(request.param)


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five images of two shapes with captions, and a held-out one."""
    folder = tmp_path_factory.mktemp("images")
    for k in range(6):
        place = folder / "held_out" if k == 5 else folder
        place.mkdir(exist_ok=True)
        shape = (64, 32, 3) if k % 2 else (32, 32, 3)
        noise = np.random.default_rng(k).integers(0, 255, shape, np.uint8)
        Image.fromarray(noise).save(place / f"{k}.png")
        (place / f"{k}.txt").write_text(f"a {TRIGGER} cat {k}")
    (folder / "dataset.toml").write_text(f'trigger = "{TRIGGER}"\nheld_out = "held_out"\n')
    return folder


@pytest.fixture
def trainer(base: Base, method: str, images: Path, tmp_path: Path) -> Callable[..., Trainer]:
    """Makes a fresh trainer; `changes` are dotted settings, e.g. `train.steps=4`."""

    def make(*changes: str, hooks: dict[str, Any] | None = None) -> Trainer:
        return make_trainer(base, method, images, tmp_path, *changes, hooks=hooks)

    return make


def make_trainer(
    base: Base,
    method: str,
    images: Path,
    cache: Path,
    *changes: str,
    hooks: dict[str, Any] | None = None,
) -> Trainer:
    config = make_config(method, images, *changes)
    info = read_dataset(images)
    read = (config.data, config.data.resolution or base.native_size, base.size_multiple)
    calls = dict.fromkeys(Hooks.__dataclass_fields__, _nothing) | (hooks or {})
    return Trainer(
        base,
        methods.find(method).prepare(base, config, TRIGGER),
        config,
        read_items(info, *read),
        held_out_items(info, *read),
        LatentCache(base, cache / "cache"),
        SimpleNamespace(pause=False, stop=False, save=False, sample=False),
        Hooks(**calls),
    )


def make_config(method: str, images: Path, *changes: str) -> RunConfig:
    values = {
        "name": "matrix",
        "method": method,
        "data": {"folder": str(images), "trigger": TRIGGER, "caption_dropout": 0.2},
        "train": {
            "steps": 10,
            "batch_size": 2,
            "learning_rate": RATES.get(method, 1e-2),
            "schedule": "cosine",
        },
        "options": OPTIONS[method],
    }
    return presets.make_config(values, list(changes))


def fingerprint(base: Base) -> dict[str, int]:
    """Where every weight of the base lives and what it holds; hooks, words and steerings counted."""
    facts = {
        "words": len(base.words),
        "steering": len(base.steering),
        "on_step": int(base.on_step is not None),
    }
    for component, model in {**base.components(), "vae": base.vae}.items():
        for name, module in model.named_modules():
            facts[f"{component}.{name}#"] = len(module._forward_hooks) + len(
                module._forward_pre_hooks
            )
        for name, tensor in model.state_dict().items():
            bits = tensor.detach().contiguous().view(torch.uint8)
            facts[f"{component}.{name}"] = hash(bits.numpy().tobytes())
    return facts


def _nothing(*_: Any) -> None:
    """A hook that nobody listens to."""
