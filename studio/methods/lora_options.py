"""The options of LoRA training, and which of them a file decides that training continues from.

Owns: the class. Refuses to know: torch, what is done with them.
"""

from __future__ import annotations

from typing import Literal

from studio.methods.base import ContinuedOptions
from studio.settings.training import setting


class LoraOptions(ContinuedOptions):
    """What only LoRA has."""

    rank: int = setting(
        8, "Size of the update: more learns more and makes a bigger file.", ge=1, le=512
    )
    alpha: float = setting(
        0.0, "Scale: the update is multiplied by alpha / rank; 0 takes alpha = rank.", ge=0, le=1024
    )
    target: Literal["attention", "attention + MLP", "attention + MLP + conv"] = setting(
        "attention + MLP",
        "Layers that get an update; convolutions help with textures and styles.",
        label="Layers",
    )
    text_encoder: bool = setting(False, "Also train the text encoder.", label="Train text encoder")
    dropout: float = setting(
        0.0, "Share of inputs dropped in the update while training.", ge=0, lt=1, advanced=True
    )
    conv_rank: int = setting(
        0, "Rank of 3×3 convolutions; 0 takes the rank.", ge=0, le=512, advanced=True
    )
    conv_alpha: float = setting(
        0.0, "Alpha of 3×3 convolutions; 0 scales them like the rest.", ge=0, le=1024,
        advanced=True,
    )  # fmt: skip
    dora: bool = setting(
        False, "Train length and direction of weights apart (DoRA): nearer to full training, slower. "
        "Many programs generate such files wrong; see “Compatible copy”.", label="DoRA", advanced=True,
    )  # fmt: skip
    dora_copy: Literal["none", "LoRA", "weights"] = setting(
        "none", "Beside a DoRA, a file for programs that do not know DoRA: an ordinary LoRA (small, "
        "nearly the same; the file says how near) or the changed weights (the same, large).",
        label="Compatible copy", advanced=True,
    )  # fmt: skip
    dora_copy_rank: int = setting(
        0, "Rank of the compatible LoRA; more is nearer. 0 takes four times the rank.",
        label="Rank of the copy", ge=0, le=1024, advanced=True,
    )  # fmt: skip
    rank_stabilized: bool = setting(
        False, "Scale by alpha / √rank, so that a high rank is not held back (rsLoRA).",
        advanced=True,
    )  # fmt: skip
    only: str = setting(
        "", "Only layers whose name contains one of these parts, such as up_blocks, attn2; "
        "-part leaves layers out.", label="Layer filter", advanced=True,
    )  # fmt: skip


# What a file to continue from decides instead of the options.
FROM_THE_FILE = ("rank", "alpha", "conv_rank", "conv_alpha", "dora", "rank_stabilized", "only")
