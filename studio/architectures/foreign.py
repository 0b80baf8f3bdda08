"""Architectures that the studio recognises by their files and does not load.

Owns: what their tensors, keys and metadata begin with, so that a file can be named.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Foreign:
    """How a file of it is known; all names are beginnings."""

    title: str
    single_file: tuple[str, ...]
    """Of tensors of a whole model."""
    keys: tuple[str, ...]
    """Parts of the names of modules that only its adapters change."""
    metadata: tuple[str, ...]
    """Of `modelspec.architecture` and `ss_base_model_version`."""


FOREIGN = (
    Foreign(
        "Flux",
        ("model.diffusion_model.double_blocks.", "double_blocks."),
        ("double_blocks", "single_transformer_blocks"),
        ("flux",),
    ),
    Foreign(
        "Stable Diffusion 3",
        ("model.diffusion_model.joint_blocks.", "joint_blocks."),
        ("joint_blocks",),
        ("stable-diffusion-v3", "stable-diffusion-3", "sd3"),
    ),
)

WIDE_TEXTS = {4096: "SD 3 or a newer base"}
"""Width of the text that a denoiser reads → which of them do."""
