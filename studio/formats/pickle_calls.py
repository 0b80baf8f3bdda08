"""The names a weight file's pickle may mention, and what each stands for when it is called.

Owns: the list of names and the checks on what they are given. Nothing is looked up: a name selects
one of the functions here. Refuses to know: instructions (`pickle_machine`), files.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from studio.core.budget import Budget
from studio.formats import pickle_numpy
from studio.formats.pickle_values import (
    STORAGES,
    TORCH_DTYPES,
    Bag,
    Global,
    OrderedTable,
    Refused,
    TensorSpec,
    pairs_of,
    signed,
    tensor_spec,
    typed,
    view_of,
)


class Maker(Protocol):
    """What a call may ask of the interpreter that runs the pickle."""

    budget: Budget
    arrays: int
    """How many arrays were made so far."""

    def fill(self, table: dict[Any, Any], pairs: list[Any]) -> None:
        """Puts keys and values, which come in turn, into a table."""

    def copied(self, count: int) -> None:
        """Spends what it costs to copy entries of a table."""

    def tensor(self, spec: TensorSpec, data: bytes | None = None) -> Any:
        """What stands for a tensor; `data` when its bytes are in the pickle."""

    def array(self, spec: TensorSpec, data: bytes) -> Any:
        """What stands for a numpy array with these bytes."""

    def is_tensor(self, value: Any) -> bool:
        """Whether a value is one of the tensors of this pickle."""


Call = Callable[[Maker, tuple[Any, ...]], Any]


def _ordered(machine: Maker, arguments: tuple[Any, ...]) -> Any:
    if arguments and type(arguments[0]) is list:
        machine.copied(len(arguments[0]))
    table = OrderedTable()
    machine.fill(table, pairs_of(arguments))
    return table


def _set(machine: Maker, arguments: tuple[Any, ...]) -> Any:
    if len(arguments) != 1 or type(arguments[0]) not in (list, tuple):
        raise Refused("a set made of something else than a list")
    machine.budget.step(len(arguments[0]))
    return Bag(arguments[0])


def _tensor(machine: Maker, arguments: tuple[Any, ...]) -> Any:
    return machine.tensor(tensor_spec(arguments))


def _oldest_tensor(machine: Maker, arguments: tuple[Any, ...]) -> Any:
    if len(arguments) != 4:
        raise Refused("a tensor without data")
    return machine.tensor(view_of(*arguments))


def _tensor_with_type(machine: Maker, arguments: tuple[Any, ...]) -> Any:
    # (storage, offset, shape, stride, requires gradient, hooks, type[, metadata])
    if len(arguments) not in (7, 8):
        raise Refused("a tensor without data")
    view = view_of(typed(arguments[0], arguments[6]), *arguments[1:4])
    return machine.tensor(signed(view, *arguments[7:]))


def _tensor_of_device(machine: Maker, arguments: tuple[Any, ...]) -> Any:
    # (array or tensor, type, device, requires gradient): from a Mac's graphics, DirectML, a TPU.
    # bfloat16 travels as float32, which has all its values, so what is given is the tensor.
    if len(arguments) != 4 or not machine.is_tensor(arguments[0]):
        raise Refused("a tensor made of no array")
    if not isinstance(arguments[1], Global) or arguments[1].name not in TORCH_DTYPES:
        raise Refused("a tensor of an unknown kind of numbers")
    return arguments[0]


def _parameter(machine: Maker, arguments: tuple[Any, ...]) -> Any:
    if len(arguments) not in (3, 4) or not machine.is_tensor(arguments[0]):
        raise Refused("a parameter that is no tensor")
    return arguments[0]


def _tensor_of_class(machine: Maker, arguments: tuple[Any, ...]) -> Any:
    # (function, class, its arguments, attributes): tensors that somebody hung attributes on
    if len(arguments) != 4 or type(arguments[2]) is not tuple:
        raise Refused("a tensor without data")
    function, kind = arguments[:2]
    if not isinstance(kind, Global) or (kind.module, kind.name) not in _TENSOR_CLASSES:
        raise Refused("a tensor of a class weight files do not need")
    if not isinstance(function, Global) or function not in _REBUILDS:
        raise Refused("a tensor made in a way weight files do not need")
    return _REBUILDS[function](machine, arguments[2])


def _size(machine: Maker, arguments: tuple[Any, ...]) -> Any:
    if len(arguments) != 1 or type(arguments[0]) not in (tuple, list):
        raise Refused("a size that is no list of numbers")
    machine.budget.step(len(arguments[0]))
    return tuple(arguments[0])


def _device(machine: Maker, arguments: tuple[Any, ...]) -> Any:
    if not 1 <= len(arguments) <= 2 or not all(type(part) in (str, int) for part in arguments):
        raise Refused("a device without a name")
    return ":".join(str(part)[:20] for part in arguments)


def _encode(machine: Maker, arguments: tuple[Any, ...]) -> Any:
    # how protocol 2 writes bytes: as a text of Latin letters
    if len(arguments) != 2 or type(arguments[0]) is not str or arguments[1] != "latin1":
        raise Refused("bytes in a strange dress")
    machine.budget.take(len(arguments[0]))
    return arguments[0].encode("latin-1")


def _bytes(machine: Maker, arguments: tuple[Any, ...]) -> Any:
    # none at all, bytes, or a text of Latin letters
    content = arguments[0] if arguments else b""
    if len(arguments) > 2 or arguments[1:] not in ((), ("latin-1",)):
        raise Refused("bytes in a strange dress")
    if type(content) not in (bytes, str):
        raise Refused("bytes in a strange dress")
    machine.budget.take(len(content))
    return pickle_numpy.raw_bytes(content)


def _array(machine: Maker, arguments: tuple[Any, ...]) -> Any:
    return pickle_numpy.array_shell(arguments)


def _array_from_buffer(machine: Maker, arguments: tuple[Any, ...]) -> Any:
    return machine.array(*pickle_numpy.from_buffer(arguments, machine.arrays))


def _numpy_type(machine: Maker, arguments: tuple[Any, ...]) -> Any:
    return pickle_numpy.numpy_type(arguments)


def _numpy_number(machine: Maker, arguments: tuple[Any, ...]) -> Any:
    return pickle_numpy.number(arguments)


_REBUILDS: dict[tuple[str, str], Call] = {
    ("torch._utils", "_rebuild_tensor"): _oldest_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_tensor_v3"): _tensor_with_type,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): _parameter,
    ("torch._utils", "_rebuild_device_tensor_from_numpy"): _tensor_of_device,
    ("torch._utils", "_rebuild_device_tensor_from_cpu_tensor"): _tensor_of_device,
    ("torch._utils", "_rebuild_xla_tensor"): _tensor_of_device,
}
CALLS: dict[tuple[str, str], Call] = {
    **_REBUILDS,
    ("torch._tensor", "_rebuild_from_type_v2"): _tensor_of_class,
    ("torch", "Size"): _size,
    ("torch", "device"): _device,
    ("collections", "OrderedDict"): _ordered,
    ("_codecs", "encode"): _encode,
    ("numpy", "dtype"): _numpy_type,
    **{
        (f"numpy.{core}.multiarray", name): call
        for core in ("core", "_core")
        for name, call in (("_reconstruct", _array), ("scalar", _numpy_number))
    },
    **{(f"numpy.{core}.numeric", "_frombuffer"): _array_from_buffer for core in ("core", "_core")},
    **{
        (module, name): _set
        for module in ("__builtin__", "builtins")
        for name in ("set", "frozenset")
    },
    **{
        (module, name): _bytes
        for module in ("__builtin__", "builtins")
        for name in ("bytes", "bytearray")
    },
}

_TENSOR_CLASSES = {
    ("torch", "Tensor"),
    ("torch._tensor", "Tensor"),
    ("torch.nn.parameter", "Parameter"),
}
# Names that are only ever given to one of the above, or to an instruction.
NAMES = {
    *_TENSOR_CLASSES,
    ("numpy", "ndarray"),
    ("torch.nn.modules.container", "ParameterDict"),
    ("torch.storage", "UntypedStorage"),
    *(("torch", name) for name in (*STORAGES, *TORCH_DTYPES)),
}
ALLOWED = {*CALLS, *NAMES}

# What whole checkpoints of the original training programs carry beside their weights: the progress
# of a callback. Never made, never called: `Inert` stands in its place.
INERT = {
    ("pytorch_lightning.callbacks", "ModelCheckpoint"),
    ("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint"),
}
