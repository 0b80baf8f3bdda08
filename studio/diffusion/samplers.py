"""Samplers by the names people know, on top of diffusers' schedulers.

Owns: which scheduler and which of its options a name means on which process, and the plan of one
sampling: its timesteps, where it begins, its steps. Refuses to know: prompts, adapters, networks. The
noise schedule, what is predicted, zero terminal SNR and the spacing of timesteps come from the base.

“DPM++ SDE” is diffusers' singlestep solver, with one evaluation per step; web UIs use two.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from studio.core.errors import SettingsError
from studio.diffusion.contract import Process
from studio.diffusion.flow import Flow
from studio.diffusion.process import process_of
from studio.diffusion.schedulers import diffusion_scheduler, flow_scheduler, scheduler_class
from studio.families.base import Base
from studio.settings.training import Sampler


class Solver(NamedTuple):
    """One of diffusers' scheduler classes, or ours, and the options that a sampler's name means."""

    name: str
    options: Mapping[str, Any] = MappingProxyType({})


class Row(NamedTuple):
    """What a sampler is on each process; None where it does not serve it."""

    diffusion: Solver
    flow: Solver | None = None


_MULTISTEP = "DPMSolverMultistepScheduler"
_SINGLESTEP = "DPMSolverSinglestepScheduler"
_PLUS = {"algorithm_type": "dpmsolver++"}
_SDE = {"algorithm_type": "sde-dpmsolver++"}
_SINGLE = _SDE | {"lower_order_final": True}
_KARRAS = {"use_karras_sigmas": True}
_THIRD = {"solver_order": 3}
_FLOW = Solver("FlowMatchEulerDiscreteScheduler")

SAMPLERS: dict[Sampler, Row] = {
    # on a flow, DDIM's step is Euler's: x + (σ' − σ)·v
    "DDIM": Row(Solver("DDIMScheduler"), _FLOW),
    "Euler": Row(Solver("EulerDiscreteScheduler"), _FLOW),
    "Euler Karras": Row(Solver("EulerDiscreteScheduler", _KARRAS)),
    "Euler a": Row(Solver("EulerAncestralDiscreteScheduler")),
    "Heun": Row(Solver("HeunDiscreteScheduler"), Solver("FlowMatchHeunDiscreteScheduler")),
    "LMS": Row(Solver("LmsScheduler")),
    "LMS Karras": Row(Solver("LmsScheduler", _KARRAS)),
    "DPM2": Row(Solver("KDPM2DiscreteScheduler")),
    "DPM2 Karras": Row(Solver("KDPM2DiscreteScheduler", _KARRAS)),
    "DPM2 a": Row(Solver("KDPM2AncestralDiscreteScheduler")),
    "DPM2 a Karras": Row(Solver("KDPM2AncestralDiscreteScheduler", _KARRAS)),
    "DPM++ 2M": Row(Solver(_MULTISTEP, _PLUS), Solver(_MULTISTEP, _PLUS)),
    "DPM++ 2M Karras": Row(Solver(_MULTISTEP, _PLUS | _KARRAS)),
    "DPM++ SDE": Row(Solver(_SINGLESTEP, _SINGLE), Solver(_SINGLESTEP, _SINGLE)),
    "DPM++ SDE Karras": Row(Solver(_SINGLESTEP, _SINGLE | _KARRAS)),
    "DPM++ 2M SDE": Row(Solver(_MULTISTEP, _SDE), Solver(_MULTISTEP, _SDE)),
    "DPM++ 2M SDE Karras": Row(Solver(_MULTISTEP, _SDE | _KARRAS)),
    "DPM++ 3M SDE": Row(Solver(_MULTISTEP, _SDE | _THIRD), Solver(_MULTISTEP, _SDE | _THIRD)),
    "DPM++ 3M SDE Karras": Row(Solver(_MULTISTEP, _SDE | _KARRAS | _THIRD)),
    "UniPC": Row(Solver("UniPCMultistepScheduler"), Solver("UniPCMultistepScheduler")),
    "PLMS": Row(Solver("PNDMScheduler", {"skip_prk_steps": True})),
    "DDPM": Row(Solver("DDPMScheduler")),
    "LCM": Row(Solver("LCMScheduler"), Solver("FlowMatchLCMScheduler")),
    "TCD": Row(Solver("TCDScheduler")),
}


@dataclass(frozen=True)
class SamplingPlan:
    """A scheduler and what the network will be asked: one evaluation per timestep.

    A scheduler has a state: a plan serves one sampling.
    """

    scheduler: Any
    process: Process
    timesteps: Tensor
    steps: int
    """Sampling steps that these evaluations make up; some samplers evaluate more often."""

    @cached_property
    def takes_generators(self) -> bool:
        """Whether the scheduler adds noise at its steps."""
        return "generator" in inspect.signature(self.scheduler.step).parameters

    def __len__(self) -> int:
        return len(self.timesteps)

    def step_of(self, index: int) -> int:
        """The step that evaluation `index` belongs to."""
        return index * self.steps // len(self.timesteps)

    def starts_step(self, index: int) -> bool:
        """Whether evaluation `index` is the first of its step."""
        return index == 0 or self.step_of(index) != self.step_of(index - 1)

    def begin(self, noise: Tensor, start: Tensor | None = None) -> Tensor:
        """Latents before the first evaluation: noise [B, C, h, w] alone, or on top of `start`."""
        if start is None:
            return noise * getattr(self.scheduler, "init_noise_sigma", 1.0)
        return self.noisy(start.expand_as(noise), noise, 0)

    def noisy(self, clean: Tensor, noise: Tensor, index: int) -> Tensor:
        """`clean` [B, C, h, w] with as much noise as latents have before evaluation `index`, at which
        the sampling is; none behind the last."""
        if index >= len(self.timesteps):
            return clean
        timestep = self.timesteps[index].expand(len(noise))
        # flow schedulers compute with the process's own latents, others with latents scaled their way
        add = self.process.add_noise if self.process.kind == "flow" else self.scheduler.add_noise
        found: Tensor = add(clean, noise, timestep)
        return found

    def inputs(self, latents: Tensor, index: int) -> Tensor:
        """What the network is given at evaluation `index`."""
        scale = getattr(self.scheduler, "scale_model_input", None)
        return scale(latents, self.timesteps[index]) if scale else latents

    def step(
        self, prediction: Tensor, index: int, latents: Tensor, generators: list[torch.Generator]
    ) -> Tensor:
        """Prediction and latents [B, C, h, w] of evaluation `index` → the next latents, fp32.

        `generators`: one per image, so that an image's noise does not depend on its neighbours.
        """
        more = {"generator": generators} if self.takes_generators else {}
        result: Tensor = self.scheduler.step(
            prediction, self.timesteps[index], latents, return_dict=False, **more
        )[0]
        return result

    def clean(self, prediction: Tensor, index: int, inputs: Tensor) -> Tensor:
        """What the network takes for the image without noise, [B, C, h, w], whatever the sampler."""
        return self.process.clean(inputs, prediction, self.timesteps[index])


def sampling_plan(
    base: Base,
    sampler: Sampler,
    steps: int,
    *,
    denoising: float | None = None,
    latent_size: tuple[int, int] = (0, 0),
) -> SamplingPlan:
    """All of `steps`; with `denoising`, the part that is left when beginning at an image.

    Then int(steps · denoising) steps are taken, as in diffusers' image-to-image, but at least one;
    none at all at 0. `latent_size` (h, w) matters to flows whose noise grows with the image. Raises
    SettingsError when the sampler does not serve the base's process.
    """
    process = process_of(base).at(*latent_size)
    made = scheduler(base, process, sampler, steps)
    timesteps: Tensor = made.timesteps
    if process.kind == "flow":
        # exactly where the solver is, which some round to whole timesteps
        timesteps = made.sigmas[: len(timesteps)].to(base.device, torch.float32) * process.count
        made.set_begin_index(0)
    if denoising is None:
        return SamplingPlan(made, process, timesteps, steps)
    if not denoising:
        return SamplingPlan(made, process, timesteps[:0], 0)
    kept = max(min(int(steps * denoising + 1e-6), steps), 1)
    skipped = (steps - kept) * made.order
    if hasattr(made, "set_begin_index"):
        made.set_begin_index(skipped)
    if sampler == "PLMS" and skipped:  # its second timestep, wherever it begins, comes twice
        left = timesteps[skipped + 1 :]
        return SamplingPlan(made, process, torch.cat([left[:1], left[1:2], left[1:]]), kept)
    return SamplingPlan(made, process, timesteps[skipped:], kept)


def serving(process: Process) -> list[Sampler]:
    """The samplers that serve a process, in the table's order."""
    return [name for name, row in SAMPLERS.items() if getattr(row, process.kind)]


def scheduler(base: Base, process: Process, sampler: Sampler, steps: int) -> Any:
    """A scheduler for `base`, its timesteps set for `steps` on the base's device.

    Some samplers have more timesteps than steps: each is one evaluation of the network.
    """
    solver: Solver | None = getattr(SAMPLERS[sampler], process.kind)
    if solver is None:
        raise SettingsError(
            f"The sampler “{sampler}” does not work on “{base.name}”",
            why="That base is a flow model, and this sampler knows diffusion alone.",
            remedy=f"Use {', '.join(serving(process)[:-1])} or {serving(process)[-1]}.",
        )
    kind = scheduler_class(solver.name)
    with warnings.catch_warnings():
        # numpy 2 announces that torch's arrays will have to take a `copy` argument some day
        warnings.simplefilter("ignore", DeprecationWarning)
        if isinstance(process, Flow):
            return flow_scheduler(base, process, kind, solver.options, steps)
        return diffusion_scheduler(base, sampler, kind, solver.options, steps)
