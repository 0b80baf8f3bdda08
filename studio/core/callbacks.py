"""What long work is given to tell its caller how far it is, and to learn that it is unwanted."""

from __future__ import annotations

from collections.abc import Callable

OnProgress = Callable[[int, int, str], None]
"""Called with steps done, steps in all, and a sentence."""
Cancelled = Callable[[], bool]
"""True as soon as nobody wants the result any more."""
