"""Where tests let the disk refuse, or the process end: at any durable operation of the studio.

Every operation raises Python's audit event `studio.atomic` with its name and path; `reached`, while
it is set, is called with both and may raise or exit. Such a hook cannot be taken off again, hence
one for all tests.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

reached: Callable[[str, Path], Any] | None = None


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "studio.atomic" and reached is not None:
        reached(*arguments)


sys.addaudithook(_hook)
