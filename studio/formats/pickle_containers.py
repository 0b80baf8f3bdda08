"""The two containers of PyTorch's files: the zip of today, the five pickles of before 2020.

Owns: their layouts and the checks on them: one object, every byte in its place, nothing besides.
Refuses to know: tensors, what the object means, how a refusal reads (`pickles`).

Layouts: torch/serialization.py; the zip's directory: PKWARE's APPNOTE, 4.3.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
from collections.abc import Callable
from typing import Any, BinaryIO

from studio.core.budget import Budget, cut
from studio.core.names import printable
from studio.formats.pickle_machine import Machine
from studio.formats.pickle_reading import MAX_BYTES
from studio.formats.pickle_values import Refused, StorageRef, TensorSpec
from studio.formats.sniff import LEGACY_MAGICS

MAX_MEMBERS = 50_000
MAX_DIRECTORY_BYTES = 8 << 20

MakeTensor = Callable[[TensorSpec, bytes | None], Any]

_PROTOCOL = 1001
_LOCAL_HEADER = 30  # bytes, before a member's name
_END, _END_64, _LOCATOR_64 = b"PK\5\6", b"PK\6\6", b"PK\6\7"
_MEMBER = re.compile(
    r"[^/\\\0]+/(?:data\.pkl|data/[0-9]+|version|byteorder|\.data/serialization_id"
    r"|\.format_version|\.storage_alignment)"
)


class Outline:
    """What one run of the machine gave: the value, and the storages it spoke of."""

    def __init__(self, value: Any, machine: Machine) -> None:
        self.value = value
        self.storages = machine.storages
        self.inline = machine.inline
        self.tensor_bytes = machine.tensor_bytes


class Zip:
    """Today's layout: `<folder>/data.pkl` and one stored member per storage."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        # Our own signature check came first; a zip hidden behind other bytes ends here.
        start = _directory(file, size)
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
        reached = 0
        for info in sorted(members, key=lambda info: info.header_offset):
            if info.header_offset < reached:
                raise Refused("members that lie on top of each other")
            reached = info.header_offset + _LOCAL_HEADER + len(info.orig_filename) + info.file_size
        if reached > start:
            raise Refused("members that lie on top of each other")
        folders = {info.filename.split("/")[0] for info in members}
        if len(folders) != 1 or "data.pkl" not in self.members:
            raise Refused("no pickled object, or more than one")
        if self.members["data.pkl"].file_size > MAX_BYTES:
            raise Refused("too many bytes of instructions")
        order = self.members.get("byteorder")
        if order is not None and (order.file_size > 16 or self._bytes("byteorder") != b"little"):
            raise Refused("numbers in an unusual byte order")

    def _check(self, info: zipfile.ZipInfo) -> None:
        if not _MEMBER.fullmatch(info.filename):
            name = cut(printable(info.filename), 80)
            raise Refused(f"a file “{name}”, as archives that want to be unpacked do")
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
        make_tensor: MakeTensor | None = None,
        training_leftovers: bool = False,
    ) -> Outline:
        data = self._bytes("data.pkl")
        file = io.BytesIO(data)
        machine = Machine(file, make_tensor, training_leftovers, size=len(data))
        value = machine.run()
        if file.read(1):
            raise Refused("bytes behind the pickled object")
        return Outline(value, machine)

    def check(self, outline: Outline) -> None:
        available = sum(info.file_size for info in self.members.values())
        _check_total(outline, available)
        for reference in outline.storages.values():
            info = self.members.get(f"data/{reference.key}")
            if info is None or info.file_size != reference.elements * reference.itemsize:
                raise Refused("tensor data that is missing or has another size")

    def storage(self, reference: StorageRef) -> bytearray:
        return self._bytes(f"data/{reference.key}")


class Legacy:
    """The old layout: magic, protocol, system, object, storage keys; then the storages' bytes."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file, self.size = file, size
        start = file.read(64)
        file.seek(next(len(magic) for magic in LEGACY_MAGICS if start.startswith(magic)))
        protocol, system = (Machine(file, budget=Budget(1_000), size=4_096).run() for _ in "12")
        if type(protocol) is not int or protocol != _PROTOCOL or type(system) is not dict:
            raise Refused("an unknown version of the old layout")
        if system.get("little_endian") is not True:
            raise Refused("numbers in an unusual byte order")
        self.start = file.tell()
        self.places: dict[str, int] = {}

    def run(
        self,
        make_tensor: MakeTensor | None = None,
        training_leftovers: bool = False,
    ) -> Outline:
        self.file.seek(self.start)
        left = self.size - self.start
        machine = Machine(self.file, make_tensor, training_leftovers, size=left)
        return Outline(machine.run(), machine)

    def check(self, outline: Outline) -> None:
        keys = Machine(self.file, size=self.size - self.file.tell()).run()
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


def _directory(file: BinaryIO, size: int) -> int:
    """Where the zip's directory begins; Refused before anything reads one that is too long.

    It ends the file: the classic end record, before it the locator and the record of 64 bits.
    """
    file.seek(max(0, size - 98))
    tail = file.read(98)
    file.seek(0)
    if tail[-22:-18] != _END:
        raise zipfile.BadZipFile
    long = len(tail) == 98 and tail[56:60] == _LOCATOR_64
    if long and tail[:4] == _END_64:
        length, start = struct.unpack("<QQ", tail[40:56])
    else:
        length, start = struct.unpack("<II", tail[-10:-2])
    if length > MAX_DIRECTORY_BYTES:
        raise Refused("a container with too many members or a comment")
    return int(start)


def _check_total(outline: Outline, available: int) -> None:
    # Views may share storages, but a small file must not stand for a mountain of tensors.
    if outline.tensor_bytes > max(64 << 20, 4 * available):
        raise Refused("far more tensors than data behind them")
