"""Samplers by the names people know, on top of diffusers' schedulers.

Owns: which scheduler and which of its options a name means. Refuses to know: prompts, adapters.
The noise schedule, ε or v, and the spacing of timesteps come from the base.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch

from studio.config import Sampler
from studio.families.base import Base

# name → (diffusers class, its options)
SAMPLERS: dict[Sampler, tuple[str, dict[str, Any]]] = {
    "DDIM": ("DDIMScheduler", {}),
    "Euler": ("EulerDiscreteScheduler", {}),
    "Euler a": ("EulerAncestralDiscreteScheduler", {}),
    "DPM++ 2M": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++"}),
    "DPM++ 2M Karras": (
        "DPMSolverMultistepScheduler",
        {"algorithm_type": "dpmsolver++", "use_karras_sigmas": True},
    ),
    "UniPC": ("UniPCMultistepScheduler", {}),
    "LCM": ("LCMScheduler", {}),
}

DRAWS_NOISE: frozenset[Sampler] = frozenset({"Euler a", "LCM"})
"""Samplers that draw fresh noise at every step."""


def scheduler(base: Base, sampler: Sampler, steps: int) -> Any:
    """A scheduler for `base`, its timesteps set for `steps` on the base's device."""
    import diffusers

    name, options = SAMPLERS[sampler]
    config = {key: value for key, value in base.scheduler_config.items() if not key.startswith("_")}
    config["prediction_type"] = base.prediction_type
    # Clipping is for pixel-space models; latents go beyond ±1. SD's first timestep is 1, not 0.
    config["clip_sample"] = False
    config.setdefault("steps_offset", 1)
    with warnings.catch_warnings():
        # numpy 2 announces that torch's arrays will have to take a `copy` argument some day
        warnings.simplefilter("ignore", DeprecationWarning)
        made = getattr(diffusers, name).from_config(config, **options)
        if sampler == "LCM":  # its schedule is a subset of the one it was distilled with
            made.set_timesteps(steps, device=base.device, original_inference_steps=max(steps, 50))
        else:
            made.set_timesteps(steps, device=base.device)
    return made


def step(
    made: Any,
    sampler: Sampler,
    prediction: torch.Tensor,
    timestep: torch.Tensor,
    latents: torch.Tensor,
    generators: list[torch.Generator],
) -> torch.Tensor:
    """One step: prediction and latents [B, C, h, w] → the next latents, fp32.

    `generators`: one per picture, so that a picture's noise does not depend on its neighbours.
    """
    more = {"generator": generators} if sampler in DRAWS_NOISE else {}
    result: torch.Tensor = made.step(prediction, timestep, latents, return_dict=False, **more)[0]
    return result
