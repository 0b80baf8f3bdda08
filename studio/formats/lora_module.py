"""One adapted module of a LoRA-like file, and what it does to a weight.

Owns: alpha, rank, scale, and ΔW in the shape of a layer; `lora_algebra` has the rows of the kinds.
Refuses to know: files and strengths; which layer of a base the name means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from studio.core import memory
from studio.core.errors import MismatchError
from studio.formats import lora_algebra, lora_math, lora_math_peft
from studio.formats.lora_algebra import Kind, Stated
from studio.formats.lora_dialects import Component, Spelling

if TYPE_CHECKING:
    import torch


@dataclass
class LoraModule:
    """One adapted module as the file has it.

    `name` is the module as found: underscored ("kohya"), a dotted path ("dotted"), or a slot
    number ("index", see `positional`). `tensors` are the parts by neutral name, in the file's
    dtype. `alpha` None means that the factor is 1.
    """

    component: Component
    name: str
    spelling: Spelling
    kind: Kind
    tensors: dict[str, torch.Tensor]
    alpha: float | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    """PEFT's settings of this module; `r` is the rank where the tensors do not show it."""

    @property
    def key(self) -> str:
        """Unique in its file: component and name."""
        return f"{self.component}.{self.name}"

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Part → shape."""
        return {part: tuple(tensor.shape) for part, tensor in self.tensors.items()}

    @property
    def rank(self) -> int | None:
        """The low rank, or None for kinds that have none."""
        return lora_algebra.algebra(self.kind).rank(self.shapes) or self.settings.get("r")

    @property
    def size(self) -> tuple[int, int] | None:
        """(outputs, inputs) of the layer it was made for, for kinds whose parts tell both."""
        return lora_algebra.algebra(self.kind).size(self.shapes)

    @property
    def scale(self) -> float:
        """alpha / rank; 1 when either is missing or alpha is 0 (then alpha means rank)."""
        return self.alpha / self.rank if self.alpha and self.rank else 1.0

    @property
    def dora(self) -> bool:
        """Whether the change is weight-decomposed (arXiv:2402.09353)."""
        return "dora_scale" in self.tensors or "magnitude" in self.tensors

    @property
    def needs_base(self) -> bool:
        """Whether ΔW depends on the base weight's values."""
        return self.dora or lora_algebra.algebra(self.kind).multiplies

    def delta(self, base_weight: torch.Tensor | None = None) -> torch.Tensor:
        """ΔW at strength 1, fp32, in the shape of `base_weight` [out, in, k…].

        Without a base weight: in the shape the file implies, for kinds that allow it (ValueError
        otherwise). Raises MismatchError when the sizes differ.
        """
        if base_weight is None and self.needs_base:
            raise ValueError(f"a {self.kind} change needs the base weight")
        tensors = {part: tensor.float() for part, tensor in self.tensors.items()}
        if base_weight is not None:
            tensors = {part: tensor.to(base_weight.device) for part, tensor in tensors.items()}
        try:
            return self._delta(tensors, base_weight)
        except (RuntimeError, IndexError, ValueError) as error:
            if memory.is_full(error):
                raise
            base = "nothing" if base_weight is None else tuple(base_weight.shape)
            raise MismatchError(
                "An adapter module does not fit its layer",
                where=self.key,
                why=f"Its parts have the shapes {self.shapes}, the layer's weight has {base}.",
                remedy="Use the base model the adapter was made for.",
            ) from error

    def _delta(
        self, tensors: Mapping[str, torch.Tensor], base: torch.Tensor | None
    ) -> torch.Tensor:
        import torch

        row = lora_algebra.algebra(self.kind)
        change = row.delta(tensors, base, Stated(self.alpha, self.settings))
        if change is None:
            if base is None:
                raise ValueError("biases alone change: the weight's shape is not in the file")
            return torch.zeros(base.shape, dtype=torch.float32, device=base.device)
        if row.scaled:
            change = change * self.scale
        if base is None:
            return change
        change = lora_math.to_shape(change, base)
        if "magnitude" in tensors:
            return lora_math.weight_decomposed(change, base, tensors["magnitude"], True)
        if "dora_scale" in tensors:
            return lora_math.weight_decomposed(change, base, tensors["dora_scale"], None)
        return change

    def bias_delta(
        self, bias: torch.Tensor | None = None, weight: torch.Tensor | None = None
    ) -> torch.Tensor | None:
        """Change of the bias at strength 1, fp32 [out], or None when the bias stays.

        `bias` and `weight` are the layer's own, for kinds that multiply them.
        """
        parts = {part: tensor.float() for part, tensor in self.tensors.items()}
        for part in ("diff_b", "b_norm"):
            if part in parts:
                return parts[part]
        if "ia3_l" in parts:
            if bias is None or weight is None:
                return None
            return lora_math_peft.rescaled_bias(parts["ia3_l"], bias, weight.shape, self.settings)
        change = None
        if "down_bias" in parts:  # what the first factor adds goes through the second
            change = parts["up"].flatten(1) @ parts["down_bias"].flatten()
        if "up_bias" in parts:
            change = parts["up_bias"] + (0 if change is None else change)
        return None if change is None else change * self.scale
