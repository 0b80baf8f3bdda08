"""Adapter files and their weight changes, kept in memory while there is room.

Owns: when a file must be read again (its size or time changed) and what is dropped first (what was
used longest ago). Refuses to know: what the files contain.
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

    from studio.adapters.base import Adapter

T = TypeVar("T")


class AdapterCache:
    """Loaded files, computed weight changes and steered prompts, together at most `max_bytes`."""

    def __init__(self, max_bytes: int = 2 << 30) -> None:
        self.max_bytes = max_bytes
        self.bytes = 0
        self._entries: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    def load(self, path: str | Path) -> Adapter:
        """The adapter in `path`, read again only when the file changed. Errors of `load_adapter`."""
        from studio.adapters.loading import load_adapter

        key = ("file", *self.identity(path))
        found = self._get(key)
        if found is None:
            found = load_adapter(path)
            self._put(key, found, found.size)
        adapter: Adapter = found
        return adapter

    def tensor(self, key: Hashable, make: Callable[[], Tensor]) -> Tensor:
        """A tensor computed once per `key`."""
        return self.computed(key, make, lambda found: found.numel() * found.element_size())

    def computed(self, key: Hashable, make: Callable[[], T], size: Callable[[T], int]) -> T:
        """Anything computed once per `key`; `size` gives its bytes."""
        found = self._get(("computed", key))
        if found is None:
            found = make()
            self._put(("computed", key), found, size(found))
        value: T = found
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

    def _get(self, key: Hashable) -> Any:
        if key not in self._entries:
            return None
        self._entries.move_to_end(key)
        return self._entries[key][0]

    def _put(self, key: Hashable, value: Any, size: int) -> None:
        if size > self.max_bytes:
            return
        self._entries[key] = (value, size)
        self.bytes += size
        while self.bytes > self.max_bytes:
            _, (_, dropped) = self._entries.popitem(last=False)
            self.bytes -= dropped
