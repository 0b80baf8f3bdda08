"""What a shootout will take, added up: time, memory, disk, class images.

Owns: the sums, and how sure they are. Refuses to know: where the figures come from. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from studio.compare.shootout.plan import Plan, Training
from studio.core.record import Record


class Cost(Record):
    """What one training takes, or an entry, or all. An estimate unless `measured`."""

    seconds: float = 0.0
    """In steps."""
    class_images: int = 0
    """To be generated first."""
    class_seconds: float = 0.0
    memory: int = 0
    """Bytes; of several the largest, for they run one after the other."""
    disk: int = 0
    """Bytes."""
    measured: bool = False
    """Whether it comes from runs like it, and not from others or from nothing but the machine."""
    trainings: int = 0
    reused: int = 0
    """Of these, finished earlier: they cost nothing."""


@dataclass(frozen=True)
class Priced:
    """The costs of a plan."""

    entries: Mapping[str, Cost]
    """By an entry's name; what several entries share is in the first of them alone."""
    images: int
    """To be generated for the comparison, in all columns."""
    image_seconds: float
    total: Cost

    @property
    def seconds(self) -> float:
        """Everything, one after the other."""
        return self.total.seconds + self.total.class_seconds + self.image_seconds


def priced(
    plan: Plan,
    costs: Mapping[str, Cost],
    done: Sequence[str],
    seconds_per_image: float,
    prompts: int,
) -> Priced:
    """Adds up the costs of trainings, by key; those in `done` are finished already.

    `prompts` is how many there are. Class images of the same prompts are generated once.
    """
    counted: set[str] = set()
    classes: set[object] = set()
    entries: dict[str, Cost] = {}
    for group in dict.fromkeys(column.group for column in plan.columns if column.group):
        own = [one for one in plan.of(group) if one.key not in counted]
        counted |= {one.key for one in own}
        entries[group] = _sum([_cost(one, costs, done, classes) for one in own])
    grid = prompts * len(plan.settings.prompts.seeds)
    sampling = plan.settings.sampling
    images = (max(grid, sampling.images) + sampling.ordinary_images) * len(plan.columns)
    return Priced(
        entries, images, round(images * seconds_per_image, 1), _sum(list(entries.values()))
    )


def _cost(
    one: Training, costs: Mapping[str, Cost], done: Sequence[str], classes: set[object]
) -> Cost:
    if one.key in done:
        return Cost(measured=True, trainings=1, reused=1)
    cost = costs.get(one.key, Cost()).changed(trainings=1)
    if not cost.class_images:
        return cost
    same = (tuple(one.config.prior.prompts), one.config.prior.folder)
    if same in classes:  # another training has made them by then
        return cost.changed(class_images=0, class_seconds=0.0)
    classes.add(same)
    return cost


def _sum(costs: Sequence[Cost]) -> Cost:
    return Cost(
        seconds=round(sum(one.seconds for one in costs), 1),
        class_images=sum(one.class_images for one in costs),
        class_seconds=round(sum(one.class_seconds for one in costs), 1),
        memory=max((one.memory for one in costs), default=0),
        disk=sum(one.disk for one in costs),
        measured=all(one.measured for one in costs),
        trainings=sum(one.trainings for one in costs),
        reused=sum(one.reused for one in costs),
    )
