"""What a base's denoiser is made of, as one short word: equal for bases that compute alike.

Owns: that word of a base that is not loaded. Refuses to know: torch, weights.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from studio.architectures import ARCHITECTURES
from studio.core.errors import StudioError
from studio.families.detect import file_recipe
from studio.families.part_files import part_config
from studio.families.single_file_kind import NotABase

NO_SHAPE = ("_class_name", "_diffusers_version", "_name_or_path", "sample_size")


def denoiser_shape(path: Path, family: str) -> str:
    """`sd1-3f2a91c0`; empty where the files do not tell."""
    name = ARCHITECTURES[family].denoiser.name
    try:
        config = file_recipe(path).parts[name] if path.is_file() else part_config(path, name, [])
    except (OSError, KeyError, TypeError, ValueError, StudioError, NotABase):
        return ""  # a broken base is said elsewhere
    sizes = {key: value for key, value in config.items() if key not in NO_SHAPE}
    if not sizes:
        return ""
    told = json.dumps(sizes, sort_keys=True, default=str)
    return f"{family}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"
