"""diffusers' schedulers as a base and a sampler's name want them.

Owns: what a scheduler takes over from the base, and what these classes cannot do by themselves: zero
terminal SNR, trailing timesteps, a flow's shift. Refuses to know: which sampler is which class.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from studio.diffusion.flow import Flow
from studio.families.base import Base
from studio.settings.training import Sampler

_DISTILLED = 50
"""Timesteps with which LCM and TCD models are distilled."""
# What a name says. A base's schedule may have been written for a solver with other choices.
_CHOICES = frozenset(
    {"algorithm_type", "solver_order", "skip_prk_steps", "lower_order_final"}
    | {"use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas"}
)
_BARELY = 2**-24
"""The share of signal that is kept where there should be none: noise levels stay finite."""


def diffusion_scheduler(
    base: Base, sampler: Sampler, kind: Any, options: Mapping[str, Any], steps: int
) -> Any:
    """A scheduler on the base's own noise schedule, its timesteps set for `steps`."""
    accepted = inspect.signature(kind.__init__).parameters
    config = {key: value for key, value in base.scheduler_config.items() if not key.startswith("_")}
    config["prediction_type"] = base.prediction_type
    # Clipping is for pixel-space models; latents go beyond ±1. SD's first timestep is 1, not 0.
    config["clip_sample"] = False
    config.setdefault("steps_offset", 1)
    if config.get("rescale_betas_zero_snr") and "rescale_betas_zero_snr" not in accepted:
        config["trained_betas"] = _zero_snr_betas(config)
    known = {key: config[key] for key in config.keys() & accepted if key not in _CHOICES}
    made = _made(kind, {**known, **options})
    if sampler == "LCM" or (sampler == "TCD" and steps > _DISTILLED):
        # a subset of the schedule it was distilled with, or of a finer one
        finer = max(steps, _DISTILLED)
        made.set_timesteps(steps, device=base.device, original_inference_steps=finer)
    elif "timestep_spacing" not in accepted and config.get("timestep_spacing") == "trailing":
        _set_trailing(made, steps, base.device)
    else:
        made.set_timesteps(steps, device=base.device)
    return made


def _made(kind: Any, config: dict[str, Any]) -> Any:
    """A new scheduler. What it computes from its settings alone, for a third of a second with DPM2, is
    computed once and copied."""
    pattern = _pattern(kind, tuple((key, _hashable(config[key])) for key in sorted(config)))
    made = copy.copy(pattern)
    for name, value in vars(pattern).items():
        if name != "_internal_dict":  # its settings, which nothing changes
            setattr(made, name, copy.deepcopy(value))
    return made


@lru_cache(maxsize=32)
def _pattern(kind: Any, config: tuple[tuple[str, Any], ...]) -> Any:
    return kind.from_config({k: list(v) if isinstance(v, tuple) else v for k, v in config})


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


def flow_scheduler(
    base: Base, process: Flow, kind: Any, options: Mapping[str, Any], steps: int
) -> Any:
    """Noise levels even from 1 to 1/steps, then shifted, where a scheduler takes them; else its own,
    which are even too."""
    if "flow_shift" in inspect.signature(kind.__init__).parameters:
        own = {"prediction_type": "flow_prediction", "use_flow_sigmas": True}
        made = kind(**options, **own, flow_shift=process.shift)
    else:
        made = kind(**options, shift=process.shift)
    if "sigmas" in inspect.signature(made.set_timesteps).parameters:
        levels = np.linspace(1, 1 / steps, steps)
        made.set_timesteps(steps, device=base.device, sigmas=levels)
    else:
        made.set_timesteps(steps, device=base.device)
    return made


def scheduler_class(name: str) -> Any:
    """One of diffusers' schedulers, or ours."""
    if name == "LmsScheduler":
        from studio.diffusion.lms import LmsScheduler

        return LmsScheduler
    import diffusers

    return getattr(diffusers, name)


def _zero_snr_betas(config: dict[str, Any]) -> list[float]:
    """Betas whose last timestep is (nearly) noise alone, for schedulers that cannot make them.

    Lin et al. 2023, algorithm 1, on the base's own betas.
    """
    import diffusers

    names = ("num_train_timesteps", "trained_betas", "beta_start", "beta_end", "beta_schedule")
    known = {name: config[name] for name in names if name in config}
    plain = diffusers.DDIMScheduler(rescale_betas_zero_snr=True, **known)
    shares = plain.alphas_cumprod.double().clamp(min=_BARELY)
    before = torch.cat([shares.new_ones(1), shares[:-1]])
    return [float(beta) for beta in 1 - shares / before]


def _set_trailing(made: Any, steps: int, device: torch.device) -> None:
    """Timesteps counted back from the last one, for a scheduler that does not know how."""
    if made.config.use_karras_sigmas:  # spaced by noise level, from the last timestep on
        made.set_timesteps(steps, device=device)
        return
    ratio = made.config.num_train_timesteps / steps
    last = made.config.num_train_timesteps
    made.set_timesteps(device=device, timesteps=[round(last - k * ratio) - 1 for k in range(steps)])
