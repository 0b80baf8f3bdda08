"""One adapted module of a LoRA-like file, and what it does to a weight.

Owns: alpha, rank, scale, and choosing the arithmetic of `lora_math` by kind.
Refuses to know: files and strengths; which layer of a base the name means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio import memory
from studio.errors import MismatchError
from studio.formats import lora_math, lora_shapes
from studio.formats.lora_keys import Component, Kind, Spelling

if TYPE_CHECKING:
    import torch

_MULTIPLIES_BASE: tuple[Kind, ...] = ("ia3", "glora", "oft", "boft")


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

    @property
    def key(self) -> str:
        """Unique in its file: component and name."""
        return f"{self.component}.{self.name}"

    @property
    def rank(self) -> int | None:
        """The low rank, or None for kinds that have none."""
        shapes = {part: tuple(tensor.shape) for part, tensor in self.tensors.items()}
        return lora_shapes.rank(self.kind, shapes)

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
        return self.dora or self.kind in _MULTIPLIES_BASE

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
            shapes = {part: tuple(tensor.shape) for part, tensor in self.tensors.items()}
            base = "nothing" if base_weight is None else tuple(base_weight.shape)
            raise MismatchError(
                "An adapter module does not fit its layer",
                where=self.key,
                why=f"Its parts have the shapes {shapes}, the layer's weight has {base}.",
                remedy="Use the base model the adapter was made for.",
            ) from error

    def _delta(
        self, tensors: Mapping[str, torch.Tensor], base: torch.Tensor | None
    ) -> torch.Tensor:
        import torch

        change = self._raw(tensors, base)
        if change is None:
            assert base is not None
            return torch.zeros(base.shape, dtype=torch.float32, device=base.device)
        if base is None:
            return change
        change = lora_math.to_shape(change, base)
        if "magnitude" in tensors:
            return lora_math.weight_decomposed(change, base, tensors["magnitude"], True)
        if "dora_scale" in tensors:
            return lora_math.weight_decomposed(change, base, tensors["dora_scale"], None)
        return change

    def _raw(self, t: Mapping[str, torch.Tensor], base: torch.Tensor | None) -> torch.Tensor | None:
        if self.kind == "lora":
            return lora_math.low_rank(t) * self.scale
        if self.kind == "loha":
            return lora_math.hadamard(t) * self.scale
        if self.kind == "lokr":
            return lora_math.kronecker(t) * self.scale
        if self.kind == "norm":
            return t["w_norm"]
        if self.kind == "diff":
            return t.get("diff")
        assert base is not None
        if self.kind == "glora":
            return lora_math.generalized(t, base) * self.scale
        if self.kind == "ia3":
            return lora_math.scaled_channels(t, base)
        rotate = lora_math.butterfly if self.kind == "boft" else lora_math.rotation
        return rotate(t, base, self.alpha)

    def bias_delta(self) -> torch.Tensor | None:
        """Change of the bias at strength 1, fp32 [out], or None when the bias stays."""
        for part in ("diff_b", "b_norm"):
            if part in self.tensors:
                return self.tensors[part].float()
        if "up_bias" in self.tensors:
            return self.tensors["up_bias"].float() * self.scale
        return None
