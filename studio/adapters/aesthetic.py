"""Aesthetic embeddings on a base: every prompt's text is bent towards a CLIP direction.

Owns: the tuning per prompt, blending, A1111's options.
Refuses to know: the file (`studio.formats.aesthetic`), how text becomes tokens, how images are
generated.

Per prompt a copy of the text encoder's weights takes T steps of Adam on
loss = −cos(text features through the frozen projection, direction); the prompt is then encoded
with the copy, which is thrown away. Source: Gallego 2022 (arXiv:2209.12330) and the options of
A1111's extension. Computed in fp32, once per prompt, whatever the base's precision.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from studio.adapters.base import Adapter, Attachment, Report
from studio.adapters.cache import AdapterCache
from studio.adapters.steered_encoder import (
    completed,
    copies,
    find_tower,
    standing_in,
    transformer_of,
)
from studio.core.counts import counted
from studio.core.errors import NonFiniteError
from studio.families import text as reading
from studio.formats import aesthetic, metadata
from studio.formats.aesthetic import AestheticFile
from studio.settings.training import SteeringSettings

if TYPE_CHECKING:
    from studio.families.base import Base
    from studio.families.conditioning import Conditioning
    from studio.families.weighted import Text
    from studio.formats.sniff import Content
    from studio.settings.training import StackItem

_PARALLEL = 1e-4  # sine of the angle below which an arc is a straight line


class AestheticAdapter(Adapter):
    """One aesthetic embedding; `changes` are settings that differ from what its file recommends."""

    kind = "aesthetic"
    text_only = True
    steering: SteeringSettings

    def __init__(self, file: AestheticFile, changes: Mapping[str, Any] | None = None) -> None:
        self.file, self.path, self.name = file, file.path, file.path.stem
        self.steering = SteeringSettings.parse({**file.recommended, **(changes or {})})
        self.size = file.direction.numel() * file.direction.element_size()
        self.info = {
            "dialect": "safetensors" if file.metadata else "pt",
            "trigger": metadata.trigger(file.metadata) or "",
            "width": file.width,
            "steps": self.steering.steps,
            "rate": self.steering.rate,
        }

    @staticmethod
    def read(path: str | Path, content: Content | None = None) -> AestheticAdapter:
        """See `Adapter.read`."""
        return AestheticAdapter(aesthetic.read(path, content))

    def adjusted(self, item: StackItem) -> Adapter:
        """See `Adapter.adjusted`."""
        return AestheticAdapter(self.file, item.aesthetic) if item.aesthetic else self

    def attach(self, work: Attachment, strength: float, text_strength: float) -> Report:
        """See `Adapter.attach`. Only text is touched, so `text_strength` counts."""
        settings, key = self.steering, (self.path, *work.identity())
        prompts = PromptSteering(
            work.base, self.file.direction, settings, text_strength, self.path, work.cache, key
        )
        if settings.steps and text_strength:
            work.steer(prompts)
            steps = counted(settings.steps, "step")
            message = f"It bends every prompt in {steps} at rate {settings.rate:g}."
        else:
            message = "It has no effect: " + (
                "its strength is 0." if settings.steps else "0 steps."
            )
        return Report(self.path, self.kind, 1, [], message)


class PromptSteering:
    """A direction at work on a base; see `families.base.Steering`.

    Raises MismatchError when the base has no text encoder for it, UnavailableError when the CLIP
    that would tell is not there.
    """

    def __init__(
        self,
        base: Base,
        direction: Tensor,
        settings: SteeringSettings,
        strength: float,
        source: Path | str,
        cache: AdapterCache | None = None,
        key: tuple[Any, ...] = (),
    ) -> None:
        """`direction` [width], length 1. `key` names all that the result depends on but the text."""
        self.settings, self.strength, self.source = settings, strength, source
        self.negative = settings.negative
        with torch.inference_mode(False):  # whoever asks: both take part in gradients
            self.direction = direction.to(base.device, torch.float32, copy=True)
            self._tower = find_tower(base, len(direction), settings.encoder, source)
        self._cache, self._key = cache, key

    def change(
        self, base: Base, texts: tuple[Text, Text], place: int, plain: Conditioning, clip_skip: int
    ) -> Conditioning:
        """See `families.base.Steering.change`; computed once per text where there is a cache."""

        def make() -> Conditioning:
            tuned = self._tuned(base, texts, place, clip_skip)
            with torch.inference_mode(False), torch.no_grad():
                return self._blend(plain, tuned)

        if self._cache is None:
            return make()
        key = (*self._key, base.hash, str(base.device), base.dtype, texts, place, clip_skip)
        return self._cache.computed(key, make, _bytes)

    def _tuned(
        self, base: Base, texts: tuple[Text, Text], place: int, clip_skip: int
    ) -> Conditioning:
        """The text [1, T, D] as the tuned encoder sees it."""
        tower = self._tower
        transformer = transformer_of(base.text_encoders[tower.index])
        # autograd must work although callers generate in inference mode
        with torch.inference_mode(False), torch.enable_grad():
            target = self._target(base)
            tuned = copies(transformer, tower.start)
            with standing_in(transformer, tuned):
                optimizer = torch.optim.Adam(tuned.values(), lr=self.settings.rate)
                with completed(transformer, tower.missing):
                    for _ in range(self.settings.steps):
                        cosines = self._features(base, texts[place]) @ target
                        optimizer.zero_grad()
                        (-cosines.mean()).backward()
                        optimizer.step()
                with torch.no_grad():
                    found = base.encode(list(texts), clip_skip).select([place])
        if not bool(found.embeds.isfinite().all()):
            raise NonFiniteError(
                "A prompt became infinite or NaN while it was bent",
                where=self.source,
                why=f"Its rate per prompt, {self.settings.rate:g}, is too high.",
                remedy="Lower the rate to a tenth, or take the file off the stack.",
            )
        return found

    def _features(self, base: Base, text: Text) -> Tensor:
        """Directions [N, width] of a text's chunks."""
        pooled = reading.pooled(base, self._tower.index, text).float()
        return functional.normalize(pooled @ self._tower.projection.T, dim=-1)

    @torch.no_grad()
    def _target(self, base: Base) -> Tensor:
        """The direction [width], turned by the aesthetic text."""
        settings = self.settings
        if not settings.text.strip() or not settings.text_angle:
            return self.direction
        transformer = transformer_of(base.text_encoders[self._tower.index])
        with (
            standing_in(transformer, copies(transformer, self._tower.start)),
            completed(transformer, self._tower.missing),
        ):
            words = functional.normalize(self._features(base, settings.text).mean(0), dim=-1)
        if settings.text_negative:
            words = functional.normalize(self.direction - words, dim=-1)
        return functional.normalize(slerp(self.direction, words, settings.text_angle), dim=-1)

    def _blend(self, plain: Conditioning, tuned: Conditioning) -> Conditioning:
        """What must be added to `plain` for this strength, fp32."""

        def change(before: Tensor, after: Tensor) -> Tensor:
            before, after = before.float(), after.float()
            if self.settings.slerp:
                return slerp(before, after, self.strength) - before
            return self.strength * (after - before)

        pooled = None
        if plain.pooled is not None and tuned.pooled is not None:
            pooled = change(plain.pooled, tuned.pooled)
        return type(plain)(change(plain.embeds, tuned.embeds), pooled)


def slerp(start: Tensor, end: Tensor, amount: float) -> Tensor:
    """From `start` to `end` [..., D] along the arc between their directions (Shoemake 1985)."""
    cosine = functional.cosine_similarity(start, end, dim=-1).clamp(-1, 1)[..., None]
    angle = torch.acos(cosine)
    sine = torch.sin(angle)
    arc = torch.sin((1 - amount) * angle) * start + torch.sin(amount * angle) * end
    straight = start + amount * (end - start)
    return torch.where(sine < _PARALLEL, straight, arc / sine.clamp(min=_PARALLEL))


def _bytes(found: Conditioning) -> int:
    tensors = [tensor for tensor in (found.embeds, found.pooled) if tensor is not None]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
