"""A frozen weight that is kept in fewer bits or elsewhere, and is made whole where it is computed with.

Owns: `FrozenWeight`, which stands in a layer as its parameter. Refuses to know: how numbers are packed
(`frozen_kinds`), where they lie (`streaming`), which layers have one (`frozen`).

Whoever reads it (an adapter, a norm, a copy) gets the whole weight, as from any parameter. In a linear
or convolutional layer only the gradient of the input is propagated, through the weight made whole
again: autograd keeps neither it nor the layer's input, which the gradient of the weight alone needs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.grad import conv2d_input

from studio.families.frozen_kinds import Kind, Parts

Held = Callable[[], Parts]
"""Gives what is stored of a weight, on the device that computes."""


class FrozenWeight(Tensor):
    """Shape, precision and device of a weight; its numbers are unpacked when somebody asks."""

    kind: Kind
    held: Held

    @staticmethod
    def __new__(
        cls, kind: Kind, held: Held, like: Tensor, device: torch.device
    ) -> FrozenWeight:  # what `like` looks like, on `device`
        made: FrozenWeight = Tensor._make_wrapper_subclass(
            cls, like.shape, dtype=like.dtype, device=device, requires_grad=False
        )
        made.kind, made.held = kind, held
        return made

    def __init__(self, kind: Kind, held: Held, like: Tensor, device: torch.device) -> None:
        pass

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return f"FrozenWeight({self.kind.name}, {tuple(self.shape)}, {self.dtype})"

    def whole(self) -> Tensor:
        """The weight as a plain tensor."""
        with torch.inference_mode(False), torch.no_grad():
            return self.kind.unpack(self.held(), self.shape, self.dtype)

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        layer = _LAYERS.get(func)
        if layer is not None and len(args) > 1 and isinstance(args[1], FrozenWeight):
            return layer(*args, **kwargs)
        with (
            torch._C.DisableTorchFunctionSubclass()
        ):  # else what comes of it would be called one too
            return func(*args, **kwargs)

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in (torch.ops.aten.detach.default, torch.ops.aten.alias.default):
            (weight,) = args
            return FrozenWeight(weight.kind, weight.held, weight, weight.device)
        if func._schema.is_mutable and isinstance(args[0], FrozenWeight):
            raise TypeError("a frozen weight cannot be changed")
        plain = torch.utils._pytree.tree_map_only(FrozenWeight, FrozenWeight.whole, (args, kwargs))
        return func(*plain[0], **(plain[1] or {}))


def frozen(kind: Kind, held: Held, like: Tensor, device: torch.device) -> nn.Parameter:
    """The parameter to put into a layer in place of `like`."""
    return nn.Parameter(FrozenWeight(kind, held, like, device), requires_grad=False)


def _wants_gradient(given: Tensor, bias: Tensor | None) -> bool:
    """Whether the input's gradient is wanted, and no other."""
    return (
        torch.is_grad_enabled()
        and given.requires_grad
        and not (bias is not None and bias.requires_grad)
    )


def _linear(given: Tensor, weight: FrozenWeight, bias: Tensor | None = None) -> Tensor:
    if _wants_gradient(given, bias):
        made: Tensor = _Linear.apply(given, weight, bias)
        return made
    return functional.linear(given, weight.whole(), bias)


def _conv2d(
    given: Tensor, weight: FrozenWeight, bias: Tensor | None = None,
    stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    rest = (stride, padding, dilation, groups)
    if _wants_gradient(given, bias):
        made: Tensor = _Conv2d.apply(given, weight, bias, rest)
        return made
    return functional.conv2d(given, weight.whole(), bias, *rest)


_LAYERS: dict[Any, Callable[..., Tensor]] = {
    functional.linear: _linear,
    functional.conv2d: _conv2d,
}


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, given: Tensor, weight: FrozenWeight, bias: Tensor | None) -> Tensor:
        ctx.weight = weight
        return functional.linear(given, weight.whole(), bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (gradient,) = gradients
        whole = ctx.weight.whole()
        rows = gradient.reshape(-1, gradient.shape[-1])
        return rows.mm(whole).view(*gradient.shape[:-1], whole.shape[1]), None, None


class _Conv2d(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, given: Tensor, weight: FrozenWeight, bias: Tensor | None, rest: tuple[Any, ...]
    ) -> Tensor:
        ctx.weight, ctx.rest, ctx.shape = weight, rest, given.shape
        return functional.conv2d(given, weight.whole(), bias, *rest)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        whole = ctx.weight.whole()
        return conv2d_input(ctx.shape, whole, gradients[0], *ctx.rest), None, None, None
