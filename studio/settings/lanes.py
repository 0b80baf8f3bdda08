"""Several stacks side by side: the same seeds and noise, one column of images each.

Owns: the settings of lanes, and the batches they amount to. Refuses to know: generating, the page.
"""

from __future__ import annotations

from typing import Self

from pydantic import field_validator

from studio.core.names import distinct
from studio.settings.base import Settings, setting
from studio.settings.generation import GenerateSettings, Lane

MOST_LANES, MOST_LETTERS = 6, 60


class LanesSettings(Settings):
    """One to six lanes, and everything they share: seeds, steps, base, the prompt of all."""

    common: GenerateSettings = setting(
        default_factory=GenerateSettings,
        help="What every lane is generated with; its stack comes first in each of them.",
    )
    lanes: list[Lane] = setting(
        help="Stacks side by side.", min_length=1, max_length=MOST_LANES,
    )  # fmt: skip

    @field_validator("lanes")
    @classmethod
    def _told_apart(cls, lanes: list[Lane]) -> list[Lane]:
        """Every lane has a name, and no two the same: images are found by it."""
        names = [lane.name.strip() or f"Lane {number}" for number, lane in enumerate(lanes, 1)]
        if any(len(name) > MOST_LETTERS for name in names):
            raise ValueError(f"the name of a lane has at most {MOST_LETTERS} letters")
        return [
            lane.model_copy(update={"name": name})
            for lane, name in zip(lanes, distinct(names), strict=True)
        ]

    def seeded(self) -> Self:
        """The same with a seed for all lanes: one at random where it is −1."""
        return self.model_copy(update={"common": self.common.seeded()})

    def batches(self) -> list[tuple[str, GenerateSettings]]:
        """(name, settings) of each lane's batch, in order."""
        return [
            (
                lane.name,
                self.common.model_copy(
                    update={
                        "prompt": lane.prompt if lane.prompt.strip() else self.common.prompt,
                        "stack": [*self.common.stack, *lane.stack],
                    }
                ),
            )
            for lane in self.lanes
        ]
