"""The contract of an adapter on a base, and the one place where a base is changed and restored.

Owns: `Adapter`, `Report`, and `Attachment`, which collects every change of a stack, makes it, and
undoes it. Refuses to know: file formats, names of modules, how images are generated.

Exactness: a weight is never computed back. The base's own parameter object is kept and put back,
so what was there before is there afterwards, bit for bit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import torch
from torch import Tensor, nn

from studio.adapters.block_weights import BlockWeights, Span
from studio.core.atomic import sha256
from studio.core.errors import MismatchError, NonFiniteError

if TYPE_CHECKING:
    from studio.adapters.cache import AdapterCache
    from studio.families.base import Base, Steering
    from studio.formats.sniff import Content
    from studio.settings.training import StackItem, SteeringSettings


Delta: TypeAlias = Tensor | Callable[[], Tensor]
"""ΔW, or what makes it when its turn comes."""


@dataclass(frozen=True)
class Report:
    """What became of one file: how many of its parts matched, and which did not."""

    path: Path
    kind: str
    matched: int
    unmatched: list[str] = field(default_factory=list)
    message: str = ""


class Adapter(ABC):
    """One adapter file in memory. It holds no state about any base."""

    kind: ClassVar[str]
    """Its name in `studio.formats.kinds`."""
    path: Path
    name: str
    """The file's name without its ending, which is what prompts and infotexts call it."""
    info: dict[str, Any]
    """Dialect, rank, alpha, trigger and the like, for showing."""
    size: int
    """Bytes it holds in memory."""
    steering: SteeringSettings | None = None
    """How it bends prompts, for a kind that does."""
    text_only: ClassVar[bool] = False
    """Whether it changes nothing but how prompts are read."""

    @staticmethod
    @abstractmethod
    def read(path: str | Path, content: Content | None = None) -> Adapter:
        """Reads a file of this kind; `content` is what `sniff` said of it, if it was asked.

        Raises MissingError, FileError.
        """

    @cached_property
    def short_hash(self) -> str:
        """Twelve hexadecimal digits by which web UIs name the file in an image's text block."""
        return sha256(self.path)[:12]

    def adjusted(self, item: StackItem) -> Adapter:
        """The adapter as an item of a stack wants it, where a kind has settings of its own."""
        return self

    @abstractmethod
    def attach(self, work: Attachment, strength: float, text_strength: float) -> Report:
        """Registers its changes with `work`; nothing happens to the base before `work.commit`.

        Raises MismatchError when the file was made for another base.
        """


@dataclass(frozen=True, eq=False)
class _Part:
    strength: float
    delta: Delta
    source: str
    span: Span


@dataclass
class _Change:
    """All that stands on one parameter, in stack order."""

    module: nn.Module
    parameter: str
    original: nn.Parameter | None
    parts: list[_Part]
    acting: list[_Part] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class _Hook:
    register: Callable[[], Any]
    span: Span


