"""When saves have stopped getting better: the rule on scores."""

from __future__ import annotations

import numpy as np

from studio.compare.selection.stopping import EarlyStop, Save


def save(step: int, likeness: float, seed: int | None = None, copies: float | None = None) -> Save:
    noise = 0.02 * np.random.default_rng(step if seed is None else seed).normal(size=16)
    near = () if copies is None else tuple(copies + noise)
    return Save(step, tuple(likeness + noise), near)


def run(rule: EarlyStop, *saves: Save) -> EarlyStop:
    for one in saves:
        rule.add(one)
    return rule


def test_it_waits_for_the_patience_and_keeps_the_first_of_equals() -> None:
    rule = run(EarlyStop(2), save(10, 0.3), save(20, 0.5), save(30, 0.49))
    assert (rule.best, rule.since, rule.enough) == (20, 1, False)
    rule.add(save(40, 0.49))
    assert (rule.best, rule.enough) == (20, True)
    assert rule.reason().startswith("Stopped early: 2 saves in a row")
    assert not run(EarlyStop(0), *(save(k, 0.3) for k in range(9))).enough


def test_slow_progress_adds_up() -> None:
    rule = EarlyStop(4)
    for k in range(12):
        rule.add(save(10 * k, 0.3 + 0.006 * k))
        assert not rule.enough, k
    assert rule.best is not None and rule.best > 50


def test_a_save_that_copies_is_no_better() -> None:
    rule = run(EarlyStop(1, natural=0.6), save(10, 0.3, copies=0.5), save(20, 0.6, copies=0.8))
    assert (rule.best, rule.enough) == (10, True)


def test_going_back_takes_back_what_came_after() -> None:
    rule = run(EarlyStop(2), save(10, 0.3), save(20, 0.5), save(30, 0.49), save(40, 0.49))
    assert rule.enough
    rule.add(save(20, 0.2))
    assert (rule.best, rule.since) == (10, 1)
    assert EarlyStop(2).best is None
