"""LoRA-like files on a base: names and shapes resolved, weight changes handed to the stack.

Owns: which ΔW goes to which parameter with which strength, and the words bundled in such files.
Refuses to know: how ΔW is computed (`studio.formats`), how weights are replaced and restored.
"""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from studio.adapters import diagnosis
from studio.adapters.base import Adapter, Attachment, Report
from studio.adapters.embedding import widths_fit
from studio.adapters.names import ModuleNames
from studio.architectures.record import is_text_encoder
from studio.core.counts import counted
from studio.core.errors import MismatchError
from studio.formats import lora, metadata, safetensors_file
from studio.formats.lora import LoraFile
from studio.formats.lora_module import LoraModule
from studio.formats.sniff import Content, sniff

if TYPE_CHECKING:
    from studio.families.base import Base
    from studio.formats.sniff import Content


class LoraAdapter(Adapter):
    """A LoRA, LyCORIS or DoRA file of any dialect, merged into the weights it touches."""

    kind = "lora"

    def __init__(self, file: LoraFile, content: Content = "unknown") -> None:
        self.file, self._content = file, content
        self.path = file.path
        self.name = file.path.stem
        self.size = sum(
            tensor.numel() * tensor.element_size()
            for module in file.modules.values()
            for tensor in module.tensors.values()
        )
        self.info = {
            "dialect": file.dialect,
            "rank": file.rank,
            "alpha": file.alpha,
            "trigger": metadata.trigger(file.metadata) or "",
            "made_for": diagnosis.made_for_what(file),
            "problems": list(file.problems),
        }

    @staticmethod
    def read(path: str | Path, content: Content | None = None) -> LoraAdapter:
        """See `Adapter.read`."""
        content = content or sniff(path)
        return LoraAdapter(lora.read(path, content), content)

    @cached_property
    def short_hash(self) -> str:
        """Of the bytes after the header where there is one, so that edited metadata changes nothing."""
        if self._content == "safetensors":
            return safetensors_file.model_hash(self.path)[:12]
        return super().short_hash

    def names(self, base: Base) -> ModuleNames:
        """The names of a base's modules as this file spells them."""
        return ModuleNames(base, slots_without_geglu=_without_geglu(self.file))

    def attach(self, work: Attachment, strength: float, text_strength: float) -> Report:
        """See `Adapter.attach`. All shapes are checked before anything is registered."""
        base, file = work.base, self.file
        names = self.names(base)
        identity = work.cache.identity(self.path)
        changes: list[tuple[nn.Module, str, Tensor, float]] = []
        unmatched: list[str] = []
        found: Counter[str] = Counter()
        for module in file.modules.values():
            target = names.find(module.component, module.name, module.spelling)
            if target is None:
                unmatched.append(module.key)
                continue
            found[module.component] += 1
            factor = strength if not is_text_encoder(module.component) else text_strength
            if factor == 0:
                self._check(module, target, work)
                continue
            key = (*identity, base.hash, str(base.device), module.key)
            changes += [
                (target, parameter, delta, factor)
                for parameter, delta in self._deltas(module, target, work, key)
            ]
        words = self._words(work, unmatched)
        if not found and not words:
            detail = f"None of its {counted(len(file.modules), 'module')} is in this base."
            raise diagnosis.mismatch(file, base, detail)
        for target, parameter, delta, factor in changes:
            work.change(target, parameter, delta, factor, self.path.name)
        message = diagnosis.what_matched(file, base, found, unmatched)
        return Report(
            self.path, self.kind, found.total() + len(words), file.leftovers + unmatched, message
        )

    def _deltas(
        self, module: LoraModule, target: nn.Module, work: Attachment, key: tuple[object, ...]
    ) -> list[tuple[str, Tensor]]:
        weight = target._parameters["weight"]
        assert weight is not None

        def make() -> Tensor:
            # made outside inference mode, so that training may use the merged weights too
            with torch.inference_mode(False), torch.no_grad():
                return module.delta(weight.detach())

        self._check(module, target, work)
        deltas = []
        if module.kind != "diff" or "diff" in module.tensors:
            try:
                # a change that depends on the base's weights is worth nothing for other weights
                delta = make() if module.needs_base else work.cache.tensor(key, make)
            except MismatchError as error:
                raise diagnosis.mismatch(self.file, work.base, error.why or error.what) from error
            deltas.append(("weight", delta))
        own = target._parameters.get("bias")
        bias = module.bias_delta(None if own is None else own.detach(), weight)
        if bias is not None:
            if bias.shape != (weight.shape[0],) or (own is not None and own.shape != bias.shape):
                given = counted(bias.numel(), "number")
                detail = f"Its change of the bias of “{module.name}” has {given}."
                raise diagnosis.mismatch(self.file, work.base, detail)
            deltas.append(("bias", bias.to(weight.device)))
        return deltas

    def _check(self, module: LoraModule, target: nn.Module, work: Attachment) -> None:
        """Compares sizes without computing anything; other kinds are compared when computed."""
        weight = target._parameters["weight"]
        assert weight is not None
        wanted = (weight.shape[0], weight.shape[1] if weight.dim() > 1 else 1)
        given = module.size
        if given is not None and given != wanted:
            detail = (
                f"Its layer “{module.name}” turns {counted(given[1], 'number')} "
                f"into {given[0]}, "
                f"this base's turns {wanted[1]} into {wanted[0]}."
            )
            raise diagnosis.mismatch(self.file, work.base, detail)

    def _words(self, work: Attachment, unmatched: list[str]) -> list[str]:
        found = []
        for word, slots in self.file.embeddings.items():
            vectors = [slots.get(slot) for slot in ("text_encoder", "text_encoder_2")]
            fitting = widths_fit(vectors, work.base)
            if fitting is None:
                unmatched.append(f"the embedding “{word}”")
                continue
            work.word(word, [vector.to(work.base.device) for vector in fitting])
            found.append(word)
        return found


def _without_geglu(file: LoraFile) -> bool:
    stated = file.metadata.get("unet", "")
    return bool(stated) and "GEGLU" not in stated
