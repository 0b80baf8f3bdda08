"""What a pickle's values are made of (tables, tensors, arrays), counted as they are made.

Owns: filling tables and standing in for tensors, each within its limits.
Refuses to know: instructions (`pickle_machine`), which names may be called (`pickle_calls`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO

from studio.core.budget import Budget
from studio.formats.pickle_reading import Reading
from studio.formats.pickle_values import Inert, Refused, TensorSpec

MAX_TENSORS = 100_000
PLAIN = (str, int, float, bool, bytes, type(None))
_LONGEST_KEY = 1 << 63
_ENTRY = 100  # bytes of a table's entry


class Making(Reading):
    """Makes the values of one pickle; see `pickle_calls.Maker`.

    `inline` collects the bytes of arrays that lie in the pickle itself.
    """

    def __init__(
        self,
        file: BinaryIO,
        make_tensor: Callable[[TensorSpec, bytes | None], Any] | None,
        budget: Budget,
        size: int,
    ):
        super().__init__(file, budget, size)
        self.make_tensor = make_tensor or (lambda spec, data: spec)
        self.inline: dict[str, bytes] = {}
        self.arrays = 0
        self.tensors: list[Any] = []
        self.tensor_ids: set[int] = set()
        self.tensor_bytes = 0
        self.number_keys: dict[int, int] = {}  # of every table, by its id

    def fill(self, table: dict[Any, Any], pairs: list[Any]) -> None:
        """Puts keys and values, which come in turn, into a table."""
        if len(pairs) % 2:
            raise Refused("a key without a value")
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            if isinstance(key, Inert):
                continue
            if type(key) not in PLAIN:
                raise Refused("a key that is no text and no number")
            if type(key) is not str:
                self._count_key(table, key)
            table[key] = value

    def _count_key(self, table: dict[Any, Any], key: Any) -> None:
        """Numbers can be chosen so that each is looked for in the place of all before it."""
        if type(key) is int and not -_LONGEST_KEY < key < _LONGEST_KEY:
            raise Refused("a number out of all proportion as a key")
        known = self.number_keys.get(id(table), 0)
        self.budget.step(known)
        self.number_keys[id(table)] = known + 1

    def tensor(self, spec: TensorSpec, data: bytes | None = None) -> Any:
        """What stands for a tensor; `data` when its bytes are in the pickle."""
        if len(self.tensors) >= MAX_TENSORS:
            raise Refused("too many tensors")
        tensor = self.make_tensor(spec, data)
        self.tensors.append(tensor)  # keeps it alive, so its id stays its own
        self.tensor_ids.add(id(tensor))
        self.tensor_bytes += spec.elements * spec.storage.itemsize
        return tensor

    def array(self, spec: TensorSpec, data: bytes) -> Any:
        """What stands for a numpy array with these bytes."""
        self.budget.take(len(data))
        self.arrays += 1
        self.inline[spec.storage.key] = data
        return self.tensor(spec, data)

    def copied(self, count: int) -> None:
        """Spends what it costs to copy entries of a table, which one instruction can ask for."""
        self.budget.step(count)
        self.budget.take(_ENTRY * count)

    def is_tensor(self, value: Any) -> bool:
        """Whether a value is one of the tensors of this pickle."""
        return id(value) in self.tensor_ids
