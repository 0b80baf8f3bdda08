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
    path = state / f"{name}.pt"
    module = module.to(device).train()
    averaged = copy.deepcopy(module).eval().requires_grad_(False)
    weights = [p for p in module.parameters() if p.requires_grad]
    shadows = [
        a
        for a, p in zip(averaged.parameters(), module.parameters(), strict=True)
        if p.requires_grad
    ]
    optimizer = torch.optim.AdamW(
        weights, lr=schedule.peak, betas=(0.9, 0.99), weight_decay=schedule.weight_decay, fused=True
    )
    step, seconds = 0, 0.0
    begun: dict[str, Any] = {"step": 0, "seconds": 0.0}
    if path.exists():
        saved = torch.load(path, map_location=device, weights_only=True)
        module.load_state_dict(saved["module"])
        averaged.load_state_dict(saved["averaged"])
        if saved["optimizer"]:
            optimizer.load_state_dict(saved["optimizer"])
        step, seconds = int(saved["step"]), float(saved["seconds"])
        begun = saved.get("begun", begun)
        print(f"[{name}] resumes at step {step} after {seconds / 60:.1f} min", flush=True)

    def save() -> None:
        parts = {"module": module, "averaged": averaged, "optimizer": optimizer}
        kept = {key: part.state_dict() for key, part in parts.items()}
        save_state(path, {**kept, "step": step, "seconds": seconds, "begun": begun})

    def since() -> tuple[int, float]:
        return step - begun["step"], seconds - begun["seconds"]

    smooth, last_save, began = 0.0, time.monotonic(), time.monotonic()
    while schedule.progress(*since()) < 1.0:
        for group in optimizer.param_groups:
            group["lr"] = schedule.rate(*since())
        loss = loss_of(module, step)
        value = float(loss.detach())
        if value != value:
            raise FloatingPointError(
                f"The loss of the starter's {name} is not a number at step {step} (rate "
                f"{optimizer.param_groups[0]['lr']:.2e}); the last checkpoint in {state} is intact."
            )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        decay = min(schedule.averaging, (step + 1) / (step + 10))
        torch._foreach_lerp_(shadows, [w.detach() for w in weights], 1 - decay)
        step += 1
        smooth = value if smooth == 0 else smooth + (value - smooth) * 0.02
        now = time.monotonic()
        seconds, began = seconds + now - began, now
        if step % 100 == 0:
            rate = optimizer.param_groups[0]["lr"]
            steps, spent = since()
            clock = time.strftime("%H:%M:%S")
            print(
                f"[{name}] {clock} step {step} loss {smooth:.4f} rate {rate:.2e} "
                f"{spent / steps:.3f} s/step, {schedule.progress(*since()):.0%} done",
                flush=True,
            )
        if now - last_save > schedule.save_every:
            save()
            last_save = time.monotonic()
            if report:
                print(f"[{name}] step {step}: {report(averaged)}", flush=True)
            began = time.monotonic()
    save()
    if report:
        print(f"[{name}] finished at step {step}: {report(averaged)}", flush=True)
    return averaged
