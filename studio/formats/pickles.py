"""`.pt`, `.bin`, `.ckpt`: PyTorch's pickled containers, read without running anything in them.

Owns: both container layouts (the zip of today, the five concatenated pickles of before 2020), the
checks on them, the old-layout writer, and the rules of A1111's loader. This is the only place in
the studio that reads pickles; a test keeps `pickle.load` and `torch.load` out of everywhere else.
Refuses to know: what the objects mean.

Layouts: torch/serialization.py. Rules of A1111: its modules/safe.py (member names and globals).
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from studio import atomic
from studio.errors import FileError
from studio.formats.pickle_machine import Machine, Refused, StorageRef, TensorSpec
from studio.formats.safetensors_file import DTYPES
from studio.formats.sniff import LEGACY_MAGIC, open_file, sniff_bytes, wrong_content

if TYPE_CHECKING:
    import torch

MAX_FILE_BYTES = 4 << 30
MAX_PICKLE_BYTES = 32 << 20
MAX_MEMBERS = 200_000

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_MEMBER = re.compile(
    r"[^/\\\0]+/(?:data\.pkl|data/[0-9]+|version|byteorder|\.data/serialization_id"
    r"|\.format_version|\.storage_alignment)"
)
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


def read_pt(path: str | Path, *, max_bytes: int = MAX_FILE_BYTES) -> Any:
    """The object in a PyTorch file, tensors on the CPU whatever device they were saved from.

    Tables come back as `dict` (ParameterDict too), parameters as plain tensors. Raises FileError
    when the content is anything a weight file does not need, broken, or larger than `max_bytes`.
    """
    with _opened(path, max_bytes) as container:
        outline = container.run()
        container.check(outline)
        tensors: dict[str, torch.Tensor] = {}
        for reference in outline.storages.values():
            tensors[reference.key] = _storage_tensor(container.storage(reference), reference)
        return container.run(lambda spec: _view(tensors[spec.storage.key], spec)).value


def read_outline(path: str | Path, *, max_bytes: int = MAX_FILE_BYTES) -> Any:
    """The same object with a `TensorSpec` in place of every tensor; needs no torch, reads no data.

    Errors as in `read_pt`.
    """
    with _opened(path, max_bytes) as container:
        outline = container.run()
        container.check(outline)
        return outline.value


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


class _Outline:
    """What one run of the machine gave: the value, and the storages it spoke of."""

    def __init__(self, value: Any, machine: Machine) -> None:
        self.value = value
        self.storages = machine.storages
        self.tensor_bytes = machine.tensor_bytes


class _Zip:
    """Today's layout: `<folder>/data.pkl` and one stored member per storage."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        # Our own signature check came first; a zip hidden behind other bytes ends here.
        self.archive = zipfile.ZipFile(file)
        self.members: dict[str, zipfile.ZipInfo] = {}
        members = self.archive.infolist()
        if len(members) > MAX_MEMBERS or self.archive.comment:
            raise Refused("a container with too many members or a comment")
        for info in members:
            self._check(info)
        if sum(info.file_size for info in members) > size:
            raise Refused("members that claim more bytes than the file has")
        if min((info.header_offset for info in members), default=1) != 0:
            raise Refused("bytes before the container")
        folders = {info.filename.split("/")[0] for info in members}
        if len(folders) != 1 or "data.pkl" not in self.members:
            raise Refused("no pickled object, or more than one")
        if self.members["data.pkl"].file_size > MAX_PICKLE_BYTES:
            raise Refused("too many bytes of instructions")
        if "byteorder" in self.members and self._bytes("byteorder") != b"little":
            raise Refused("numbers in an unusual byte order")

    def _check(self, info: zipfile.ZipInfo) -> None:
        if not _MEMBER.fullmatch(info.filename):
            raise Refused("a member that weight files do not have")
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            raise Refused("a compressed member, which weight files do not have")
        name = info.filename.split("/", 1)[1]
        if info.flag_bits & 1 or name in self.members:
            raise Refused("an encrypted or repeated member")
        self.members[name] = info

    def _bytes(self, name: str) -> bytearray:
        info = self.members[name]
        buffer = bytearray(info.file_size)
        with self.archive.open(info) as member:
            filled = 0
            while block := member.read(min(1 << 20, len(buffer) - filled)):
                buffer[filled : filled + len(block)] = block
                filled += len(block)
            if filled != len(buffer) or member.read(1):
                raise Refused("a member shorter or longer than it claims")
        return buffer

    def run(self, make_tensor: Callable[[TensorSpec], Any] | None = None) -> _Outline:
        file = io.BytesIO(self._bytes("data.pkl"))
        machine = Machine(file, make_tensor)
        value = machine.run()
        if file.read(1):
            raise Refused("bytes behind the pickled object")
        return _Outline(value, machine)

    def check(self, outline: _Outline) -> None:
        available = sum(info.file_size for info in self.members.values())
        _check_total(outline, available)
        for reference in outline.storages.values():
            info = self.members.get(f"data/{reference.key}")
            if info is None or info.file_size != reference.elements * reference.itemsize:
                raise Refused("tensor data that is missing or has another size")

    def storage(self, reference: StorageRef) -> bytearray:
        return self._bytes(f"data/{reference.key}")


