"""Writing `.pt` files that every program reads, A1111's with its strict loader included.

Owns: the layout of before 2020 as a writer, and A1111's rules (zip member names, globals).
Refuses to know: what the objects mean. Reading is `pickles`.

Layout: torch/serialization.py (`_legacy_save`). Rules: A1111's modules/safe.py.
"""

from __future__ import annotations

import collections
import io
import pickle
import pickletools
import re
import sys
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from studio.core import atomic
from studio.formats.sniff import open_file

if TYPE_CHECKING:
    import torch

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_A1111_MEMBER = re.compile(
    r"[^/]+/(?:data/\d+|version|byteorder|\.data/serialization_id|data\.pkl)"
)
_A1111_GLOBALS = {
    "collections": {"OrderedDict"},
    "torch._utils": {
        "_rebuild_tensor_v2",
        "_rebuild_parameter",
        "_rebuild_device_tensor_from_numpy",
    },
    "torch": {
        "FloatStorage", "HalfStorage", "IntStorage", "LongStorage", "DoubleStorage",
        "ByteStorage", "float32", "BFloat16Storage",
    },
    "torch.nn.modules.container": {"ParameterDict"},
    "numpy.core.multiarray": {"scalar", "_reconstruct"},
    "numpy": {"dtype", "ndarray"},
    "_codecs": {"encode"},
    "__builtin__": {"set"},
}  # fmt: skip


def write_pt(path: str | Path, value: Any) -> Path:
    """Writes `value` (dicts, lists, numbers, texts, tensors) in the layout of before 2020, durably.

    Every loader reads it, A1111's included, which refuses the zip of today's PyTorch. The same
    value gives the same bytes. Tensors are written contiguous, from the CPU.
    """

    def fill(temporary: Path) -> None:
        with open(temporary, "wb") as file:
            _write_legacy(file, value)

    return atomic.write_with(path, fill)


def a1111_would_accept(path: str | Path) -> bool:
    """Whether A1111's safe loader would open this file: zip member names and globals."""
    try:
        with open_file(path) as file:
            if file.read(4) == b"PK\x03\x04":
                with zipfile.ZipFile(file) as archive:
                    names = archive.namelist()
                    if not all(_A1111_MEMBER.fullmatch(name) for name in names):
                        return False
                    pickles = [name for name in names if name.endswith("/data.pkl")]
                    return len(pickles) == 1 and _globals_fit(io.BytesIO(archive.read(pickles[0])))
            file.seek(0)
            return all(_globals_fit(file) for _ in range(5))
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, zlib.error, RuntimeError):
        return False


def _globals_fit(file: Any) -> bool:
    """Reads one pickle without running it and checks every global against A1111's list."""
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name in ("GLOBAL", "INST"):
            module, _, name = str(argument).partition(" ")
            if name not in _A1111_GLOBALS.get(module, set()):
                return False
        elif opcode.name in ("STACK_GLOBAL", "EXT1", "EXT2", "EXT4"):
            return False
    return True


class _Pickler(pickle.Pickler):
    """Replaces each tensor's storage by a numbered reference, as torch.save does."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file, protocol=2)
        self.storages: list[torch.Tensor] = []
        self._kept: dict[int, torch.Tensor] = {}

    def reducer_override(self, obj: Any) -> Any:
        import torch

        if not isinstance(obj, torch.Tensor):
            return NotImplemented
        # Keyed by identity so a tensor used twice is written once; kept so ids stay unique.
        flat = obj.detach().cpu().contiguous().clone()
        self._kept[id(obj)] = obj
        self.storages.append(flat)
        stride = tuple(flat.stride())
        arguments = (_Reference(flat, len(self.storages) - 1), 0, tuple(flat.shape), stride)
        return (
            torch._utils._rebuild_tensor_v2,
            (*arguments, False, collections.OrderedDict()),
        )

    def persistent_id(self, obj: Any) -> Any:
        if not isinstance(obj, _Reference):
            return None
        return ("storage", obj.storage_class(), str(obj.number), "cpu", obj.tensor.numel(), None)


class _Reference:
    """One storage while it is being written."""

    def __init__(self, tensor: torch.Tensor, number: int) -> None:
        self.tensor, self.number = tensor, number

    def storage_class(self) -> Any:
        import torch

        names = {
            torch.float64: "DoubleStorage", torch.float32: "FloatStorage",
            torch.float16: "HalfStorage", torch.bfloat16: "BFloat16Storage",
            torch.int64: "LongStorage", torch.int32: "IntStorage", torch.uint8: "ByteStorage",
        }  # fmt: skip
        if self.tensor.dtype not in names:
            raise ValueError(f"a weight file has no place for {self.tensor.dtype}")
        return getattr(torch, names[self.tensor.dtype])


def _write_legacy(file: BinaryIO, value: Any) -> None:
    import torch

    sizes = {"short": 2, "int": 4, "long": 4}
    system = {
        "protocol_version": _PROTOCOL,
        "little_endian": sys.byteorder == "little",
        "type_sizes": sizes,
    }
    for part in (_MAGIC, _PROTOCOL, system):
        pickle.dump(part, file, protocol=2)
    pickler = _Pickler(file)
    pickler.dump(value)
    pickle.dump([str(number) for number in range(len(pickler.storages))], file, protocol=2)
    for tensor in pickler.storages:
        file.write(tensor.numel().to_bytes(8, "little"))
        file.write(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
