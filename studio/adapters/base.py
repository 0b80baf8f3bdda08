"""The contract of an adapter on a base, and the one place where a base is changed and restored.

Owns: `Adapter`, `Report`, and `Attachment`, which collects every change of a stack, makes it, and
undoes it. Refuses to know: file formats, names of modules, how pictures are drawn.

Exactness: a weight is never computed back. The base's own parameter object is kept and put back,
so what was there before is there afterwards, bit for bit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import torch
from torch import Tensor, nn

from studio.atomic import sha256
from studio.errors import MismatchError, NonFiniteError

if TYPE_CHECKING:
    from studio.adapters.cache import AdapterCache
    from studio.config import StackItem, SteeringSettings
    from studio.families.base import Base, Steering


Delta: TypeAlias = Tensor | Callable[[], Tensor]
"""ΔW, or what makes it when its turn comes."""


@dataclass(frozen=True)
class Report:
    """What became of one file: how many of its parts found their place, and which did not."""

    path: Path
    kind: str
    matched: int
    unmatched: list[str] = field(default_factory=list)
    message: str = ""


class Adapter(ABC):
    """One adapter file in memory. It holds no state about any base."""

    kind: ClassVar[str]
    """`lora`, `embedding`, `hypernetwork`, `aesthetic` or `checkpoint`."""
    path: Path
    name: str
    """The file's name without its ending, which is what prompts and infotexts call it."""
    info: dict[str, Any]
    """Dialect, rank, alpha, trigger and the like, for showing."""
    size: int
    """Bytes it holds in memory."""
    steering: SteeringSettings | None = None
    """How it bends prompts, for a kind that does."""

    @cached_property
    def short_hash(self) -> str:
        """Twelve hexadecimal digits by which web UIs name the file in a picture's text block."""
        return sha256(self.path)[:12]

    def adjusted(self, item: StackItem) -> Adapter:
        """The adapter as an item of a stack wants it, where a kind has settings of its own."""
        return self

    @abstractmethod
    def attach(self, work: Attachment, strength: float, text_strength: float) -> Report:
        """Registers its changes with `work`; nothing happens to the base before `work.commit`.

        Raises MismatchError when the file was made for another base.
        """


@dataclass
class _Change:
    module: nn.Module
    parameter: str
    deltas: list[tuple[float, Delta]]
    """(strengthᵢ, ΔWᵢ) in stack order, fp32."""
    sources: list[str]


class Attachment:
    """Every change of one applied stack: weights, hooks, words and steering.

    Weight changes to the same parameter are summed in stack order into one new tensor, so a
    layer costs the same with one adapter or eight. Hooks run in the order they were added.
    """

    def __init__(self, base: Base, cache: AdapterCache, items: Sequence[StackItem]) -> None:
        self.base = base
        self.cache = cache
        self._items = items
        self._changes: dict[tuple[int, str], _Change] = {}
        self._hooks: list[Callable[[], Any]] = []
        self._words: dict[str, list[Tensor]] = {}
        self._steering: list[Steering] = []
        self._undo: list[Callable[[], Any]] = []

    def change(
        self, module: nn.Module, parameter: str, delta: Delta, strength: float, source: str
    ) -> None:
        """Adds `strength` · `delta` (fp32, the parameter's shape) to a parameter of `module`."""
        key = (id(module), parameter)
        found = self._changes.get(key)
        if found is None:
            found = self._changes[key] = _Change(module, parameter, [], [])
        found.deltas.append((strength, delta))
        found.sources.append(source)

    def hook(self, register: Callable[[], Any]) -> None:
        """`register()` is called at commit; what it returns has a `remove`."""
        self._hooks.append(register)

    def word(self, name: str, vectors: list[Tensor]) -> None:
        """An extra word: one tensor [n, d] per text encoder. The last file of a name wins."""
        self._words[name] = vectors

    def steer(self, steering: Steering) -> None:
        """Something that bends the text of whole prompts."""
        self._steering.append(steering)

    def identity(self) -> tuple[object, ...]:
        """What tells this stack from any other: files as they are on disk, and every setting."""
        return tuple(
            (self.cache.identity(item.path), item.model_dump_json(exclude={"path"}))
            for item in self._items
            if item.enabled
        )

    def commit(self) -> None:
        """Makes all changes; on an error none of them remains."""
        try:
            for change in self._changes.values():
                self._replace(change)
            for register in self._hooks:
                self._undo.append(register().remove)
            self._set_words()
            self._set_steering()
        except BaseException:
            self.undo()
            raise

    def undo(self) -> None:
        """Takes everything off again, in reverse order. May be called at any time, also twice."""
        while self._undo:
            self._undo.pop()()
        self._changes.clear()

    def _replace(self, change: _Change) -> None:
        parameters, name = change.module._parameters, change.parameter
        original = parameters[name]
        with torch.inference_mode(False), torch.no_grad():
            if original is None:
                merged = torch.zeros_like(_made(change.deltas[0][1]))
            elif not original.is_floating_point():
                raise MismatchError(
                    "A quantised base cannot take weight changes",
                    where=", ".join(change.sources),
                    remedy="Load the base in fp32, fp16 or bf16.",
                )
            else:
                merged = original.detach().to(torch.float32, copy=True)
            for strength, delta in change.deltas:
                merged.add_(
                    _made(delta), alpha=strength
                )  # in place: no second copy of a large layer
            merged = merged.to(self.base.dtype if original is None else original.dtype)
            if not all(bool(bound.isfinite()) for bound in merged.aminmax()):
                raise NonFiniteError(
                    "A layer became infinite or NaN with this stack",
                    where=", ".join(dict.fromkeys(change.sources)),
                    why="The file is damaged, or its strength is too high for this precision.",
                    remedy="Lower the strength, or take the file off the stack.",
                )
            merged = nn.Parameter(merged, requires_grad=False)
        parameters[name] = merged
        self._undo.append(lambda: parameters.__setitem__(name, original))

    def _set_words(self) -> None:
        words, before = self.base.words, dict(self.base.words)

        def restore() -> None:
            words.clear()
            words.update(before)

        self._undo.append(restore)
        words.update(self._words)

    def _set_steering(self) -> None:
        steering, before = self.base.steering, list(self.base.steering)

        def restore() -> None:
            steering[:] = before

        self._undo.append(restore)
        steering.extend(self._steering)


def _made(delta: Delta) -> Tensor:
    return delta if isinstance(delta, Tensor) else delta()
