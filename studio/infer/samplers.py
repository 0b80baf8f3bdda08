"""Samplers by the names people know, on top of diffusers' schedulers.

Owns: which scheduler and which of its options a name means, where sampling begins when it begins
at a picture. Refuses to know: prompts, adapters. The noise schedule, ε or v, zero terminal SNR and
the spacing of timesteps come from the base.

“DPM++ SDE” is diffusers' singlestep solver, with one evaluation per step; web UIs use two.
"""

from __future__ import annotations

import inspect
import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from studio.families.base import Base
from studio.settings.training import Sampler

_MULTISTEP = "DPMSolverMultistepScheduler"
_SINGLESTEP = "DPMSolverSinglestepScheduler"
_PLUS = {"algorithm_type": "dpmsolver++"}
_SDE = {"algorithm_type": "sde-dpmsolver++"}
_SINGLE = _SDE | {"lower_order_final": True}
_KARRAS = {"use_karras_sigmas": True}

# name → (diffusers class, or ours, its options)
SAMPLERS: dict[Sampler, tuple[str, dict[str, Any]]] = {
    "DDIM": ("DDIMScheduler", {}),
    "Euler": ("EulerDiscreteScheduler", {}),
    "Euler Karras": ("EulerDiscreteScheduler", _KARRAS),
    "Euler a": ("EulerAncestralDiscreteScheduler", {}),
    "Heun": ("HeunDiscreteScheduler", {}),
    "LMS": ("LmsScheduler", {}),
    "LMS Karras": ("LmsScheduler", _KARRAS),
    "DPM2": ("KDPM2DiscreteScheduler", {}),
    "DPM2 Karras": ("KDPM2DiscreteScheduler", _KARRAS),
    "DPM2 a": ("KDPM2AncestralDiscreteScheduler", {}),
    "DPM2 a Karras": ("KDPM2AncestralDiscreteScheduler", _KARRAS),
    "DPM++ 2M": (_MULTISTEP, _PLUS),
    "DPM++ 2M Karras": (_MULTISTEP, _PLUS | _KARRAS),
    "DPM++ SDE": (_SINGLESTEP, _SINGLE),
    "DPM++ SDE Karras": (_SINGLESTEP, _SINGLE | _KARRAS),
    "DPM++ 2M SDE": (_MULTISTEP, _SDE),
    "DPM++ 2M SDE Karras": (_MULTISTEP, _SDE | _KARRAS),
    "DPM++ 3M SDE": (_MULTISTEP, _SDE | {"solver_order": 3}),
    "DPM++ 3M SDE Karras": (_MULTISTEP, _SDE | _KARRAS | {"solver_order": 3}),
    "UniPC": ("UniPCMultistepScheduler", {}),
    "PLMS": ("PNDMScheduler", {"skip_prk_steps": True}),
    "DDPM": ("DDPMScheduler", {}),
    "LCM": ("LCMScheduler", {}),
    "TCD": ("TCDScheduler", {}),
}

_DISTILLED = 50
"""Timesteps with which LCM and TCD models are distilled."""
# What a name says. A base's schedule may have been written for a solver with other choices.
_CHOICES = frozenset(
    {"algorithm_type", "solver_order", "skip_prk_steps", "lower_order_final"}
    | {"use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas"}
)
_BARELY = 2**-24
"""The share of signal that is kept where there should be none: noise levels stay finite."""


