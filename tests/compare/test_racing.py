"""The race on simulated scores: it keeps the best, drops the rest early, and its numbers are Student's."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pytest

from studio.compare.selection.racing import Exit, Race, interval, looks
from studio.compare.selection.rule import (
    LIMITS,
    Candidate,
    Limits,
    Scores,
    decide,
    preference,
    steps_text,
)

PROMPTS, IMAGES = 8, 48
STEPS, STRENGTHS = range(20, 301, 20), (0.6, 0.8, 1.0)


def test_an_interval_is_students() -> None:
    found = interval(np.array([1.0, 2.0, 3.0]))
    assert found.value == 2 and found.high - 2 == pytest.approx(4.303 / math.sqrt(3), abs=1e-3)
    assert interval(np.array([1.0])).high == math.inf


def test_looks_are_whole_rounds_of_prompts_and_double() -> None:
    assert looks(8, 48) == [8, 16, 32, 48]
    assert looks(4, 48) == [8, 16, 32, 48]
    assert looks(1, 4) == [4] and looks(3, 4) == [6]
    assert looks(20, 10) == [20]


@dataclass
class Curves:
    """One simulated run: what its checkpoints are really like, and their images' scores.

    Likeness rises with step × strength to a plateau; following falls and copying rises once a
    checkpoint has learned its images. Images of one prompt have something in common, and so do those of
    one seed, in level and in how they answer to training.
    """

    random: np.random.Generator
    plateau: float
    overfit: float

    @classmethod
    def sampled(cls, seed: int) -> Curves:
        random = np.random.default_rng(seed)
        return cls(random, random.uniform(60, 160), random.uniform(170, 400))

    def truth(self, one: Candidate) -> float:
        effective = one.step * one.strength
        return 0.2 + 0.45 * (1 - math.exp(-2.5 * effective / self.plateau))

    def scores(self) -> dict[Candidate, Scores]:
        prompts = np.arange(IMAGES) % PROMPTS
        seeds = np.arange(IMAGES) // PROMPTS
        level = 0.06 * self.random.normal(size=PROMPTS)[prompts]
        level = level + 0.05 * self.random.normal(size=IMAGES // PROMPTS)[seeds]
        level = level + 0.06 * self.random.normal(size=IMAGES)
        found = {}
        for step in STEPS:
            for strength in STRENGTHS:
                one = Candidate("run", step, strength)
                own = 0.015 * self.random.normal(size=PROMPTS)[prompts]
                own = own + 0.01 * self.random.normal(size=IMAGES // PROMPTS)[seeds]
                own = own + 0.05 * self.random.normal(size=IMAGES)
                late = max(0.0, one.step * one.strength / self.overfit - 1)
                noise = 0.05 * self.random.normal(size=(2, IMAGES))
                found[one] = Scores(
                    self.truth(one) + level + own,
                    0.3 - 0.4 * late + noise[0],
                    0.55 + 0.4 * late + noise[1],
                    0.2 + 0.05 * self.random.normal(size=IMAGES),
                )
        return found


def raced(
    scores: dict[Candidate, Scores], limits: Limits, race: bool = True
) -> tuple[Race[Candidate], Candidate | None, tuple[Candidate, ...]]:
    when = looks(PROMPTS, IMAGES) if race else [IMAGES]
    found = Race(sorted(scores, key=preference), when, LIMITS)
    for number in when:
        part = {
            key: Scores(*(one.of(m)[:number] for m in ("likeness", *LIMITS)))
            for key, one in scores.items() if key in found.left
        }  # fmt: skip
        found.look(number, {key: one.likeness for key, one in part.items()}, limits.beyond(part))
        if found.settled:
            break
    kept = {key: part[key] for key in found.left}
    chosen = decide(found.left, kept, found.exits)
    return found, chosen.candidate, chosen.alike


def limits(random: np.random.Generator) -> Limits:
    return Limits(0.32 + 0.05 * random.normal(size=IMAGES), 0.62, 0.5)


def test_racing_generates_half_and_picks_what_the_full_grid_picks(everything: bool) -> None:
    """At most 50 % of the images, and the same checkpoint, or one that the full grid cannot tell apart
    from it, in at least 9 of 10 runs."""
    runs = 400 if everything else 60
    same, shares = 0, []
    for seed in range(runs):
        curves = Curves.sampled(seed)
        scores, bounds = curves.scores(), limits(curves.random)
        race, quick, _ = raced(scores, bounds)
        _, whole, alike = raced(scores, bounds, race=False)
        assert quick is not None and whole is not None
        shares.append(race.generated / race.full)
        same += quick == whole or quick in alike
    assert same >= 0.9 * runs, f"{same} of {runs}"
    assert max(shares) <= 0.5


@pytest.mark.parametrize("prompts", range(1, 13))
def test_half_of_the_full_grid_is_never_exceeded_where_two_can_be_looked_at_to_the_end(
    prompts: int,
) -> None:
    """All are as good: nobody leaves but those who are set aside. The base alone is generated too."""
    values = np.random.default_rng(0).normal(size=80)
    for candidates, most in itertools.product(range(6, 30), (16, 24, 32, 36, 48, 64)):
        when = looks(prompts, most)
        race: Race[int] = Race(range(candidates), when)
        for images in when:
            race.look(images, dict.fromkeys(race.left, values[:images]))
        least = when[0] * candidates + 2 * (when[-1] - when[0])  # that two always go on
        half = race.full / 2 - when[-1] / 2
        assert race.generated <= max(half, least)


def test_the_best_is_dropped_no_oftener_than_the_risk_says(everything: bool) -> None:
    """Also with the least difference, and with prompts and seeds that images share."""
    runs, wrong = (4000 if everything else 400), 0
    when, candidates = looks(PROMPTS, IMAGES), range(20)
    prompts, seeds = np.arange(IMAGES) % PROMPTS, np.arange(IMAGES) // PROMPTS
    for number in range(runs):
        random = np.random.default_rng(10_000 + number)
        by_prompt = 0.05 * random.normal(size=(20, PROMPTS))
        by_prompt -= by_prompt.mean(axis=1, keepdims=True)  # all are as good: the hardest case
        by_seed = 0.02 * random.normal(size=(20, IMAGES // PROMPTS))
        values = 0.1 * random.normal(size=(20, IMAGES)) + by_prompt[:, prompts] + by_seed[:, seeds]
        race: Race[int] = Race(list(candidates), when)
        for images in when:
            race.look(images, {key: values[key, :images] for key in race.left})
        wrong += race.exits.get(0, Exit("aside", 0, 0)).why == "score"
    assert wrong <= 0.05 * runs


def test_who_is_beyond_a_limit_leaves_and_the_rest_race() -> None:
    flat = np.full(8, 0.5)
    race: Race[str] = Race(["good", "copy", "bad"], [8, 16], ["copies"])
    found = race.look(
        8, {"good": flat, "copy": flat + 0.3, "bad": flat - 0.2},
        {"copies": {"good": flat - 1, "copy": flat, "bad": flat - 1}},
    )  # fmt: skip
    assert found["copy"] == Exit("copies", 8, 0.5) and found["bad"].why == "score"
    assert race.left == ["good"] and race.settled
    assert (race.generated, race.full) == (24, 48)


def test_equal_candidates_stay_and_few_images_drop_nobody() -> None:
    same = np.random.default_rng(1).normal(size=16)
    race: Race[int] = Race([1, 2], [16])
    assert race.look(16, {1: same, 2: same.copy()}) == {}
    race = Race([1, 2], [3])
    assert race.look(3, {1: np.ones(3), 2: np.zeros(3)}) == {}


def test_one_that_could_not_be_generated_is_out_with_its_reason() -> None:
    race: Race[int] = Race([1, 2], [8])
    race.without(2, "Its file is damaged.")
    assert race.left == [1] and race.exits[2].why == "Its file is damaged."


def scored(likeness: float, seed: int, spread: float = 0.02) -> Scores:
    noise = spread * np.random.default_rng(seed).normal(size=32)
    empty = np.zeros(0)
    return Scores(likeness + noise, empty, empty, empty)


def test_the_rule_takes_the_smallest_step_that_cannot_be_told_apart() -> None:
    one, two, three = (Candidate("r", step, 1.0) for step in (200, 220, 300))
    scores = {one: scored(0.4, 1), two: scored(0.6, 2), three: scored(0.602, 3)}
    exits = {
        Candidate("r", 400, 1.0): Exit("copies", 8, 0.1),
        Candidate("r", 100, 1.0): Exit("score", 8, 0.2),
    }
    found = decide([one, two, three], scores, exits)
    assert found.candidate == two and found.alike == (two, three)
    assert found.reason == (
        "Step 220 at 1: steps 220 and 300 cannot be told apart in likeness, so the smallest step is taken; "
        "later checkpoints copy the training images; earlier ones are further from the reference images."
    )


def test_of_equal_strengths_the_one_nearest_to_1_is_taken() -> None:
    low, high = Candidate("r", 200, 0.8), Candidate("r", 200, 1.0)
    found = decide([low, high], {low: scored(0.601, 1), high: scored(0.6, 2)}, {})
    assert found.candidate == high
    assert "nearest to 1" in found.reason and "training longer may bring more" in found.reason


def test_when_all_are_beyond_a_limit_nothing_is_recommended() -> None:
    found = decide([], {}, {Candidate("r", 100, 1.0): Exit("copies", 8, 0.1)})
    assert found.candidate is None and found.reason.startswith("None can be recommended: all")


def test_steps_read_well() -> None:
    assert steps_text([100]) == "step 100"
    assert steps_text([300, 200, 250]) == "steps 200, 250 and 300"
    assert steps_text(range(100, 400, 50)) == "steps 100–350"
