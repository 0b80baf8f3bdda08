"""When to suggest that a run has learned enough: held-out loss up, training loss still falling.

Owns: the rule and its words. It never stops anything. Refuses to know: how losses are measured.
"""

from __future__ import annotations


class Patience:
    """Hears every validation; answers with a sentence once per lowest point."""

    def __init__(self, validations: int) -> None:
        """`validations` without a better held-out loss are waited for; 0 never says anything."""
        self.validations = validations
        self._rows: dict[int, tuple[float, float]] = {}
        self._told: set[int] = set()

    def add(self, step: int, train: float, held_out: float | None) -> str | None:
        """The losses of a validation (the same step again replaces them); a sentence, or None."""
        if held_out is None or not self.validations:
            return None
        self._rows[step] = (train, held_out)
        best = min(self._rows, key=lambda one: self._rows[one][1])
        later = sum(one > best for one in self._rows)
        falling = train < self._rows[best][0]
        if later < self.validations or not falling or best in self._told:
            return None
        self._told.add(best)
        return (
            f"The held-out loss was lowest at step {best} ({self._rows[best][1]:.4g}, now "
            f"{held_out:.4g}), while the training loss still falls: the run is probably "
            "overfitting from here on. Stop keeps what there is; nothing stops by itself."
        )