def scheduler(base: Base, sampler: Sampler, steps: int) -> Any:
    """A scheduler for `base`, its timesteps set for `steps` on the base's device.

    Some samplers have more timesteps than steps: each is one evaluation of the network.
    """
    kind, options = _class(sampler)
    accepted = inspect.signature(kind.__init__).parameters
    config = {key: value for key, value in base.scheduler_config.items() if not key.startswith("_")}
    config["prediction_type"] = base.prediction_type
    # Clipping is for pixel-space models; latents go beyond ±1. SD's first timestep is 1, not 0.
    config["clip_sample"] = False
    config.setdefault("steps_offset", 1)
    if config.get("rescale_betas_zero_snr") and "rescale_betas_zero_snr" not in accepted:
        config["trained_betas"] = _zero_snr_betas(config)
    known = {key: config[key] for key in config.keys() & accepted if key not in _CHOICES}
    with warnings.catch_warnings():
        # numpy 2 announces that torch's arrays will have to take a `copy` argument some day
        warnings.simplefilter("ignore", DeprecationWarning)
        made = kind.from_config(known, **options)
        if sampler == "LCM" or (sampler == "TCD" and steps > _DISTILLED):
            # a subset of the schedule it was distilled with, or of a finer one
            finer = max(steps, _DISTILLED)
            made.set_timesteps(steps, device=base.device, original_inference_steps=finer)
        elif "timestep_spacing" not in accepted and config.get("timestep_spacing") == "trailing":
            _set_trailing(made, steps, base.device)
        else:
            made.set_timesteps(steps, device=base.device)
    return made


@dataclass(frozen=True)
class Course:
    """A scheduler and what it will be asked: one evaluation of the network per timestep."""

    made: Any
    timesteps: Tensor
    steps: int
    """Sampling steps that these evaluations make up; some samplers evaluate more often."""

    def step_of(self, index: int) -> int:
        """The step that evaluation `index` belongs to."""
        return index * self.steps // len(self.timesteps)

    def starts_step(self, index: int) -> bool:
        """Whether evaluation `index` is the first of its step."""
        return index == 0 or self.step_of(index) != self.step_of(index - 1)


def course(base: Base, sampler: Sampler, steps: int, denoising: float | None = None) -> Course:
    """All of `steps`; with `denoising`, the part that is left when beginning at a picture.

    Then int(steps · denoising) steps are taken, as in diffusers' image-to-image, but at least one;
    none at all at 0.
    """
    made = scheduler(base, sampler, steps)
    if denoising is None:
        return Course(made, made.timesteps, steps)
    if not denoising:
        return Course(made, made.timesteps[:0], 0)
    kept = max(min(int(steps * denoising + 1e-6), steps), 1)
    skipped = (steps - kept) * made.order
    if hasattr(made, "set_begin_index"):
        made.set_begin_index(skipped)
    timesteps = made.timesteps[skipped:]
    if sampler == "PLMS" and skipped:  # its second timestep, wherever it begins, comes twice
        left = made.timesteps[skipped + 1 :]
        timesteps = torch.cat([left[:1], left[1:2], left[1:]])
    return Course(made, timesteps, kept)


def step(
    made: Any,
    prediction: Tensor,
    timestep: Tensor,
    latents: Tensor,
    generators: list[torch.Generator],
) -> Tensor:
    """One step: prediction and latents [B, C, h, w] → the next latents, fp32.

    `generators`: one per picture, so that a picture's noise does not depend on its neighbours.
    """
    takes = "generator" in inspect.signature(made.step).parameters
    more = {"generator": generators} if takes else {}
    result: Tensor = made.step(prediction, timestep, latents, return_dict=False, **more)[0]
    return result


def clean(made: Any, prediction: Tensor, timestep: Tensor, inputs: Tensor) -> Tensor:
    """What the network takes for the picture without noise, [B, C, h, w], whatever the sampler.

    `inputs` are what it was given: α·x₀ + σ·ε with α² + σ² = 1 at `timestep`, between two
    timesteps by interpolation. ε: x₀ = (x − σε)/α (Ho et al. 2020); v: x₀ = αx − σv.
    """
    shares = made.alphas_cumprod.to(inputs.device, torch.float32)
    place = float(timestep)
    low = int(place)
    high = min(low + 1, len(shares) - 1)
    share = torch.lerp(shares[low], shares[high], place - low).clamp(min=1e-6)
    alpha, sigma = share.sqrt(), (1 - share).sqrt()
    if made.config.prediction_type == "epsilon":
        return (inputs - sigma * prediction) / alpha
    return alpha * inputs - sigma * prediction


def _class(sampler: Sampler) -> tuple[Any, dict[str, Any]]:
    name, options = SAMPLERS[sampler]
    if name == "LmsScheduler":
        from studio.infer.lms import LmsScheduler

        return LmsScheduler, options
    import diffusers

    return getattr(diffusers, name), options


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
