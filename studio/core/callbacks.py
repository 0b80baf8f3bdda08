"""What long work is given to tell its caller how far it is, and to learn that it is unwanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

OnProgress = Callable[[int, int, str], None]
"""Called with steps done, steps in all, and a sentence."""
Cancelled = Callable[[], bool]
"""True as soon as nobody wants the result any more."""


class SharedDevice(Protocol):
    """The turn on the device, as whoever holds it for long sees it."""

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for it."""
        ...

    def yield_to_others(self) -> None:
        """Lets everybody who waits now go first; nothing of ours may be on the base meanwhile."""
        ...
