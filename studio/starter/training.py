"""One resumable training loop for every part of the starter.

Owns the learning-rate schedule, the averaged weights and atomic checkpoints. A part brings its
module and a loss; every random draw of a loss comes from (seed, step), so resuming is exact.
"""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn


@dataclass(frozen=True)
class Schedule:
    """How long and how fast: the rate warms up, holds, then falls linearly to 2 % of its peak.

    The end is `steps` steps, or `minutes` of training (kept across interruptions) when that is
    given. Both count from the last `begin_again`.
    """

    peak: float
    steps: int
    minutes: float | None = None
    warmup: int = 100
    hold: float = 0.15
    averaging: float = 0.999
    weight_decay: float = 0.01
    save_every: float = 120.0

    def progress(self, step: int, seconds: float) -> float:
        """How much of the training is done, in [0, 1]."""
        share = seconds / (60 * self.minutes) if self.minutes else step / self.steps
        return min(1.0, share)

    def rate(self, step: int, seconds: float) -> float:
        """The learning rate of a step."""
        falling = max(0.0, self.progress(step, seconds) - self.hold) / (1 - self.hold)
        return self.peak * min(1.0, (step + 1) / self.warmup) * (0.02 + 0.98 * (1 - falling))


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Writes tensors so that a crash leaves either the old file or the new one."""
    half = path.with_suffix(".tmp")
    with half.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)


def averaged_weights(state: Path, name: str, module: nn.Module) -> nn.Module:
    """`module` with the averaged weights of a part's last checkpoint, in eval mode."""
    path = state / f"{name}.pt"
    if not path.exists():
        raise FileNotFoundError(
            f"The starter's {name} has not been trained yet: there is no {path}. "
            f"Run the stage {name!r} of studio.starter.build first."
        )
    saved = torch.load(path, map_location="cpu", weights_only=True)
    module.load_state_dict(saved["averaged"])
    return module.eval().requires_grad_(False)


def begin_again(state: Path, name: str) -> None:
    """Gives a trained part another schedule: from its averaged weights, with a new optimizer.

    Steps go on counting, so the random draws of what follows are new ones.
    """
    path = state / f"{name}.pt"
    saved = torch.load(path, map_location="cpu", weights_only=True)
    begun = {"step": saved["step"], "seconds": saved["seconds"]}
    save_state(path, {**saved, "module": saved["averaged"], "optimizer": None, "begun": begun})


def train(
    state: Path,
    name: str,
    module: nn.Module,
    loss_of: Callable[[nn.Module, int], torch.Tensor],
    schedule: Schedule,
    report: Callable[[nn.Module], str] | None = None,
    device: str = "cpu",
) -> nn.Module:
    """Trains `module` to the end of its schedule and returns its averaged copy."""
    part = _Part(state / f"{name}.pt", name, module.to(device).train(), schedule)
    part.resume(device)
    saved = time.monotonic()
    while part.done < 1.0:
        part.advance(loss_of)
        if part.step % 100 == 0:
            part.say()
        if time.monotonic() - saved > schedule.save_every:
            part.save()
            saved = time.monotonic()
            if report:
                print(f"[{name}] step {part.step}: {report(part.averaged)}", flush=True)
            part.began = time.monotonic()  # neither saving nor the report is training
    part.save()
    if report:
        print(f"[{name}] finished at step {part.step}: {report(part.averaged)}", flush=True)
    return part.averaged


class _Part:
    """A module while it is trained: its weights, their average, the optimizer, and how far it is."""

    def __init__(self, path: Path, name: str, module: nn.Module, schedule: Schedule) -> None:
        self.path, self.name, self.module, self.schedule = path, name, module, schedule
        self.averaged = copy.deepcopy(module).eval().requires_grad_(False)
        self.weights = [p for p in module.parameters() if p.requires_grad]
        both = zip(self.averaged.parameters(), module.parameters(), strict=True)
        self.shadows = [average for average, p in both if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.weights, lr=schedule.peak, betas=(0.9, 0.99),
            weight_decay=schedule.weight_decay, fused=True,
        )  # fmt: skip
        self.step, self.seconds, self.smooth = 0, 0.0, 0.0
        self.begun: dict[str, Any] = {"step": 0, "seconds": 0.0}
        self.began = time.monotonic()

    def resume(self, device: str) -> None:
        """Goes back to the last checkpoint, where there is one."""
        if not self.path.exists():
            return
        saved = torch.load(self.path, map_location=device, weights_only=True)
        self.module.load_state_dict(saved["module"])
        self.averaged.load_state_dict(saved["averaged"])
        if saved["optimizer"]:
            self.optimizer.load_state_dict(saved["optimizer"])
        self.step, self.seconds = int(saved["step"]), float(saved["seconds"])
        self.begun = saved.get("begun", self.begun)
        minutes = self.seconds / 60
        print(f"[{self.name}] resumes at step {self.step} after {minutes:.1f} min", flush=True)
        self.began = time.monotonic()

    def save(self) -> None:
        """Writes a checkpoint."""
        parts = {"module": self.module, "averaged": self.averaged, "optimizer": self.optimizer}
        kept = {key: part.state_dict() for key, part in parts.items()}
        place = {"step": self.step, "seconds": self.seconds, "begun": self.begun}
        save_state(self.path, {**kept, **place})

    @property
    def since(self) -> tuple[int, float]:
        """Steps and seconds since the schedule began."""
        return self.step - self.begun["step"], self.seconds - self.begun["seconds"]

    @property
    def done(self) -> float:
        """How much of the schedule is done, in [0, 1]."""
        return self.schedule.progress(*self.since)

    def advance(self, loss_of: Callable[[nn.Module, int], torch.Tensor]) -> None:
        """One step; raises FloatingPointError before it when the loss is not a number."""
        rate = self.schedule.rate(*self.since)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss = loss_of(self.module, self.step)
        value = float(loss.detach())
        if value != value:
            raise FloatingPointError(
                f"The loss of the starter's {self.name} is not a number at step {self.step} (rate "
                f"{rate:.2e}); the last checkpoint in {self.path.parent} is intact."
            )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        decay = min(self.schedule.averaging, (self.step + 1) / (self.step + 10))
        torch._foreach_lerp_(self.shadows, [w.detach() for w in self.weights], 1 - decay)
        self.step += 1
        self.smooth = value if self.smooth == 0 else self.smooth + (value - self.smooth) * 0.02
        now = time.monotonic()
        self.seconds, self.began = self.seconds + now - self.began, now

    def say(self) -> None:
        """One line: loss, rate, speed, how much is done."""
        rate = self.optimizer.param_groups[0]["lr"]
        steps, spent = self.since
        clock = time.strftime("%H:%M:%S")
        print(
            f"[{self.name}] {clock} step {self.step} loss {self.smooth:.4f} rate {rate:.2e} "
            f"{spent / steps:.3f} s/step, {self.done:.0%} done",
            flush=True,
        )
