"""Which kernels compute the denoiser's attention during a run.

Owns: choosing them, and putting them in for a step and taking them out again.
Refuses to know: how they are tried (`studio.core.device`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from studio.core import device as machine
from studio.core.errors import UnavailableError


def usable_attention(choice: str, device: torch.device) -> str:
    """The kernels that a choice means; for `auto` known by running a small attention.

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
    if kernels == "sdpa-fp32" and not hasattr(denoiser, "attn_processors"):
        with _AttentionInFull():
            yield
        return
    own = dict(denoiser.attn_processors)
    if kernels == "sdpa-fp32":
        denoiser.set_attn_processor({name: _InFull(one) for name, one in own.items()})
    else:
        from diffusers.models.attention_processor import XFormersAttnProcessor

        denoiser.set_attn_processor(XFormersAttnProcessor())
    try:
        yield
    finally:
        denoiser.set_attn_processor(own)


class _InFull:
    """A denoiser's own processor with its attention in fp32: on some processors the backward pass of the
    bf16 kernel is several times as slow (docs/log.md)."""

    def __init__(self, own: Any) -> None:
        self.own = own

    def __call__(self, *arguments: Any, **more: Any) -> Any:
        with _AttentionInFull():
            return self.own(*arguments, **more)


class _AttentionInFull(TorchFunctionMode):
    """Inside, queries, keys and values are cast to fp32 and the result is cast back."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is not functional.scaled_dot_product_attention:
            return func(*args, **(kwargs or {}))
        query, key, value = (part.float() for part in args[:3])
        return func(query, key, value, *args[3:], **(kwargs or {})).to(args[0].dtype)
