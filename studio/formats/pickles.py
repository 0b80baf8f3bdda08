"""`.pt`, `.bin`, `.ckpt`: PyTorch's pickled containers, read without running anything in them.

Owns: both container layouts (the zip of today, the five concatenated pickles of before 2020) and
the checks on them. This is the only place in the studio that reads pickles; a test keeps
`pickle.load` and `torch.load` out of everywhere else.
Refuses to know: what the objects mean; writing (`pickle_write`, offered here as well).

Layouts: torch/serialization.py.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from studio.errors import FileError
from studio.formats.pickle_machine import Machine
from studio.formats.pickle_values import Refused, StorageRef, TensorSpec
from studio.formats.pickle_write import a1111_would_accept, write_pt
from studio.formats.safetensors_header import DTYPES
from studio.formats.sniff import LEGACY_MAGIC, open_file, sniff_bytes, wrong_content

if TYPE_CHECKING:
    import torch

__all__ = ["a1111_would_accept", "opened_checkpoint", "read_outline", "read_pt", "write_pt"]

MAX_FILE_BYTES = 4 << 30
MAX_PICKLE_BYTES = 32 << 20
MAX_MEMBERS = 200_000

_PROTOCOL = 1001
_MEMBER = re.compile(
    r"[^/\\\0]+/(?:data\.pkl|data/[0-9]+|version|byteorder|\.data/serialization_id"
    r"|\.format_version|\.storage_alignment)"
)


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


@contextmanager
def opened_checkpoint(
    path: str | Path, *, max_bytes: int
) -> Iterator[tuple[Any, Callable[[TensorSpec], torch.Tensor]]]:
    """The outline of a whole model's file, and a function that reads one of its tensors.

    Only the tensor that is asked for is in memory. What training programs leave beside the weights
    is left out. Errors as in `read_pt`.
    """
    with _opened(path, max_bytes) as container:
        outline = container.run(training_leftovers=True)
        container.check(outline)
        last: list[tuple[str, torch.Tensor]] = []

        def read(spec: TensorSpec) -> torch.Tensor:
            if not last or last[0][0] != spec.storage.key:  # several tensors may share their data
                last.clear()
                data = container.storage(spec.storage)
                last.append((spec.storage.key, _storage_tensor(data, spec.storage)))
            return _view(last[0][1], spec)

        yield outline.value, read


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

    def run(
        self,
        make_tensor: Callable[[TensorSpec], Any] | None = None,
        training_leftovers: bool = False,
    ) -> _Outline:
        file = io.BytesIO(self._bytes("data.pkl"))
        machine = Machine(file, make_tensor, training_leftovers)
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

    def run(
        self,
        make_tensor: Callable[[TensorSpec], Any] | None = None,
        training_leftovers: bool = False,
    ) -> _Outline:
        self.file.seek(self.start)
        machine = Machine(self.file, make_tensor, training_leftovers)
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
        # zipfile says NotImplementedError to a compression it does not know
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
