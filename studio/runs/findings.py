"""What is found out about a run before it starts: errors, warnings, facts, each sentence with its setting.

Owns: the record. Refuses to know: how anything is found out (`preflight`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from studio.checkup.records import verdict
from studio.core.errors import StudioError
from studio.core.record import Table
from studio.runs.expectation import Expectation
from studio.runs.records import RunFacts


@dataclass
class Preflight:
    """What is wrong (blocks), what is odd (warns), and the facts of the run."""

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """How files and folders were understood: nothing odd, but worth a look."""
    facts: RunFacts | None = None
    """None where the settings could not be completed."""
    expected: Expectation | None = None
    """What the run will about take; None where nobody asked, or the run cannot start."""
    about: dict[str, str] = field(default_factory=dict)
    """Sentence of the above → key of the setting it is about, so that it can be shown there."""

    def error(self, text: str, key: str = "") -> None:
        """Adds what keeps the run from starting."""
        self.errors.append(text)
        self._place(text, key)

    def warn(self, text: str, key: str = "") -> None:
        """Adds something worth knowing."""
        self.warnings.append(text)
        self._place(text, key)

    def refuse(self, error: StudioError) -> None:
        """Adds an error with the settings it speaks of."""
        if len(error.problems) > 1:
            for key, text in error.problems.items():
                self.error(text, key)
            return
        self.error(error.sentence(), next(iter(error.problems), ""))

    def places(self) -> dict[str, str]:
        """Key of a setting → what is wrong with it."""
        return {self.about[text]: text for text in self.errors if text in self.about}

    def _place(self, text: str, key: str) -> None:
        if key:
            self.about[text] = key

    @property
    def ok(self) -> bool:
        """True when the run may start."""
        return not self.errors

    def as_dict(self) -> Table:
        """Plain data for pages and JSON output."""
        facts = self.facts.as_json() if self.facts else {}
        expected = self.expected.as_json() if self.expected else None
        plain = {**vars(self), "facts": facts, "expected": expected, "ok": self.ok}
        return {**plain, "verdict": verdict(len(self.errors), len(self.warnings))}


def refused(error: StudioError) -> Preflight:
    """What is said of a configuration that could not be completed."""
    found = Preflight()
    found.refuse(error)
    return found
