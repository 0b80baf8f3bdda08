"""What values a weight file's pickle may consist of, and the checks on those that describe tensors.

Owns: the short list of globals, storages and tensor views, and refusing arguments that lie.
Refuses to know: instructions and stacks (`pickle_machine`), torch, files.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

# Storage class in torch → (safetensors' dtype name, bytes per element).
STORAGES: dict[str, tuple[str, int]] = {
    "DoubleStorage": ("F64", 8), "FloatStorage": ("F32", 4), "HalfStorage": ("F16", 2),
    "BFloat16Storage": ("BF16", 2), "LongStorage": ("I64", 8), "IntStorage": ("I32", 4),
    "ShortStorage": ("I16", 2), "CharStorage": ("I8", 1), "ByteStorage": ("U8", 1),
    "BoolStorage": ("BOOL", 1),
}  # fmt: skip


class Refused(Exception):
    """The pickle asks for something a weight file does not need, or makes no sense."""


class StorageRef(NamedTuple):
    """One block of bytes in the container: its key, element type and number of elements."""

    key: str
    dtype: str
    itemsize: int
    elements: int


@dataclass(frozen=True)
class TensorSpec:
    """A tensor as a view into a storage; offset and stride count elements."""

    storage: StorageRef
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def dtype(self) -> str:
        """The element type by its safetensors name, for example "F32"."""
        return self.storage.dtype


class Global(NamedTuple):
    module: str
    name: str


class Inert:
    """Stands for a value that is not needed; it has no content and does nothing."""


class ParameterTable(dict[str, Any]):
    """Stands for `torch.nn.ParameterDict`: takes the parameters from its state, nothing else."""

    def fill(self, state: Any) -> None:
        # torch < 2.0 keeps everything in `_parameters`; later versions list the names in `_keys`.
        parameters = state.get("_parameters") if isinstance(state, dict) else None
        if not isinstance(parameters, dict):
            raise Refused("a parameter table without parameters")
        self.update(parameters)


class OrderedTable(dict[Any, Any]):
    """Stands for `collections.OrderedDict`; state (torch's `_metadata`) is dropped."""

    def fill(self, state: Any) -> None:
        if not isinstance(state, dict):
            raise Refused("an ordered table with a strange state")


ALLOWED = {
    ("collections", "OrderedDict"),
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch._utils", "_rebuild_parameter"),
    ("torch.nn.modules.container", "ParameterDict"),
    ("__builtin__", "set"),
    *(("torch", name) for name in STORAGES),
}

# What whole checkpoints of the original training programs carry beside their weights: a number of
# numpy's, the progress of a callback. Never made, never called: `Inert` stands in its place.
INERT = {
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("_codecs", "encode"),
    ("pytorch_lightning.callbacks", "ModelCheckpoint"),
    ("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint"),
}


def storage_reference(pid: tuple[Any, ...]) -> StorageRef:
    """A storage from torch's persistent id: (tag, class, key, device, elements[, view])."""
    if len(pid) not in (5, 6) or type(pid[0]) is not str:
        raise Refused("a reference to something that is no tensor data")
    tag, kind, key, _device, elements = pid[:5]
    if tag != "storage" or not isinstance(kind, Global) or kind.name not in STORAGES:
        raise Refused("tensor data of an unknown kind")
    if len(pid) == 6 and pid[5] is not None:
        raise Refused("tensor data of an unknown kind")
    if type(key) is not str or len(key) > 64 or type(elements) is not int or elements < 0:
        raise Refused("tensor data without a proper name or size")
    dtype, itemsize = STORAGES[kind.name]
    return StorageRef(key, dtype, itemsize, elements)


def tensor_spec(arguments: tuple[Any, ...]) -> TensorSpec:
    """A view from the arguments of torch's `_rebuild_tensor_v2`, proved to lie inside its data."""
    if len(arguments) not in (6, 7) or not isinstance(arguments[0], StorageRef):
        raise Refused("a tensor without data")
    storage, offset, shape, stride = arguments[:4]
    if type(shape) is not tuple or type(stride) is not tuple or len(shape) != len(stride):
        raise Refused("a tensor with a strange shape")
    numbers = (offset, *shape, *stride)
    if len(shape) > 16 or not all(type(n) is int and 0 <= n < 1 << 48 for n in numbers):
        raise Refused("a tensor with a strange shape")
    elements = math.prod(shape)
    reach = sum((size - 1) * step for size, step in zip(shape, stride, strict=True))
    # More elements than bytes behind them would let a small file fill the memory.
    if elements > storage.elements or (elements and offset + reach >= storage.elements):
        raise Refused("a tensor that reaches outside its data")
    return TensorSpec(storage, offset, shape, stride)


def ordered_table(arguments: tuple[Any, ...]) -> OrderedTable:
    """What `collections.OrderedDict(…)` would give, from nothing or a list of pairs."""
    if not arguments:
        return OrderedTable()
    pairs = arguments[0]
    # Python 2 wrote the pairs as lists.
    if len(arguments) != 1 or type(pairs) is not list:
        raise Refused("an ordered table made of something else than pairs")
    if not all(
        type(p) in (list, tuple) and len(p) == 2 and type(p[0]) in (str, int) for p in pairs
    ):
        raise Refused("an ordered table made of something else than pairs")
    return OrderedTable((key, value) for key, value in pairs)