class Attachment:
    """Every change of one applied stack: weights, hooks, words and steering.

    Weight changes to the same parameter are summed in stack order into one new tensor, so a
    layer costs the same with one adapter or eight. Hooks run in the order they were added. What
    acts for a part of the sampling is put on and taken off between two steps (`at_step`).
    """

    def __init__(self, base: Base, cache: AdapterCache, items: Sequence[StackItem]) -> None:
        self.base = base
        self.cache = cache
        self._items = items
        self._block_weights = BlockWeights(base, None)
        self._changes: dict[tuple[int, str], _Change] = {}
        self._hooks: list[_Hook] = []
        self._acting_hooks: list[_Hook] = []
        self._handles: list[Any] = []
        self._words: dict[str, list[Tensor]] = {}
        self._steering: list[Steering] = []
        self._undo: list[Callable[[], Any]] = []

    def take(self, adapter: Adapter, item: StackItem) -> Report:
        """Registers what an item of the stack does. Raises MismatchError, SettingsError (blocks)."""
        text = item.strength if item.text_strength is None else item.text_strength
        self._block_weights = BlockWeights(self.base, item)
        report = adapter.attach(self, item.strength, text)
        said = self._block_weights.remarks(adapter.text_only)
        return replace(report, message=" ".join([report.message, *said]).strip())

    def change(
        self, module: nn.Module, parameter: str, delta: Delta, strength: float, source: str
    ) -> None:
        """Adds `strength` · `delta` (fp32, the parameter's shape) to a parameter of `module`.

        The block's factor and the range of the item at hand are applied here.
        """
        strength *= self._block_weights.factor(module)
        if not strength:
            return
        key = (id(module), parameter)
        found = self._changes.get(key)
        if found is None:
            original = module._parameters[parameter]
            found = self._changes[key] = _Change(module, parameter, original, [])
        found.parts.append(_Part(strength, delta, source, self._block_weights.span(module)))

    def hook(self, module: nn.Module, register: Callable[[float], Any]) -> None:
        """`register(factor)` is called when it begins to act and returns what has a `remove`.

        `factor` is that of the block of `module`, which the hook changes.
        """
        factor = self._block_weights.factor(module)
        if factor:
            self._hooks.append(_Hook(lambda: register(factor), self._block_weights.span(module)))

    def word(self, name: str, vectors: list[Tensor]) -> None:
        """An extra word: one tensor [n, d] per text encoder. The last file of a name wins."""
        self._block_weights.reads_text = True
        self._words[name] = vectors

    @property
    def words(self) -> list[str]:
        """The words of the files so far, in order."""
        return list(self._words)

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
        """Makes the changes of the first step; on an error none of them remains."""
        try:
            for change in self._changes.values():
                slot, name, original = change.module._parameters, change.parameter, change.original
                self._undo.append(partial(slot.__setitem__, name, original))
            self._undo.append(self._remove_hooks)
            self.at_step(0, 1)
            self._set_words()
            self._set_steering()
            self._set_on_step()
        except BaseException:
            self.undo()
            raise

    def at_step(self, step: int, steps: int) -> None:
        """Brings on what acts in step `step` (from 0) of `steps`, takes off what does not.

        Always from the original weights, so nothing adds up. Costs nothing where nothing changes.
        """
        for change in self._changes.values():
            wanted = [part for part in change.parts if part.span.covers(step, steps)]
            if wanted != change.acting:
                self._replace(change, wanted)
        hooks = [hook for hook in self._hooks if hook.span.covers(step, steps)]
        if hooks != self._acting_hooks:
            # all of them anew: they run in the order in which they were registered
            self._remove_hooks()
            self._handles = [hook.register() for hook in hooks]
            self._acting_hooks = hooks

    def undo(self) -> None:
        """Takes everything off again, in reverse order. May be called at any time, also twice."""
        while self._undo:
            self._undo.pop()()
        self._changes.clear()

    def _remove_hooks(self) -> None:
        while self._handles:
            self._handles.pop().remove()
        self._acting_hooks = []

    def _replace(self, change: _Change, parts: list[_Part]) -> None:
        parameters, name = change.module._parameters, change.parameter
        change.acting = parts
        parameters[name] = self._merged(change.original, parts) if parts else change.original

    def _merged(self, original: nn.Parameter | None, parts: list[_Part]) -> nn.Parameter:
        sources = ", ".join(dict.fromkeys(part.source for part in parts))
        with torch.inference_mode(False), torch.no_grad():
            if original is None:
                merged = torch.zeros_like(_made(parts[0].delta))
            elif not original.is_floating_point():
                raise MismatchError(
                    "A quantised base cannot take weight changes",
                    where=sources,
                    remedy="Load the base in fp32, fp16 or bf16.",
                )
            else:
                merged = original.detach().to(torch.float32, copy=True)
            for part in parts:
                # in place: no second copy of a large layer
                merged.add_(_made(part.delta), alpha=part.strength)
            merged = merged.to(self.base.dtype if original is None else original.dtype)
            if not all(bool(bound.isfinite()) for bound in merged.aminmax()):
                raise NonFiniteError(
                    "A layer became infinite or NaN with this stack",
                    where=sources,
                    why="The file is damaged, or its strength is too high for this precision.",
                    remedy="Lower the strength, or take the file off the stack.",
                )
            return nn.Parameter(merged, requires_grad=False)

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

    def _set_on_step(self) -> None:
        base, before = self.base, self.base.on_step
        self._undo.append(lambda: setattr(base, "on_step", before))
        spans = [part.span for change in self._changes.values() for part in change.parts]
        timed = any(not span.whole for span in [*spans, *(hook.span for hook in self._hooks)])
        # an outer stack stands still meanwhile: it would put its weights over ours
        base.on_step = self.at_step if timed else None


def _made(delta: Delta) -> Tensor:
    return delta if isinstance(delta, Tensor) else delta()
