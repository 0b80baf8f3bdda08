"""The ladder of settings by which a training fits into less memory, one rung after another.

Owns: which rungs there are and in which order. Refuses to know: measuring them (`fit`), torch.

What costs nothing but time comes first, then what rounds, and streaming last: it needs least and takes
longest. A rung keeps what the ones above it have set.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec

from studio import methods
from studio.core.errors import SettingsError
from studio.library import presets
from studio.settings.training import RunConfig, override


@dataclass(frozen=True)
class Rung:
    """One way to train the same thing."""

    title: str
    settings: tuple[str, ...]
    """What it sets beside what was chosen, as assignments."""
    exact: bool
    """Whether the result is the same, bit for bit, as with the settings chosen and the base's full weights."""
    config: RunConfig


def rungs(config: RunConfig, gpu: bool) -> Iterator[Rung]:
    """The rungs for a complete configuration, the largest first. SettingsError where there are none."""
    method = methods.find(config.method)
    if method.product == "model" or not method.optimized:
        raise SettingsError(
            f"{method.title} has no frozen base to make smaller",
            remedy="“Find what fits” is for LoRA, Textual Inversion and hypernetworks.",
        )
    yield Rung("as set", (), _exact(config, config), config)
    settings: dict[str, str] = {}
    for title, change, needed in _steps(config, gpu):
        if not needed:
            continue
        settings |= change
        assignments = tuple(f"{key}={value}" for key, value in settings.items())
        made = presets.make_config(override(config.model_dump(), list(assignments)))
        yield Rung(title, assignments, _exact(config, made), made)


def _exact(config: RunConfig, made: RunConfig) -> bool:
    return made.memory.base_weights == "full" and made.train.optimizer == config.train.optimizer


def _steps(config: RunConfig, gpu: bool) -> Iterator[tuple[str, dict[str, str], bool]]:
    """Title, what it sets, and whether that changes anything here."""
    memory, train = config.memory, config.train
    full = memory.base_weights == "full"
    rounds = gpu and train.optimizer in ("adamw", "lion") and find_spec("bitsandbytes") is not None
    offload = {"memory.offload_encoders": "true"}
    yield "text encoders and VAE offloaded", offload, not memory.offload_encoders
    recompute = {"train.gradient_checkpointing": "on"}
    yield "gradient checkpointing", recompute, train.gradient_checkpointing != "on"
    yield (
        "8-bit optimizer, whose moments are rounded",
        {"train.optimizer": f"{train.optimizer}-8bit"},
        rounds,
    )
    yield "base in int8", {"memory.base_weights": "int8"}, full
    yield "base in nf4", {"memory.base_weights": "nf4"}, memory.base_weights != "nf4"
    streamed = {"memory.base_weights": memory.base_weights, "memory.stream_blocks": "true"}
    if rounds:
        streamed["train.optimizer"] = train.optimizer
    yield "blocks streamed", streamed, gpu and not memory.stream_blocks
