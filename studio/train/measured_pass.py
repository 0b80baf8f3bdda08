"""One forward and backward pass of a network, computed in a given way and thrown away.

Owns: copies of a base in another precision, the layout of weights, seconds of a pass and what it keeps.
Refuses to know: which ways there are, how often they are measured (`calibration`).

A pass sees noise. The base's weights come back as the very tensors they were, and gradients are dropped.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from studio import methods
from studio.families.base import Base
from studio.methods.base import Trainable
from studio.settings.training import RunConfig
from studio.train.attention import attention
from studio.train.auto import Way
from studio.train.checkpointing import checkpointing
from studio.train.objective import Batch, Objective


class Subject:
    """A network in one precision, with what the method of a configuration trains on it."""

    def __init__(self, base: Base, config: RunConfig) -> None:
        self.base, self.trigger = base, config.data.trigger
        self.objective = Objective(base, config.loss)
        method = methods.find(config.method)
        self.trainable: Trainable | None = None  # where the network's own weights are trained
        if method.product != "model":
            self.trainable = method.prepare(base, config, self.trigger)

    @property
    def weights(self) -> int:
        """Bytes of everything that is loaded."""
        parts = [*self.base.components().values(), self.base.vae]
        return sum(tensor.nbytes for part in parts for tensor in part.parameters())

    def seconds(self, way: Way, batch: int, side: int) -> float:
        """How long a pass over `batch` images of `side` pixels takes."""
        with self._ready(way):
            started = now(self.base.device)
            self._pass(batch, side)
            return now(self.base.device) - started

    def kept(self, way: Way, batch: int, side: int, less: bool = False) -> int:
        """Bytes that such a pass keeps for its backward half, beside what is loaded; `less` with
        gradient checkpointing."""
        sizes: dict[int, int] = {}

        def keep(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            sizes[storage.data_ptr()] = storage.nbytes()
            return tensor

        with (
            self._ready(way),
            checkpointing(self.base.denoiser, "on" if less else "off"),
            torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        ):
            self._pass(batch, side)
            for part in self.base.components().values():
                for tensor in part.parameters():
                    sizes.pop(tensor.untyped_storage().data_ptr(), None)
        return sum(sizes.values())

    @contextmanager
    def _ready(self, way: Way) -> Iterator[None]:
        """Inside, the network computes in this way, and its gradients go where the method's do."""
        denoiser = self.base.denoiser
        with ExitStack() as stack:
            stack.enter_context(layout(denoiser, way.channels_last))
            if self.trainable is None:
                denoiser.requires_grad_(True)
                stack.callback(denoiser.requires_grad_, False)
            else:
                stack.enter_context(self.trainable.attached(training=True))
            stack.enter_context(attention(denoiser, way.attention))
            stack.enter_context(torch.enable_grad())
            yield

    def _pass(self, batch: int, side: int) -> None:
        base, trainable = self.base, self.trainable
        text = self.trigger or "a photo"
        captions = [trainable.caption(text) if trainable else text] * batch
        with torch.set_grad_enabled(trainable is not None and trainable.trains_text):
            conditioning = base.encode(captions).to(base.device, base.dtype)
        latent = side // base.latent_scale
        generator = torch.Generator().manual_seed(0)
        moments = torch.randn(batch, 2 * base.latent_channels, latent, latent, generator=generator)
        noise = Batch(moments.to(base.device), conditioning, (side, side))
        self.objective.loss(noise, 0, 1, range(batch)).backward()
        self._drop()

    def _drop(self) -> None:
        """Gradients, wherever they are."""
        if self.trainable is None:
            self.base.denoiser.zero_grad(set_to_none=True)
            return
        groups = [tensor for group in self.trainable.groups for tensor in group.parameters]
        for tensor in [*self.trainable.leaves(), *groups]:
            tensor.grad = None


def in_precision(base: Base, dtype: torch.dtype) -> Base:
    """The base with copies of its networks in another precision; no tensor is copied twice."""

    def copied(part: nn.Module) -> nn.Module:
        memo: dict[int, Any] = {
            id(one): nn.Parameter(one.detach().to(dtype, copy=True), requires_grad=False)
            for one in part.parameters()
        }
        made: nn.Module = copy.deepcopy(part, memo)
        return made.to(dtype)

    return replace(
        base, denoiser=copied(base.denoiser), text_encoders=[copied(e) for e in base.text_encoders],
        dtype=dtype, words={}, steering=[], memo={},
    )  # fmt: skip


@contextmanager
def layout(denoiser: nn.Module, channels_last: bool) -> Iterator[None]:
    """Inside, its convolutions' weights lie channels last; outside, they are the very tensors they were."""
    if not channels_last:
        yield
        return
    own = [(one, one.data) for one in denoiser.parameters() if one.ndim == 4]
    try:
        for one, data in own:
            one.data = data.contiguous(memory_format=torch.channels_last)
        yield
    finally:
        for one, data in own:
            one.data = data


def now(device: torch.device) -> float:
    """Seconds, once the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
