"""Auto's rule on made-up timings: never much slower than it could be, within memory, the same every time."""

from __future__ import annotations

import random
from typing import Any

import pytest

from studio.train.auto import MARGIN, SPARE, Asked, Calibration, Timing, Way, decide, faster

GB = 1_000_000_000
WAYS = [
    Way(precision=precision, attention=attention, channels_last=last)
    for precision in ("fp32", "bf16")
    for attention in ("sdpa", "sdpa-fp32")
    for last in (False, True)
]


def made_up(draw: random.Random) -> tuple[Calibration, Asked, int | None]:
    """Timings, wishes and memory of any kind."""
    rounds = draw.randint(1, 5)
    timings = tuple(
        Timing(
            way=way, seconds=tuple(draw.uniform(0.1, 1) for _ in range(rounds)),
            weights=draw.randint(1, 8) * GB, kept=draw.randint(1, 8) * GB,
        )
        for way in WAYS[: draw.randint(1, len(WAYS))]
    )  # fmt: skip
    asked = Asked(
        precision=draw.choice([None, None, "fp32", "bf16"]),
        channels_last=draw.choice([None, None, True, False]),
        checkpointing=draw.choice([None, True, False]),
        batch=draw.choice([1, 2, 6]),
        resolution=64,
        split=draw.choice([True, False]),
    )
    memory = draw.choice([None, draw.randint(1, 40) * GB])
    return Calibration(side=64, batch=1, added=GB, timings=timings), asked, memory


@pytest.mark.parametrize("seed", range(20))
def test_the_choice_is_asked_for_fits_and_is_hardly_slower_than_the_best(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(50):
        holds(*made_up(draw))


def holds(found: Calibration, asked: Asked, memory: int | None) -> None:
    choice = decide(found, asked, memory)
    allowed = [one for one in found.timings if asked.allows(one.way)]
    if not allowed:
        assert choice is None
        return
    assert choice is not None and choice == decide(found, asked, memory), "the same every time"
    assert asked.allows(choice.way) and asked.batch % choice.parts == 0
    assert asked.checkpointing in (None, choice.checkpointing)
    assert asked.split or choice.parts == 1
    assert choice.fits == (memory is None or choice.needs <= memory * SPARE)
    usual = allowed[0]
    own = next(one for one in allowed if one.way == choice.way)
    if memory is None:
        assert choice.parts == 1 and not (asked.checkpointing is None and choice.checkpointing)
        best = max(faster(one, usual) for one in allowed)
        assert best <= max(1, faster(own, usual)) * (1 + MARGIN) + 1e-9
        assert own == usual or faster(own, usual) >= 1 + MARGIN
    if choice.speed is not None:
        assert choice.seconds == (own.least, usual.least)


def timing(way: Way, *seconds: float, kept: int = GB, checkpointed: int | None = None) -> Timing:
    return Timing(way=way, seconds=seconds, weights=2 * GB, kept=kept, checkpointed=checkpointed)


FP32, BF16 = WAYS[0], Way(precision="bf16", attention="sdpa")


def test_a_busy_machine_decides_nothing() -> None:
    """One slow round of the usual way makes the other look faster in the median, not in the least."""
    found = Calibration(side=64, batch=1, timings=(timing(FP32, 1, 9, 9), timing(BF16, 1, 1, 9)))
    choice = decide(found, Asked(resolution=64))
    assert choice and choice.way == FP32 and choice.speed is None


def test_memory_is_saved_by_parts_first_and_by_recomputing_last() -> None:
    """Needed: 2 GB of weights and, of four images, 1.25 × 4 × 2 GB."""
    found = Calibration(
        side=64, batch=1, timings=(timing(FP32, 1.0, kept=2 * GB, checkpointed=GB // 2),)
    )

    def saved(memory: float, **asked: Any) -> tuple[int, bool, bool] | None:
        choice = decide(
            found, Asked(batch=4, resolution=64, **asked), round(memory * GB / SPARE) + 1
        )
        return (choice.parts, choice.checkpointing, choice.fits) if choice else None

    assert saved(12) == (1, False, True)
    assert saved(8) == (2, False, True)
    assert saved(5) == (4, False, True)
    assert saved(3) == (4, True, True)
    assert saved(5, split=False) == (1, True, True)
    assert saved(1) == (4, True, False), "nothing helps, and that is said"


def test_what_a_person_says_is_kept() -> None:
    found = Calibration(side=64, batch=1, timings=(timing(FP32, 2.0, 2.0), timing(BF16, 1.0, 1.0)))
    free, fixed = (
        decide(found, Asked(resolution=64)),
        decide(found, Asked(precision="fp32", resolution=64)),
    )
    assert free and free.way == BF16 and free.speed == 2
    assert fixed and fixed.way == FP32 and fixed.speed is None
    assert decide(found, Asked(precision="fp16", resolution=64)) is None
