"""What the sides of a base's images are multiples of, read from its configuration.

Owns: that number of a base that is not loaded; `Base.size_multiple` is the same of a loaded one.
Refuses to know: torch.
"""

from __future__ import annotations

from pathlib import Path

from studio.architectures import ARCHITECTURES
from studio.core.errors import StudioError
from studio.families.detect import file_recipe
from studio.families.part_files import part_config
from studio.families.single_file_kind import NotABase


def size_multiple(path: Path, family: str) -> int | None:
    """Pixels; None where the files do not tell."""
    kind = ARCHITECTURES[family].denoiser
    try:
        parts = file_recipe(path).parts if path.is_file() else {}
        vae, denoiser = (
            parts.get(name) or part_config(path, name, []) for name in ("vae", kind.name)
        )
        scale = 2 ** (len(vae["block_out_channels"]) - 1)
        if kind.original_layout:  # a U-Net halves its latents from block to block
            return int(scale * 2 ** (len(denoiser["block_out_channels"]) - 1))
        return int(scale * kind.patch)
    except (OSError, KeyError, TypeError, ValueError, StudioError, NotABase):
        return None  # a broken base is said elsewhere
