"""The steps in which a base's images grow, read from its files without loading it.

Owns: pixels per innermost latent. Refuses to know: torch, buckets.
"""

from __future__ import annotations

from pathlib import Path

from studio.architectures import ARCHITECTURES
from studio.families.detect import file_recipe
from studio.families.part_files import part_config


def size_multiple(path: Path, family: str) -> int:
    """What `Base.size_multiple` is once the base is loaded. Errors of `file_recipe`."""
    kind = ARCHITECTURES[family]
    recipe = file_recipe(path).parts if path.is_file() else {}

    def levels(part: str) -> int:
        config = recipe.get(part) or part_config(path, part, [])
        return max(0, len(config.get("block_out_channels") or [0]) - 1)

    scale = 2 ** levels("vae") if levels("vae") else kind.latents.scale
    if kind.denoiser.original_layout:  # a U-Net, which halves its latents on the way in
        return int(scale * 2 ** levels(kind.denoiser.name))
    return int(scale * kind.denoiser.patch)
