"""The losses of the first ten steps, method × family, as they were when this was right.

A change that moves them changed what training does. When that is meant, write them anew:

    STUDIO_WRITE_GOLDEN=1 python -m pytest tests/matrix/test_golden.py

and say in the commit what changed them. On other processors they hold within a thousandth.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from studio.core.paths import STARTER
from studio.families.base import Base
from studio.train.loop import Trainer

FILE = Path(__file__).with_name("golden.json")
# Rates low enough that rounding stays rounding; every draw (dropout, captions) takes part.
SETTINGS = ("train.learning_rate=1e-3", "train.schedule=constant")


def test_the_first_ten_losses_are_the_known_ones(
    trainer: Callable[..., Trainer], base: Base, method: str
) -> None:
    losses: list[float] = []
    run = trainer(*SETTINGS, hooks={"step": lambda facts: losses.append(facts.loss)})
    run.run()
    key = f"{method} on {'starter' if base.path == STARTER else base.architecture.name}"
    if os.environ.get("STUDIO_WRITE_GOLDEN"):
        known = json.loads(FILE.read_text("utf-8")) if FILE.is_file() else {}
        known[key] = [round(loss, 6) for loss in losses]
        FILE.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n", "utf-8")
    expected = json.loads(FILE.read_text("utf-8"))[key]
    assert len(losses) == len(expected) == 10
    assert losses == pytest.approx(expected, abs=1e-3, rel=1e-3)