class _Legacy:
    """The old layout: magic, protocol, system, object, storage keys; then the storages' bytes."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file, self.size = file, size
        file.seek(len(LEGACY_MAGIC))
        protocol, system = Machine(file).run(), Machine(file).run()
        if type(protocol) is not int or protocol != _PROTOCOL or type(system) is not dict:
            raise Refused("an unknown version of the old layout")
        if system.get("little_endian") is not True:
            raise Refused("numbers in an unusual byte order")
        self.start = file.tell()
        self.places: dict[str, int] = {}

    def run(self, make_tensor: Callable[[TensorSpec], Any] | None = None) -> _Outline:
        self.file.seek(self.start)
        machine = Machine(self.file, make_tensor)
        return _Outline(machine.run(), machine)

    def check(self, outline: _Outline) -> None:
        keys = Machine(self.file).run()
        if type(keys) is not list or not all(type(key) is str for key in keys):
            raise Refused("no list of tensor data")
        if len(set(keys)) != len(keys) or set(keys) != set(outline.storages):
            raise Refused("a list of tensor data that does not fit the object")
        for key in keys:
            reference = outline.storages[key]
            if int.from_bytes(self.file.read(8), "little") != reference.elements:
                raise Refused("tensor data of another size than announced")
            self.places[key] = self.file.tell()
            self.file.seek(reference.elements * reference.itemsize, io.SEEK_CUR)
            if self.file.tell() > self.size:
                raise Refused("an end in the middle of the tensor data")
        if self.file.tell() != self.size:
            raise Refused("bytes behind the tensor data")
        _check_total(outline, self.size)

    def storage(self, reference: StorageRef) -> bytearray:
        self.file.seek(self.places[reference.key])
        return bytearray(self.file.read(reference.elements * reference.itemsize))


def _check_total(outline: _Outline, available: int) -> None:
    # Views may share storages, but a small file must not stand for a mountain of tensors.
    if outline.tensor_bytes > max(64 << 20, 4 * available):
        raise Refused("far more tensors than data behind them")


@contextmanager
def _opened(path: str | Path, max_bytes: int) -> Iterator[_Zip | _Legacy]:
    with open_file(path) as file:
        content = sniff_bytes(file.read(512))
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        if content not in ("zip", "torch-legacy"):
            raise wrong_content(path, content, "a PyTorch weight file")
        if size > max_bytes:
            raise FileError(
                "This file is too large to be read safely",
                where=path,
                why=f"It has {size:,} bytes; the limit here is {max_bytes:,}.",
            )
        try:
            yield _Zip(file, size) if content == "zip" else _Legacy(file, size)
        except Refused as error:
            raise FileError(
                "This file was refused, and nothing in it was run",
                where=path,
                why=f"It contains {error}.",
                remedy="Ask its author for a .safetensors version.",
            ) from error
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise _broken(path) from error
        except (RuntimeError, ValueError, OverflowError, OSError) as error:
            raise _broken(path) from error


def _broken(path: str | Path) -> FileError:
    return FileError(
        "This PyTorch file is damaged",
        where=path,
        why="Its container cannot be read to the end, or a checksum differs.",
        remedy="Download or copy it again and compare its size.",
    )


def _storage_tensor(buffer: bytearray, reference: StorageRef) -> torch.Tensor:
    import torch

    dtype = getattr(torch, DTYPES[reference.dtype][1])
    if not buffer:
        return torch.empty(0, dtype=dtype)
    return torch.frombuffer(buffer, dtype=dtype)


def _view(storage: torch.Tensor, spec: TensorSpec) -> torch.Tensor:
    return storage.as_strided(spec.shape, spec.stride, spec.offset)


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
