"""A whole model on the stack: the base becomes it, or goes part of the way towards it.

Owns: the difference between a checkpoint's weights and the base's, denoiser and text encoders.
Refuses to know: the one-file layout (`formats.single_file`), how weights are replaced.

Strength s gives W + s · (W′ − W): 1 is the checkpoint up to rounding, ½ is half-way, and LoRA on
the same stack is added to that. Its VAE is not used; images are decoded by the base's own.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from studio.adapters.base import Adapter, Attachment, Report
from studio.architectures.record import is_text_encoder
from studio.core.counts import counted
from studio.core.errors import MismatchError
from studio.formats import metadata, single_file_layout, tensor_source
from studio.formats.ldm_names import UNetLayout

if TYPE_CHECKING:
    from studio.families.base import Base
    from studio.formats.sniff import Content


class CheckpointAdapter(Adapter):
    """One checkpoint file in the original layout."""

    kind = "checkpoint"

    def __init__(self, path: Path, tensors: dict[str, Tensor], header: dict[str, str]) -> None:
        self.path, self.name, self.tensors = path, path.stem, tensors
        self.size = sum(t.numel() * t.element_size() for t in tensors.values())
        self.info = {
            "dialect": "single file",
            "trigger": metadata.trigger(header) or "",
            "problems": [],
        }

    @staticmethod
    def read(path: str | Path, content: Content | None = None) -> CheckpointAdapter:
        """See `Adapter.read`. Everything but the VAE is read."""
        path = Path(path)
        with tensor_source.opened(path, content) as source:
            tensors = {
                name: source.read(name)
                for name in source.shapes
                if not name.startswith(single_file_layout.VAE)
            }
            return CheckpointAdapter(path, tensors, source.metadata)

    def attach(self, work: Attachment, strength: float, text_strength: float) -> Report:
        """See `Adapter.attach`. Weights equal to the base's are left alone."""
        base = work.base
        parts, _ = single_file_layout.from_single_file(
            self.tensors, UNetLayout.from_config(base.denoiser.config)
        )
        matched, changed, unmatched = 0, 0, []
        for component, state in parts.items():
            model = base.components().get(component)
            factor = strength if not is_text_encoder(component) else text_strength
            for name, theirs in state.items():
                place = _place(model, name) if model is not None else None
                if place is None:
                    unmatched.append(f"{component}.{name}")
                    continue
                module, parameter = place
                own = module._parameters[parameter]
                assert own is not None
                if own.shape != theirs.shape:
                    raise self._mismatch(base, name, own, theirs)
                matched += 1
                if factor and not torch.equal(own.detach().cpu().to(theirs.dtype), theirs):
                    changed += 1
                    work.change(module, parameter, _difference(own, theirs), factor, self.path.name)
        if not matched:
            raise self._mismatch(base, "", None, None)
        return Report(
            self.path, self.kind, matched, unmatched,
            f"{changed} of {counted(matched, 'weight')} differ from the base."
            if changed or not (strength or text_strength)
            else "Its weights are the base's own: no effect.",
        )  # fmt: skip

    def _mismatch(
        self, base: Base, name: str, own: Tensor | None, theirs: Tensor | None
    ) -> MismatchError:
        found = single_file_layout.architecture_of(self.tensors)
        shapes = (
            f"“{name}” is {tuple(theirs.shape)} here and {tuple(own.shape)} in the base"
            if own is not None and theirs is not None
            else "none of its weights has a place in the base"
        )
        return MismatchError(
            "This model does not fit this base",
            where=self.path,
            why=f"It is {found.title if found else 'of an unknown kind'}, “{base.name}” is {base.architecture.title}; {shapes}.",
            remedy="Choose it as the base model instead, or choose a base of its own family.",
        )


def _place(model: torch.nn.Module, name: str) -> tuple[torch.nn.Module, str] | None:
    for spelling in (name, name.removeprefix("text_model."), f"text_model.{name}"):
        parent, _, parameter = spelling.rpartition(".")
        try:
            module = model.get_submodule(parent)
        except AttributeError:
            continue
        if module._parameters.get(parameter) is not None:
            return module, parameter
    return None


def _difference(own: Tensor, theirs: Tensor) -> Callable[[], Tensor]:
    """ΔW in fp32, made only when its layer is merged: all of them at once would be a second model."""
    return lambda: theirs.to(own.device, torch.float32) - own.detach().float()
