"""A pickle interpreter that cannot run anything: the few instructions a weight file needs.

Owns: the instruction set and the limits. A global is never looked up; its name
selects one of our own functions, and every instruction that could call anything else is unknown.
Refuses to know: torch (tensors are made by a callback), zip files, what the values are for.

Instruction meanings: Python's `pickletools` documentation. The subset is what `torch.save` writes
with protocol 2, in all its versions since 2018.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any, BinaryIO

from studio.formats.pickle_values import (
    ALLOWED,
    INERT,
    Global,
    Inert,
    OrderedTable,
    ParameterTable,
    Refused,
    StorageRef,
    TensorSpec,
    ordered_table,
    storage_reference,
    tensor_spec,
)

MAX_INSTRUCTIONS = 400_000
MAX_BYTES = 32 << 20
MAX_TENSORS = 100_000

_MARK = object()


class Machine:
    """Runs one pickle from `file`; tensors become whatever `make_tensor` returns for their spec.

    With `training_leftovers`, what training programs leave in whole checkpoints (`INERT`) stands as
    a placeholder without content; otherwise it is refused like anything unknown.
    `storages` collects every storage mentioned, by key. Every failure is `Refused`.
    """

    def __init__(
        self,
        file: BinaryIO,
        make_tensor: Callable[[TensorSpec], Any] | None = None,
        training_leftovers: bool = False,
    ):
        self.file = file
        self.training_leftovers = training_leftovers
        self.make_tensor = make_tensor or (lambda spec: spec)
        self.storages: dict[str, StorageRef] = {}
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.tensors: list[Any] = []
        self.tensor_ids: set[int] = set()
        self.tensor_bytes = 0
        self.left = MAX_BYTES

    def run(self) -> Any:
        """The pickled value; the file is left right behind the pickle."""
        try:
            for _ in range(MAX_INSTRUCTIONS):
                code = self._read(1)
                if code == b".":
                    value = self._pop()
                    if self.stack:
                        raise Refused("values left over at its end")
                    return value
                if (instruction := _INSTRUCTIONS.get(code)) is None:
                    raise Refused(f"the instruction 0x{code.hex()}, which weight files do not need")
                instruction(self)
        except (TypeError, ValueError, IndexError, KeyError, AttributeError, struct.error) as error:
            raise Refused("instructions that do not fit together") from error
        except (RecursionError, OverflowError) as error:
            raise Refused("values out of all proportion") from error
        raise Refused("too many instructions")

    # Reading

    def _read(self, size: int) -> bytes:
        self.left -= size
        if self.left < 0:
            raise Refused("too many bytes of instructions")
        data = self.file.read(size)
        if len(data) != size:
            raise Refused("an end in the middle")
        return data

    def _number(self, layout: str) -> Any:
        return struct.unpack(layout, self._read(struct.calcsize(layout)))[0]

    def _line(self) -> str:
        line = self.file.readline(256)
        self.left -= len(line)
        if not line.endswith(b"\n"):
            raise Refused("a name without an end")
        return line[:-1].decode("ascii")

    # Stack

    def _push(self, value: Any) -> None:
        self.stack.append(value)

    def _pop(self) -> Any:
        if not self.stack or self.stack[-1] is _MARK:
            raise Refused("an empty stack")
        return self.stack.pop()

    def _pop_to_mark(self) -> list[Any]:
        for index in range(len(self.stack) - 1, -1, -1):
            if self.stack[index] is _MARK:
                items = self.stack[index + 1 :]
                del self.stack[index:]
                return items
        raise Refused("a missing mark")

    def _top(self, kind: type) -> Any:
        if not self.stack or type(self.stack[-1]) not in _subtypes(kind):
            raise Refused("an instruction on a value of the wrong kind")
        return self.stack[-1]

    # What values can be made of

    def _global(self) -> None:
        module, name = self._line(), self._line()
        if self.training_leftovers and (module, name) in INERT:
            self._push(Inert())
            return
        if (module, name) not in ALLOWED:
            raise Refused(f"the program part “{module}.{name}”, which weight files do not need")
        self._push(Global(module, name))

    def _set(self, pairs: list[Any]) -> None:
        table = self._top(dict)
        if len(pairs) % 2:
            raise Refused("a key without a value")
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            if isinstance(key, Inert):
                continue
            if type(key) not in (str, int, float, bool, bytes, type(None)):
                raise Refused("a key that is no text and no number")
            table[key] = value

    def _set_one(self) -> None:
        value, key = self._pop(), self._pop()
        self._set([key, value])

    def _append(self, items: list[Any]) -> None:
        self._top(list).extend(items)

    def _tuple(self, size: int) -> None:
        items = [self._pop() for _ in range(size)]
        self._push(tuple(reversed(items)))

    def _build(self) -> None:
        state = self._pop()
        target = self.stack[-1] if self.stack else None
        if isinstance(target, Inert):
            return
        if not isinstance(target, (OrderedTable, ParameterTable)):
            raise Refused("state for a value that has none")
        target.fill(state)

    def _new(self) -> None:
        arguments, kind = self._pop(), self._pop()
        if isinstance(kind, Inert):
            self._push(kind)
            return
        empty = type(arguments) is tuple and not arguments
        if not isinstance(kind, Global) or kind.name != "ParameterDict" or not empty:
            raise Refused("a new object of a kind weight files do not need")
        self._push(ParameterTable())

    def _call(self) -> None:
        arguments, function = self._pop(), self._pop()
        if isinstance(function, Inert):
            self._push(function)
            return
        if not isinstance(function, Global) or type(arguments) is not tuple:
            raise Refused("a call of something that cannot be called")
        if function.name == "OrderedDict":
            self._push(ordered_table(arguments))
        elif function.name == "_rebuild_tensor_v2":
            self._push(self._rebuild_tensor(arguments))
        elif function.name == "_rebuild_parameter":
            self._push(self._rebuild_parameter(arguments))
        elif function.name == "set":
            # Modules carry an empty set among their bookkeeping; its content is never needed.
            self._push(())
        else:
            raise Refused(f"a call of “{function.name}”")

    def _storage(self) -> None:
        pid = self._pop()
        if type(pid) is tuple and len(pid) == 4 and type(pid[0]) is str and pid[0] == "module":
            self._push_module_class(pid[1])
            return
        if type(pid) is not tuple:
            raise Refused("a reference to something that is no tensor data")
        reference = storage_reference(pid)
        if self.storages.setdefault(reference.key, reference) != reference:
            raise Refused("two different sizes for the same tensor data")
        self._push(reference)

    def _push_module_class(self, kind: Any) -> None:
        # The old layout names a module's class together with its source text, which is ignored.
        if not isinstance(kind, Global) or kind.name != "ParameterDict":
            raise Refused("a module of a kind weight files do not need")
        self._push(kind)

    def _rebuild_tensor(self, arguments: tuple[Any, ...]) -> Any:
        spec = tensor_spec(arguments)
        if len(self.tensors) >= MAX_TENSORS:
            raise Refused("too many tensors")
        tensor = self.make_tensor(spec)
        self.tensors.append(tensor)  # keeps it alive, so its id stays its own
        self.tensor_ids.add(id(tensor))
        self.tensor_bytes += math.prod(spec.shape) * spec.storage.itemsize
        return tensor

    def _rebuild_parameter(self, arguments: tuple[Any, ...]) -> Any:
        if len(arguments) != 3 or id(arguments[0]) not in self.tensor_ids:
            raise Refused("a parameter that is no tensor")
        return arguments[0]

    def _long(self) -> None:
        size = self._read(1)[0]
        self._push(int.from_bytes(self._read(size), "little", signed=True))

    def _text(self, size: int, encoding: str = "utf-8") -> None:
        self._push(self._read(size).decode(encoding))

    def _protocol(self) -> None:
        if self._read(1)[0] not in (2, 3, 4, 5):
            raise Refused("an unknown protocol")

    def _remember(self, index: int) -> None:
        if index > MAX_INSTRUCTIONS or not self.stack or self.stack[-1] is _MARK:
            raise Refused("a strange place in its memory")
        self.memo[index] = self.stack[-1]


def _subtypes(kind: type) -> tuple[type, ...]:
    return (dict, OrderedTable) if kind is dict else (kind,)


_INSTRUCTIONS: dict[bytes, Callable[[Machine], Any]] = {
    b"\x80": lambda m: m._protocol(),
    b"(": lambda m: m._push(_MARK),
    b"N": lambda m: m._push(None),
    b"\x88": lambda m: m._push(True),
    b"\x89": lambda m: m._push(False),
    b"J": lambda m: m._push(m._number("<i")),
    b"K": lambda m: m._push(m._number("<B")),
    b"M": lambda m: m._push(m._number("<H")),
    b"G": lambda m: m._push(m._number(">d")),
    b"\x8a": lambda m: m._long(),
    b"X": lambda m: m._text(m._number("<I")),
    b"U": lambda m: m._text(m._number("<B"), "latin-1"),
    b"T": lambda m: m._text(m._number("<I"), "latin-1"),
    b"}": lambda m: m._push({}),
    b"]": lambda m: m._push([]),
    b")": lambda m: m._push(()),
    b"\x85": lambda m: m._tuple(1),
    b"\x86": lambda m: m._tuple(2),
    b"\x87": lambda m: m._tuple(3),
    b"t": lambda m: m._push(tuple(m._pop_to_mark())),
    b"a": lambda m: m._append([m._pop()]),
    b"e": lambda m: m._append(m._pop_to_mark()),
    b"s": lambda m: m._set_one(),
    b"u": lambda m: m._set(m._pop_to_mark()),
    b"q": lambda m: m._remember(m._number("<B")),
    b"r": lambda m: m._remember(m._number("<I")),
    b"h": lambda m: m._push(m.memo[m._number("<B")]),
    b"j": lambda m: m._push(m.memo[m._number("<I")]),
    b"c": lambda m: m._global(),
    b"Q": lambda m: m._storage(),
    b"R": lambda m: m._call(),
    b"\x81": lambda m: m._new(),
    b"b": lambda m: m._build(),
}
