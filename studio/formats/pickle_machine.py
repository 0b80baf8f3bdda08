"""A pickle interpreter that cannot run anything: the few instructions a weight file needs.

Owns: the instruction set and the limits. A global is never looked up; its name
selects one of our own functions, and every instruction that could call anything else is unknown.
Refuses to know: torch (tensors are made by a callback), zip files, what the values are for.

Instruction meanings: Python's `pickletools` documentation. The subset is what `torch.save` writes
with protocols 2 to 5, in all its versions since 2018.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, BinaryIO

from studio.core.budget import Budget, TooMuch, cut
from studio.core.text import encodable
from studio.formats import pickle_numpy
from studio.formats.pickle_calls import ALLOWED, CALLS, INERT
from studio.formats.pickle_making import PLAIN, Making
from studio.formats.pickle_reading import MAX_BYTES, memory
from studio.formats.pickle_values import (
    TORCH_DTYPES,
    Bag,
    Global,
    Inert,
    OrderedTable,
    ParameterTable,
    Refused,
    StorageRef,
    TensorSpec,
    storage_reference,
)

MAX_INSTRUCTIONS = 400_000
_MARK = object()


class Machine(Making):
    """Runs one pickle from `file`; tensors become whatever `make_tensor` returns for their spec.

    With `training_leftovers`, what training programs leave in whole checkpoints (`INERT`) stands as
    a placeholder without content; otherwise it is refused like anything unknown.
    `storages` collects every storage mentioned, by key; `inline` the bytes of arrays that lie in
    the pickle itself. Every failure is `Refused`; what is spent comes off `budget`. `size` is how
    many bytes there are to read.
    """

    def __init__(
        self,
        file: BinaryIO,
        make_tensor: Callable[[TensorSpec, bytes | None], Any] | None = None,
        training_leftovers: bool = False,
        budget: Budget | None = None,
        size: int = MAX_BYTES,
    ):
        super().__init__(file, make_tensor, budget or Budget(), size)
        self.training_leftovers = training_leftovers
        self.storages: dict[str, StorageRef] = {}
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        """The pickled value; the file is left right behind the pickle."""
        try:
            for _ in range(MAX_INSTRUCTIONS):
                code = self.read(1)
                if code == b".":
                    value = self._pop()
                    if self.stack:
                        raise Refused("values left over at its end")
                    self.budget.check(value, self._leaf)
                    return value
                if (instruction := _INSTRUCTIONS.get(code)) is None:
                    raise Refused(f"the instruction 0x{code.hex()}, which weight files do not need")
                self.budget.step()
                instruction(self)
        except TooMuch as error:
            raise Refused(str(error)) from error
        except (TypeError, ValueError, IndexError, KeyError, AttributeError, struct.error) as error:
            raise Refused("instructions that do not fit together") from error
        except (RecursionError, OverflowError) as error:
            raise Refused("values out of all proportion") from error
        raise Refused("too many instructions")

    def _leaf(self, value: Any) -> int:
        """Bytes of a value that has no parts; Refused for what is no value but a tool of the pickle."""
        if type(value) in PLAIN:
            return memory(value)
        tool = isinstance(value, (Global, StorageRef, pickle_numpy.ArrayShell))
        if tool and not (isinstance(value, Global) and value.name in TORCH_DTYPES):
            raise Refused("a value of a kind weight files do not have")
        return 100

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
        self._use(self.line(), self.line())

    def _use(self, module: str, name: str) -> None:
        if self.training_leftovers and (module, name) in INERT:
            self._push(Inert())
            return
        if (module, name) not in ALLOWED:
            part = cut(encodable(f"{module}.{name}"), 120)
            raise Refused(f"the program part “{part}”, which weight files do not need")
        self._push(Global(module, name))

    def _set(self, pairs: list[Any]) -> None:
        self.fill(self._top(dict), pairs)

    def _set_one(self) -> None:
        value, key = self._pop(), self._pop()
        self._set([key, value])

    def _append(self, items: list[Any]) -> None:
        self._top(list).extend(items)

    def _add(self, items: list[Any]) -> None:
        self._top(Bag).extend(items)

    def _tuple(self, size: int) -> None:
        items = [self._pop() for _ in range(size)]
        self._push(tuple(reversed(items)))

    def _build(self) -> None:
        state = self._pop()
        target = self.stack[-1] if self.stack else None
        if isinstance(target, Inert):
            return
        if isinstance(target, pickle_numpy.ArrayShell):
            self._fill_array(target, state)
        elif isinstance(target, (OrderedTable, ParameterTable, pickle_numpy.NumpyType)):
            if isinstance(target, ParameterTable):
                self.copied(target.parts(state))
            target.fill(state)
        else:
            raise Refused("state for a value that has none")

    def _fill_array(self, shell: pickle_numpy.ArrayShell, state: Any) -> None:
        """The finished array stands wherever the shell stood: on the stack and in the memory."""
        try:
            made = self.array(*pickle_numpy.from_state(state, self.arrays))
        except Refused:
            if not self.training_leftovers:
                raise
            made = Inert()
        self.stack[-1] = made
        self.budget.step(len(shell.places))
        for place in shell.places:
            self.memo[place] = made

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
        if (call := CALLS.get(function)) is None:
            raise Refused(f"a call of “{function.name}”")
        try:
            self._push(call(self, arguments))
        except Refused:
            # A progress bar's odd number is no reason to refuse the model beside it.
            if not (self.training_leftovers and function.module.startswith("numpy")):
                raise
            self._push(Inert())

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

    # Names and memory

    def _named(self) -> None:
        name, module = self._pop(), self._pop()
        if type(name) is not str or type(module) is not str:
            raise Refused("a program part without a name")
        self._use(module, name)

    def _remember(self, index: int) -> None:
        if index > MAX_INSTRUCTIONS or not self.stack or self.stack[-1] is _MARK:
            raise Refused("a strange place in its memory")
        self.memo[index] = self.stack[-1]
        if isinstance(self.stack[-1], pickle_numpy.ArrayShell):
            self.stack[-1].places.append(index)


def _subtypes(kind: type) -> tuple[type, ...]:
    return (dict, OrderedTable) if kind is dict else (kind,)


_INSTRUCTIONS: dict[bytes, Callable[[Machine], Any]] = {
    b"\x80": lambda m: m.protocol(),
    b"(": lambda m: m._push(_MARK),
    b"N": lambda m: m._push(None),
    b"\x88": lambda m: m._push(True),
    b"\x89": lambda m: m._push(False),
    b"J": lambda m: m._push(m.number("<i")),
    b"K": lambda m: m._push(m.number("<B")),
    b"M": lambda m: m._push(m.number("<H")),
    b"G": lambda m: m._push(m.number(">d")),
    b"\x8a": lambda m: m._push(m.long()),
    b"X": lambda m: m._push(m.text(m.number("<I"))),
    b"\x8c": lambda m: m._push(m.text(m.number("<B"))),
    b"\x8d": lambda m: m._push(m.text(m.number("<Q"))),
    b"C": lambda m: m._push(m.content(m.number("<B"))),
    b"B": lambda m: m._push(m.content(m.number("<I"))),
    b"\x8e": lambda m: m._push(m.content(m.number("<Q"))),
    b"\x96": lambda m: m._push(m.content(m.number("<Q"))),
    b"\x95": lambda m: m.frame(),
    b"U": lambda m: m._push(m.text(m.number("<B"), "latin-1")),
    b"T": lambda m: m._push(m.text(m.number("<I"), "latin-1")),
    b"}": lambda m: m._push({}),
    b"]": lambda m: m._push([]),
    b"\x8f": lambda m: m._push(Bag()),
    b"\x90": lambda m: m._add(m._pop_to_mark()),
    b"\x91": lambda m: m._push(Bag(m._pop_to_mark())),
    b")": lambda m: m._push(()),
    b"\x85": lambda m: m._tuple(1),
    b"\x86": lambda m: m._tuple(2),
    b"\x87": lambda m: m._tuple(3),
    b"t": lambda m: m._push(tuple(m._pop_to_mark())),
    b"a": lambda m: m._append([m._pop()]),
    b"e": lambda m: m._append(m._pop_to_mark()),
    b"s": lambda m: m._set_one(),
    b"u": lambda m: m._set(m._pop_to_mark()),
    b"q": lambda m: m._remember(m.number("<B")),
    b"r": lambda m: m._remember(m.number("<I")),
    b"\x94": lambda m: m._remember(len(m.memo)),
    b"h": lambda m: m._push(m.memo[m.number("<B")]),
    b"j": lambda m: m._push(m.memo[m.number("<I")]),
    b"c": lambda m: m._global(),
    b"\x93": lambda m: m._named(),
    b"Q": lambda m: m._storage(),
    b"R": lambda m: m._call(),
    b"\x81": lambda m: m._new(),
    b"b": lambda m: m._build(),
}
