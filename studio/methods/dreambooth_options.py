"""What only DreamBooth has: its options, what they cost in memory, and what does not go together.

Owns: these settings and sentences. Refuses to know: torch, how the training does it.
"""

from __future__ import annotations

from typing import Literal

from studio.methods.base import Gradients, check_one_by_one
from studio.settings.training import RunConfig, Settings, setting

MOMENTS = {"adamw": 2, "lion": 1, "adafactor": 0, "prodigy": 4, "adamw-8bit": 2, "lion-8bit": 1}
"""Numbers that an optimizer keeps per parameter; Adafactor has some per row and column."""


class DreamBoothOptions(Settings):
    """What only DreamBooth has."""

    text_encoder: bool = setting(
        False, "Also train the text encoder: nearer to the subject, more memory.",
        label="Train text encoder",
    )  # fmt: skip
    text_until: float = setting(
        0.5, "Part of the run after which the text encoder stops learning.",
        label="Stop text encoder after", ge=0, le=1, advanced=True,
    )  # fmt: skip
    weights: Literal["fp32", "bf16", "bf16-stochastic"] = setting(
        "fp32", "Precision of the trained copy. bf16 halves its memory but loses small updates; "
        "bf16-stochastic rounds up or down at random, so that they count on average.", advanced=True,
    )  # fmt: skip
    fused_backward: bool = setting(
        False, "Update each weight as soon as its gradient is there and free the gradient: the same "
        "result in less memory.", label="Fused backward pass", advanced=True,
    )  # fmt: skip
    clipping: Literal["global", "per-tensor"] = setting(
        "global", "What the clip gradient norm limits: the norm of all gradients, for which the fused "
        "backward pass runs twice, or that of each weight tensor.", label="Gradient clipping",
        advanced=True,
    )  # fmt: skip
    save_as: Literal["fp16", "bf16", "fp32"] = setting(
        "fp16", "Precision of the finished model.", advanced=True
    )


def gradients_of(options: DreamBoothOptions) -> Gradients:
    """How a run with these options uses its gradients."""
    return Gradients(
        options.fused_backward, options.clipping, stochastic=options.weights == "bf16-stochastic"
    )


def gradient_warnings(config: RunConfig, options: DreamBoothOptions) -> list[str]:
    """What the chosen way of using gradients costs, or does not do; raises SettingsError."""
    if gradients_of(options).one_by_one:
        check_one_by_one(config.train.optimizer)
    warnings, train = [], config.train
    if options.clipping == "per-tensor" and not train.clip_gradient_norm:
        warnings.append("Clipping per tensor has no effect: the clip gradient norm is 0.")
    if not options.fused_backward:
        return warnings
    if train.clip_gradient_norm and options.clipping == "global":
        warnings.append(
            "The fused backward pass runs twice in each step, because gradients are clipped by the norm "
            "of all of them. Clip per tensor, or set the clip gradient norm to 0, and it runs once."
        )
    several = _several_losses(config)
    if several:
        warnings.append(
            f"The fused backward pass saves less memory with {' and '.join(several)}: all gradients are "
            "kept until the step's last loss."
        )
    return warnings


def bytes_per_parameter(config: RunConfig) -> float:
    """Memory of a run per trainable parameter at its highest: the copy, the copy in the base's
    precision, gradients, the optimizer's moments and the average."""
    options = DreamBoothOptions.parse(config.options, where="options of dreambooth")
    copy = 4 if options.weights == "fp32" else 2
    network = 4 if config.precision == "fp32" else 2
    kept = not options.fused_backward or _several_losses(config)
    one = 1 if config.train.optimizer.endswith("-8bit") else 4 if options.weights != "bf16" else 2
    return float(
        copy
        + (network if network != copy else 0)
        + (copy if kept else 0)
        + MOMENTS[config.train.optimizer] * one
        + (4 if config.train.ema else 0)
    )


def _several_losses(config: RunConfig) -> list[str]:
    """Why a step has more than one loss."""
    return [
        name
        for name, wanted in (
            ("gradient accumulation", config.train.gradient_accumulation > 1),
            ("prior preservation", config.prior.weight > 0),
        )
        if wanted
    ]
