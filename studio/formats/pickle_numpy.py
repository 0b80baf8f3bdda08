"""numpy's numbers and arrays in a pickle, taken from their bytes without numpy.

Owns: numpy's types, the state of a pickled array, and refusing what holds no plain numbers.
Refuses to know: instructions (`pickle_machine`), torch, what the numbers are for.

Layouts: numpy/_core/src/multiarray/methods.c (`array_setstate`), descriptor.c and scalarapi.c.
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass, field
from typing import Any

from studio.formats.pickle_values import INLINE, Refused, StorageRef, TensorSpec, view_of

# numpy's letter and size → the name in safetensors.
_DTYPES = {
    "f8": "F64", "f4": "F32", "f2": "F16", "i8": "I64", "i4": "I32", "i2": "I16", "i1": "I8",
    "u8": "U64", "u4": "U32", "u2": "U16", "u1": "U8", "b1": "BOOL",
}  # fmt: skip
_FLOATS = {"f8": "d", "f4": "f", "f2": "e"}
_CODE = re.compile(r"[|<>=]?([biufcOSUVMm?])([0-9]{0,5})")


@dataclass
class NumpyType:
    """A `numpy.dtype`: letter and size, such as "f4", and whether the high byte comes first."""

    code: str
    big: bool = False

    def fill(self, state: Any) -> None:
        """Its pickled state: (version, order, sub-array, names, fields, size, alignment, flags)."""
        if type(state) is not tuple or not 5 <= len(state) <= 9 or type(state[1]) is not str:
            raise Refused("a numpy type with a strange state")
        if any(part is not None for part in state[2:5]):
            raise Refused("a numpy array of records, which weight files do not need")
        self.big = state[1] == ">"
        if self.code[0] in "US" and type(size := state[5] if len(state) > 5 else 0) is int:
            self.code = self.code[0] + str(
                min(max(size, 0), 99_999) // (4 if self.code[0] == "U" else 1)
            )

    @property
    def itemsize(self) -> int:
        """Bytes of one element; Refused when it is no plain number."""
        if self.code not in _DTYPES:
            raise Refused(f"a numpy array of the kind “{self.code}”, which holds no plain numbers")
        return int(self.code[1:])


@dataclass
class ArrayShell:
    """An array that waits for its state; `places` are where the machine remembers it."""

    places: list[int] = field(default_factory=list)


def numpy_type(arguments: tuple[Any, ...]) -> NumpyType:
    """What `numpy.dtype(code, …)` would give."""
    code = arguments[0] if 1 <= len(arguments) <= 3 else None
    found = _CODE.fullmatch(code) if type(code) is str else None
    if found is None:
        raise Refused("a numpy type without a proper name")
    assert type(code) is str
    return NumpyType("b1" if found[1] == "?" else found[1] + found[2], code.startswith(">"))


def array_shell(arguments: tuple[Any, ...]) -> ArrayShell:
    """What `_reconstruct(ndarray, (0,), b"b")` would give: an array without content."""
    if len(arguments) != 3 or getattr(arguments[0], "name", None) != "ndarray":
        raise Refused("a numpy array with a strange beginning")
    return ArrayShell()


def number(arguments: tuple[Any, ...]) -> Any:
    """What `scalar(type, bytes)` would give, as a plain number or text."""
    if len(arguments) != 2 or not isinstance(arguments[0], NumpyType):
        raise Refused("a numpy number without a type")
    kind, data = arguments[0], raw_bytes(arguments[1])
    if kind.code[0] in "US" and len(data) <= 4 * 99_999:
        width = "utf-32-be" if kind.big else "utf-32-le"
        return data.decode(width if kind.code[0] == "U" else "latin-1").rstrip("\0")
    if len(data) != kind.itemsize:
        raise Refused("a numpy number of another size than its type")
    order = "big" if kind.big else "little"
    if kind.code in _FLOATS:
        return struct.unpack((">" if kind.big else "<") + _FLOATS[kind.code], data)[0]
    whole = int.from_bytes(data, order, signed=kind.code[0] == "i")  # type: ignore[arg-type]
    return bool(whole) if kind.code == "b1" else whole


def from_state(state: Any, count: int) -> tuple[TensorSpec, bytes]:
    """An array from its pickled state ([version,] shape, type, is Fortran, bytes).

    `count` numbers the arrays of a pickle. The bytes come with the low byte first.
    """
    if type(state) is not tuple or len(state) not in (4, 5):
        raise Refused("a numpy array with a strange state")
    shape, kind, fortran, data = state[-4:]
    return _array(shape, kind, fortran is True or fortran == 1, data, count)


def from_buffer(arguments: tuple[Any, ...], count: int) -> tuple[TensorSpec, bytes]:
    """What protocol 5 writes: `_frombuffer(bytes, type, shape, order)`."""
    if len(arguments) != 4 or arguments[3] not in ("C", "F"):
        raise Refused("a numpy array with a strange state")
    data, kind, shape, order = arguments
    return _array(shape, kind, order == "F", data, count)


def raw_bytes(value: Any) -> bytes:
    """Bytes as they were pickled; Python 2 wrote them as a text of Latin letters."""
    if type(value) is bytes:
        return value
    if type(value) is not str:
        raise Refused("a numpy array whose content is no bytes")
    return value.encode("latin-1")


def _array(shape: Any, kind: Any, fortran: bool, data: Any, count: int) -> tuple[TensorSpec, bytes]:
    if not isinstance(kind, NumpyType):
        raise Refused("a numpy array without a type")
    whole = type(shape) is tuple and len(shape) <= 16 and all(type(n) is int for n in shape)
    if not whole or min(shape, default=0) < 0:
        raise Refused("a numpy array with a strange shape")
    itemsize = kind.itemsize
    content = raw_bytes(data)
    if len(content) != math.prod(shape) * itemsize:
        raise Refused("a numpy array of another size than its shape")
    if kind.big and itemsize > 1:
        content = _turned(content, itemsize)
    storage = StorageRef(f"{INLINE}{count}", _DTYPES[kind.code], itemsize, math.prod(shape))
    return view_of(storage, 0, shape, _strides(shape, fortran)), content


def _strides(shape: tuple[int, ...], fortran: bool) -> tuple[int, ...]:
    """Steps in elements: the last axis is the nearest, in Fortran's order the first."""
    sizes = list(shape) if fortran else list(reversed(shape))
    steps = [math.prod(sizes[:place]) for place in range(len(sizes))]
    return tuple(steps if fortran else reversed(steps))


def _turned(data: bytes, itemsize: int) -> bytes:
    """Every element's bytes in reverse."""
    turned = bytearray(len(data))
    for place in range(itemsize):
        turned[place::itemsize] = data[itemsize - 1 - place :: itemsize]
    return bytes(turned)
