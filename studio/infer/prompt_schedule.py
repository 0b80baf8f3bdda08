"""The conditioning at each step: prompts encoded, and put together for a batch.

Owns: encoding each distinct pair of texts once, and when a batch's conditioning changes.
Refuses to know: the sampling loop, how brackets are written (`studio.infer.prompt`).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from studio.families.base import Base
from studio.families.conditioning import Conditioning
from studio.infer import prompt

Pair = tuple[Conditioning, Conditioning]
"""(unconditional, conditioning)."""


@dataclass(frozen=True)
class PromptSchedule:
    """One prompt with its negative prompt over the steps: `pairs[order[k]]` at step k."""

    pairs: Sequence[Pair]
    order: tuple[int, ...]

    @property
    def lengths(self) -> tuple[int, ...]:
        """Text positions T at each step: images of one batch must agree in them."""
        return tuple(self.pairs[index][1].embeds.shape[1] for index in self.order)


def prompt_schedules(
    base: Base,
    negative: str,
    prompts: Iterable[str],
    *,
    steps: int,
    clip_skip: int = 0,
    syntax: bool = True,
) -> dict[str, PromptSchedule]:
    """Each prompt → its schedule over `steps` steps; without `syntax` brackets are ordinary text.

    A prompt without brackets is encoded exactly as a caption is.
    """
    found = {}
    for text in dict.fromkeys(prompts):
        if not syntax:
            pair = base.encode_pair(negative, text, clip_skip)
            found[text] = PromptSchedule([pair], (0,) * steps)
            continue
        texts = list(
            zip(
                prompt.steps_of(negative, steps, base.words),
                prompt.steps_of(text, steps, base.words),
                strict=True,
            )
        )
        places = {pair: place for place, pair in enumerate(dict.fromkeys(texts))}
        pairs = [
            base.encode_pair(
                prompt.weighted(without, base.words),
                prompt.weighted(with_text, base.words),
                clip_skip,
            )
            for without, with_text in places
        ]
        found[text] = PromptSchedule(pairs, tuple(places[pair] for pair in texts))
    return found


def alike(lengths: Sequence[Hashable], size: int) -> Iterator[list[int]]:
    """Indices into `lengths`, in order, in batches of equal ones: of schedules that have equally many
    text positions at every step.

    Padding a short prompt for its neighbour's sake would change its image.
    """
    for _, neighbours in groupby(range(len(lengths)), key=lambda index: lengths[index]):
        indices = list(neighbours)
        for start in range(0, len(indices), size):
            yield indices[start : start + size]


def together(batch: Sequence[PromptSchedule], guided: bool) -> dict[int, Conditioning]:
    """Step → the conditioning of a whole batch from that step on; step 0 is always there.

    [B, T, D]; `guided`: [2B, T, D], its first half unconditional.
    """
    changes: dict[int, Conditioning] = {}
    joined: dict[tuple[int, ...], Conditioning] = {}
    before: tuple[int, ...] | None = None
    for step, places in enumerate(zip(*(schedule.order for schedule in batch), strict=True)):
        if places == before:
            continue
        before = places
        if places not in joined:
            rows = [schedule.pairs[k] for schedule, k in zip(batch, places, strict=True)]
            without = [negative for negative, _ in rows] if guided else []
            joined[places] = Conditioning.join([*without, *(text for _, text in rows)])
        changes[step] = joined[places]
    return changes
