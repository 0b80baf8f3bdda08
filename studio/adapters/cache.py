"""What adapter files gave (they themselves, their weight changes), kept while there is room.

Owns: what makes a file another file (its size or time changed) and what is dropped first (what was
used longest ago). Refuses to know: what it keeps.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from studio.core.errors import MissingError
from studio.core.names import path_of

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")


class AdapterCache:
    """Loaded files, computed weight changes and steered prompts, together at most `max_bytes`."""

    def __init__(self, max_bytes: int = 2 << 30) -> None:
        self.max_bytes = max_bytes
        self.bytes = 0
        self._entries: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    def tensor(self, key: Hashable, make: Callable[[], Tensor]) -> Tensor:
        """A tensor computed once per `key`."""
        return self.computed(key, make, lambda found: found.numel() * found.element_size())

    def computed(self, key: Hashable, make: Callable[[], T], size: Callable[[T], int]) -> T:
        """Anything computed once per `key`; `size` gives its bytes."""
        if key in self._entries:
            self._entries.move_to_end(key)
            value: T = self._entries[key][0]
            return value
        value = make()
        self._put(key, value, size(value))
        return value

    def clear(self) -> None:
        """Forgets everything."""
        self._entries.clear()
        self.bytes = 0

    @staticmethod
    def identity(path: str | Path) -> tuple[str, int, int]:
        """What makes a file the same file: resolved path, size, time of change. MissingError."""
        file = path_of(path)
        try:
            stat = file.stat()
        except (OSError, ValueError) as error:
            raise MissingError(
                "This adapter file is not there",
                where=path,
                remedy="Take it off the stack, or put the file back.",
            ) from error
        return (str(file.resolve()), stat.st_size, stat.st_mtime_ns)

    def _put(self, key: Hashable, value: Any, size: int) -> None:
        if size > self.max_bytes:
            return
        self._entries[key] = (value, size)
        self.bytes += size
        while self.bytes > self.max_bytes:
            _, (_, dropped) = self._entries.popitem(last=False)
            self.bytes -= dropped
