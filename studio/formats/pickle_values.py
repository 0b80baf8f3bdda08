"""What values a weight file's pickle may consist of, and the checks on those that describe tensors.

Owns: storages, tensor views and tables, and refusing arguments that lie.
Refuses to know: instructions and stacks (`pickle_machine`), which names may be called
(`pickle_calls`), torch, files.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

INLINE = "in the pickle: "  # before the name of an array whose bytes the pickle itself holds

# Storage class in torch → (safetensors' dtype name, bytes per element).
STORAGES: dict[str, tuple[str, int]] = {
    "DoubleStorage": ("F64", 8), "FloatStorage": ("F32", 4), "HalfStorage": ("F16", 2),
    "BFloat16Storage": ("BF16", 2), "LongStorage": ("I64", 8), "IntStorage": ("I32", 4),
    "ShortStorage": ("I16", 2), "CharStorage": ("I8", 1), "ByteStorage": ("U8", 1),
    "BoolStorage": ("BOOL", 1),
    "UntypedStorage": ("U8", 1),  # bytes; the tensor says what they are
}  # fmt: skip
# dtype in torch → the same, for tensors that say it themselves.
TORCH_DTYPES: dict[str, tuple[str, int]] = {
    "float64": ("F64", 8), "double": ("F64", 8), "float32": ("F32", 4), "float": ("F32", 4),
    "float16": ("F16", 2), "half": ("F16", 2), "bfloat16": ("BF16", 2),
    "float8_e4m3fn": ("F8_E4M3", 1), "float8_e5m2": ("F8_E5M2", 1),
    "int64": ("I64", 8), "long": ("I64", 8), "int32": ("I32", 4), "int": ("I32", 4),
    "int16": ("I16", 2), "short": ("I16", 2), "int8": ("I8", 1), "uint8": ("U8", 1),
    "uint16": ("U16", 2), "uint32": ("U32", 4), "uint64": ("U64", 8), "bool": ("BOOL", 1),
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
    negated: bool = False
    """Whether the data has the opposite signs, as torch keeps a conjugate's imaginary part."""

    @property
    def elements(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)

    @property
    def dtype(self) -> str:
        """The element type by its safetensors name, for example "F32"."""
        return self.storage.dtype


class Global(NamedTuple):
    module: str
    name: str


class Inert:
    """Stands for a value that is not needed; it has no content and does nothing."""


class Bag(list[Any]):
    """Stands for a set: what is in it, in the order of the file."""


class ParameterTable(dict[str, Any]):
    """Stands for `torch.nn.ParameterDict`: takes the parameters from its state, nothing else."""

    def fill(self, state: Any) -> None:
        # torch < 2.0 keeps everything in `_parameters`; later versions list the names in `_keys`.
        parameters = state.get("_parameters") if isinstance(state, dict) else None
        if not isinstance(parameters, dict):
            raise Refused("a parameter table without parameters")
        self.update(parameters)

    @staticmethod
    def parts(state: Any) -> int:
        """How many parameters `fill` would copy."""
        parameters = state.get("_parameters") if isinstance(state, dict) else None
        return len(parameters) if isinstance(parameters, dict) else 0


class OrderedTable(dict[Any, Any]):
    """Stands for `collections.OrderedDict`; state (torch's `_metadata`) is dropped."""

    def fill(self, state: Any) -> None:
        if not isinstance(state, dict):
            raise Refused("an ordered table with a strange state")


def storage_reference(pid: tuple[Any, ...]) -> StorageRef:
    """A storage from torch's persistent id: (tag, class, key, device, elements[, view])."""
    if len(pid) not in (5, 6) or type(pid[0]) is not str:
        raise Refused("a reference to something that is no tensor data")
    tag, kind, key, _device, elements = pid[:5]
    if tag != "storage" or not isinstance(kind, Global) or kind.name not in STORAGES:
        raise Refused("tensor data of an unknown kind")
    if len(pid) == 6 and pid[5] is not None:
        raise Refused("tensor data of an unknown kind")
    named = type(key) is str and len(key) <= 64 and not key.startswith(INLINE)
    if not named or type(elements) is not int or not 0 <= elements < 1 << 48:
        raise Refused("tensor data without a proper name or size")
    dtype, itemsize = STORAGES[kind.name]
    return StorageRef(key, dtype, itemsize, elements)


def tensor_spec(arguments: tuple[Any, ...]) -> TensorSpec:
    """A view from the arguments of torch's `_rebuild_tensor_v2`, proved to lie inside its data."""
    if len(arguments) not in (6, 7):
        raise Refused("a tensor without data")
    return signed(view_of(*arguments[:4]), *arguments[6:])


def signed(spec: TensorSpec, metadata: Any = None) -> TensorSpec:
    """The view as the last argument of torch's functions completes it: what its data stands for."""
    stated = metadata if isinstance(metadata, dict) else {}
    if stated.get("conj"):
        raise Refused("a tensor of complex numbers")
    return replace(spec, negated=bool(stated.get("neg")))


def view_of(storage: Any, offset: Any, shape: Any, stride: Any) -> TensorSpec:
    """A view, proved to lie inside its data; offset and stride count elements."""
    if not isinstance(storage, StorageRef):
        raise Refused("a tensor without data")
    if type(shape) is not tuple or type(stride) is not tuple or len(shape) != len(stride):
        raise Refused("a tensor with a strange shape")
    if len(shape) > 16 or not all(
        type(n) is int and 0 <= n < 1 << 48 for n in (offset, *shape, *stride)
    ):
        raise Refused("a tensor with a strange shape")
    elements = math.prod(shape)
    reach = sum((size - 1) * step for size, step in zip(shape, stride, strict=True))
    # That a small file stands for many elements is weighed for all its tensors together
    # (`pickle_containers`): one number may be spread over a whole tensor.
    if elements and offset + reach >= storage.elements:
        raise Refused("a tensor that reaches outside its data")
    return TensorSpec(storage, offset, shape, stride)


def typed(storage: Any, dtype: Any) -> StorageRef:
    """Plain bytes seen as elements of a torch dtype, given by its name in the pickle."""
    if not isinstance(storage, StorageRef) or storage.dtype != "U8":
        raise Refused("a tensor without data")
    if not isinstance(dtype, Global) or dtype.name not in TORCH_DTYPES:
        raise Refused("a tensor of an unknown kind of numbers")
    name, itemsize = TORCH_DTYPES[dtype.name]
    if storage.elements % itemsize:
        raise Refused("tensor data of another size than announced")
    return StorageRef(storage.key, name, itemsize, storage.elements // itemsize)


def pairs_of(arguments: tuple[Any, ...]) -> list[Any]:
    """Keys and values in turn, from what `collections.OrderedDict(…)` was given."""
    if not arguments:
        return []
    pairs = arguments[0]
    # Python 2 wrote the pairs as lists.
    if len(arguments) != 1 or type(pairs) is not list:
        raise Refused("an ordered table made of something else than pairs")
    if not all(
        type(p) in (list, tuple) and len(p) == 2 and type(p[0]) in (str, int) for p in pairs
    ):
        raise Refused("an ordered table made of something else than pairs")
    return [part for pair in pairs for part in pair]
