"""The bytes of a pickle: read in the pieces that its instructions name, never more than there are.

Owns: how far a pickle may reach, and its numbers, texts and bytes. Refuses to know: what an
instruction does with them (`pickle_machine`).
"""

from __future__ import annotations

import struct
import sys
from typing import Any, BinaryIO

from studio.core.budget import Budget
from studio.core.text import encodable
from studio.formats.pickle_values import Refused

MAX_BYTES = 256 << 20


class Reading:
    """A file from where it stands; at most `size` bytes of it."""

    def __init__(self, file: BinaryIO, budget: Budget, size: int) -> None:
        self.file = file
        self.budget = budget
        self.left = min(MAX_BYTES, size)

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes."""
        self.left -= size
        if self.left < 0:
            raise Refused("too many bytes of instructions")
        data = self.file.read(size)
        if len(data) != size:
            raise Refused("an end in the middle")
        return data

    def number(self, layout: str) -> Any:
        """A number by its letter in `struct`."""
        return struct.unpack(layout, self.read(struct.calcsize(layout)))[0]

    def line(self) -> str:
        """A name up to the end of its line."""
        line = self.file.readline(256)
        self.left -= len(line)
        if not line.endswith(b"\n"):
            raise Refused("a name without an end")
        return line[:-1].decode("ascii")

    def long(self) -> int:
        """A whole number of up to 255 bytes."""
        return int.from_bytes(self.read(self.read(1)[0]), "little", signed=True)

    def text(self, size: int, encoding: str = "utf-8") -> str:
        """A text. Half of a surrogate pair, which pickles can hold, is written so that it shows."""
        errors = "surrogatepass" if encoding == "utf-8" else "strict"
        text = encodable(self.read(size).decode(encoding, errors))
        self.budget.take(memory(text))
        return text

    def content(self, size: int) -> bytes:
        """Bytes that are content, not instructions."""
        self.budget.take(size)
        return self.read(size)

    def frame(self) -> None:
        """Protocol 4 says how much comes in one piece; that there is so much is all that counts."""
        if self.number("<Q") > self.left:
            raise Refused("an end in the middle")

    def protocol(self) -> None:
        """The first instruction of a pickle."""
        if self.read(1)[0] not in (2, 3, 4, 5):
            raise Refused("an unknown protocol")


def memory(value: Any) -> int:
    """About how many bytes a plain value takes."""
    return sys.getsizeof(value) if isinstance(value, (str, bytes)) else 32
