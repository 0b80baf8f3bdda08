"""The blocks of a denoiser, by the names that people weight them with.

Owns: which blocks a network of given numbers has, and in which one a module lies. Those of a U-Net
are numbered as in its original code (`IN04`, `M00`, `OUT05`), those of a transformer along its
lists of layers (`L03`). Refuses to know: torch, weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studio.architectures.record import Denoiser
from studio.formats.ldm_names import (
    UNetLayout,
    diffusers_to_ldm_unet,
    unet_block,
    unet_blocks,
)


def blocks(denoiser: Denoiser, config: Mapping[str, Any]) -> dict[str, bool]:
    """The blocks in order, and whether each has attention; `config` is diffusers' configuration.

    KeyError, TypeError or ValueError where the configuration does not tell them.
    """
    if denoiser.original_layout:
        return unet_blocks(UNetLayout.from_config(config))
    return {
        f"{row.letters}{number:02}": True
        for row in denoiser.blocks
        for number in range(int(config[row.count]))
    }


def block_of(denoiser: Denoiser, config: Mapping[str, Any], name: str) -> str | None:
    """The block that a module called `name` lies in; None for what lies outside of all."""
    if denoiser.original_layout:
        return unet_block(name, UNetLayout.from_config(config))
    for row in denoiser.blocks:
        number = name.removeprefix(row.start).partition(".")[0]
        if name.startswith(row.start) and number.isdecimal():
            return f"{row.letters}{int(number):02}"
    return None


def original_names(
    denoiser: Denoiser, config: Mapping[str, Any], names: list[str]
) -> dict[str, str]:
    """diffusers' name → the original code's, for the modules that have one there."""
    if not denoiser.original_layout:
        return {}
    layout = UNetLayout.from_config(config)
    found = {name: diffusers_to_ldm_unet(name, layout) for name in names}
    return {name: theirs for name, theirs in found.items() if theirs is not None}
