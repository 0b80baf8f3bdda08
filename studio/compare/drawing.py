"""Many pictures from one base as it stands: prompts and seeds in, batches of pixels out.

Owns: batching, and that a (prompt, seed) pair always gets the same noise. Refuses to know:
stacks (the caller has applied one, or none), measures, files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from studio.families.base import Base
from studio.infer.engine import draw, initial_noise, picture_size
from studio.infer.prompt_schedule import alike, scripts, together
from studio.settings.training import CompareSettings, Sampler

Pair = tuple[str, int]


@dataclass(frozen=True)
class How:
    """How every picture is drawn. Sizes in pixels; the base's own is taken."""

    steps: int = 20
    guidance: float = 4.0
    sampler: Sampler = "DDIM"
    negative_prompt: str = ""
    batch_size: int = 8
    syntax: bool = False
    """Whether brackets in a prompt have their meaning; captions are text as it stands."""

    @classmethod
    def of(cls, settings: CompareSettings) -> How:
        """What a comparison's settings say."""
        return cls(
            settings.steps,
            settings.guidance,
            settings.sampler,
            settings.negative_prompt,
            settings.batch_size,
            syntax=True,
        )


def draw_pairs(
    base: Base,
    pairs: Sequence[Pair],
    how: How,
    *,
    on_step: Callable[[int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    between_steps: Callable[[], None] | None = None,
) -> Iterator[tuple[list[int], Tensor]]:
    """Draws (prompt, seed) pairs; yields (indices into `pairs`, uint8 [B, H, W, 3]) per batch.

    Equal pairs lead to equal batches, so two columns differ by their stacks alone. `on_step(n)`
    counts pictures × steps done. Raises Interrupted.
    """
    size = picture_size(base, 0, 0)
    texts = [prompt for prompt, _ in pairs]
    told = scripts(base, how.negative_prompt, texts, steps=how.steps, syntax=how.syntax)
    done = 0
    for batch in alike([told[text] for text in texts], how.batch_size):
        seeds = [pairs[index][1] for index in batch]
        changes = together([told[texts[index]] for index in batch])
        unconditional, conditioning = changes[0]

        def report(step: int, before: int = done, width: int = len(batch)) -> None:
            if on_step is not None:
                on_step(before + step * width)

        pixels = draw(
            base,
            conditioning,
            unconditional,
            torch.cat([initial_noise(base, seed, *size) for seed in seeds]),
            sampler=how.sampler,
            steps=how.steps,
            guidance=how.guidance,
            size=size,
            seeds=seeds,
            changes=changes,
            on_step=report,
            cancelled=cancelled,
            between_steps=between_steps,
        )
        done += how.steps * len(batch)
        yield batch, pixels
