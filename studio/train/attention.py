"""Which kernels compute the denoiser's attention during a run.

Owns: choosing them, and putting them in for a step and taking them out again.
Refuses to know: how they are tried (`studio.core.device`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from studio.core import device as machine
from studio.core.errors import UnavailableError


def usable_attention(choice: str, device: torch.device) -> str:
    """`sdpa` or `xformers` for `auto`, `sdpa`, `xformers`, known by running a small attention.

    Raises UnavailableError when xformers is wanted and does not run here.
    """
    if choice == "auto":
        return machine.best_attention(device)
    if choice == "xformers":
        probe = machine.attention_backends(device)["xformers"]
        if not probe.works:
            raise UnavailableError(
                "The attention kernels of xformers do not run here",
                why=f"xformers: {probe.reason}",
                remedy="Choose auto or sdpa; `python studio.py doctor` says which pair would work.",
            )
    return choice


@contextmanager
def attention(denoiser: Any, kernels: str) -> Iterator[None]:
    """Inside, the denoiser attends with these kernels; outside, with its own processors again.

    `sdpa` is what diffusers puts into every denoiser, so nothing is touched.
    """
    if kernels == "sdpa":
        yield
        return
    from diffusers.models.attention_processor import XFormersAttnProcessor

    own = dict(denoiser.attn_processors)
    denoiser.set_attn_processor(XFormersAttnProcessor())
    try:
        yield
    finally:
        denoiser.set_attn_processor(own)
