"""Cases in the order of their worth, as many as fit into a budget of seconds, each written at once.

Owns: the estimates, which the cases before correct; what becomes of a case that fails or does not
fit; the file, which after every case tells all so far. Refuses to know: what a case measures.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studio.core import atomic, memory
from studio.core.errors import UnavailableError

Deadline = float
"""A moment of the plan's clock after which a case takes no further rounds."""


@dataclass(frozen=True)
class Case:
    """One row of what is written."""

    name: str
    estimate: float
    """Seconds, as far as is known beforehand; only its ratio to the others' must be right."""
    run: Callable[[Deadline], dict[str, Any]]


@dataclass
class Plan:
    """Works through cases until the budget is spent."""

    budget: float
    """Seconds, counted from `started`."""
    out: Path
    facts: dict[str, Any]
    """What the file says of the machine."""
    clock: Callable[[], float] = time.monotonic
    started: float | None = None
    rows: list[dict[str, Any]] = field(default_factory=list)
    estimated: float = 0.0
    spent: float = 0.0

    def __post_init__(self) -> None:
        self.started = self.clock() if self.started is None else self.started

    @property
    def left(self) -> float:
        """Seconds of the budget."""
        return self.budget - (self.clock() - (self.started or 0.0))

    @property
    def scale(self) -> float:
        """What the cases so far took, for each second that was estimated."""
        return self.spent / self.estimated if self.estimated else 1.0

    def run(self, cases: Sequence[Case]) -> list[dict[str, Any]]:
        """All rows, in the order of the cases; the file has them too."""
        self._write()
        for case in cases:
            expected = case.estimate * self.scale
            if expected > self.left:
                self._add(case, "left out", why=f"about {expected:.0f} s, {self.left:.0f} s left")
                continue
            self._one(case)
        return self.rows

    def _one(self, case: Case) -> None:
        began = self.clock()
        failure: Exception | None = None
        try:
            self._add(case, "done", **case.run(began + self.left))
        except UnavailableError as error:
            self._add(case, "unavailable", why=error.sentence())
        except Exception as error:  # a case that fails is a row, and the next one is measured
            self._add(case, "failed", error=f"{type(error).__name__}: {error}")
            failure = error
        if failure is not None:
            memory.let_go(failure)
        memory.release()
        took = self.clock() - began
        self.rows[-1]["seconds"] = round(took, 2)
        if self.rows[-1]["status"] == "done":
            self.estimated, self.spent = self.estimated + case.estimate, self.spent + took
        self._write()

    def _add(self, case: Case, status: str, **facts: Any) -> None:
        self.rows.append({"case": case.name, "status": status, **facts})
        said = facts.get("why") or facts.get("error") or facts.get("ratio", "")
        print(f"{case.name}: {status} {said}", file=sys.stderr, flush=True)
        if status == "left out":
            self._write()

    def _write(self) -> None:
        atomic.write_json(
            self.out,
            {
                **self.facts,
                "budget": self.budget,
                "used": round(self.budget - self.left, 1),
                "cases": self.rows,
            },
        )
