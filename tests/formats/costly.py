"""Small files that want much: of memory or of time, by every way in; and reading them under limits.

Run as a program with a folder: reads every file in it as the library does, as an embedding and as a
model (with `all` behind the folder: with every reader there is), within
1 GiB of addresses beyond what Python and torch have taken, and prints one line of JSON for each:
the file, how each reader ended, and how many steps, values and bytes were left of its budget.
"""

from __future__ import annotations

import base64
import json
import pickle
import resource
import struct
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.formats.builders import legacy, safetensors_bytes, torch_zip

P = b"\x80\x02"
P4 = b"\x80\x04"
MORE = 1 << 30  # bytes beyond what is loaded


def long(value: int) -> bytes:
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def glob(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def put(index: int) -> bytes:
    return b"r" + struct.pack("<I", index)


def get(index: int) -> bytes:
    return b"j" + struct.pack("<I", index)


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def storage(elements: int, key: str = "0", kind: str = "FloatStorage") -> bytes:
    return (
        b"(" + text("storage") + glob("torch", kind) + text(key) + text("cpu") + long(elements) + b"tQ"
    )  # fmt: skip


def doubled(levels: int, make: Callable[[bytes], bytes], first: bytes = b"]") -> bytes:
    """A value that holds the value before it twice, `levels` times over."""
    body = first + put(0)
    for level in range(levels):
        body += make(get(level)) + put(level + 1)
    return P + b"](" + body + b"e."


def wide(count: int, levels: int) -> bytes:
    """A list of `count` times the same list of `count` times the same list …"""
    body = b"]" + put(0)
    for level in range(levels):
        body += b"](" + get(level) * count + b"e" + put(level + 1)
    return P + b"(" + body + b"t."


def keys(values: list[bytes]) -> bytes:
    return P + b"}(" + b"N".join(values) + b"Nu."


def view(shape: list[int], stride: list[int], elements: int) -> bytes:
    sizes = [b"(" + b"".join(long(n) for n in part) + b"t" for part in (shape, stride)]
    hooks = glob("collections", "OrderedDict") + b")R"
    return (
        P + glob("torch._utils", "_rebuild_tensor_v2") + b"(" + storage(elements) + b"K\x00"
        + sizes[0] + sizes[1] + b"\x89" + hooks + b"tR."
    )  # fmt: skip


MERSENNE = 2**61 - 1  # numbers that differ by it have the same hash
PARAMETERS = glob("torch.nn.modules.container", "ParameterDict") + b")\x81"
DTYPE = glob("numpy", "dtype") + b"(" + text("f4") + b"K\x00K\x01tR" + put(9)
ARRAY = (
    glob("numpy.core.multiarray", "_reconstruct") + b"(" + glob("numpy", "ndarray")
    + b"K\x00\x85" + text("b") + b"tR"
)  # fmt: skip


def pickles() -> dict[str, bytes]:
    """Objects of a `.pt`."""
    pairs = b"](" + b"".join(number(n) + b"N\x86" for n in range(50_000)) + b"e"
    return {
        "a list that doubles": doubled(20_000, lambda inner: b"](" + inner + inner + b"e"),
        "tuples that double": doubled(20_000, lambda inner: inner + inner + b"\x86", b")"),
        "tables that double": doubled(
            5_000, lambda inner: b"}(" + text("a") + inner + text("b") + inner + b"u", b"}"
        ),
        "a wide list of wide lists": wide(8_000, 3),
        "a wide list of wide lists, five deep": wide(500, 5),
        "a long text a hundred thousand times": P + text("x" * 1_000_000) + put(0)
        + b"](" + get(0) * 100_000 + b"e\x86.",
        "a long text as every value": P + b"}(" + text("a") + text("é" * 500_000) + put(0)
        + b"".join(text(f"k{n}") + get(0) for n in range(50_000)) + b"u.",
        "a list in itself": P + b"]" + put(0) + get(0) + b"a.",
        "a table in itself": P + b"}" + put(0) + text("a") + get(0) + b"s.",
        "parameters in themselves": P + PARAMETERS + put(0) + b"}(" + text("_parameters") + b"}("
        + text("a") + get(0) + b"uub.",
        "parameters filled again and again": P + b"}(" + text("_parameters") + b"}("
        + b"".join(text(f"k{n}") + b"N" for n in range(20_000)) + b"uu" + put(0)
        + b"](" + (PARAMETERS + get(0) + b"b") * 20_000 + b"e\x86.",
        "one list of named pairs in a thousand tables": P + b"]("
        + b"".join(text(f"k{n}") + b"N\x86" for n in range(20_000)) + b"e" + put(0) + b"(" + b"".join(
            glob("collections", "OrderedDict") + get(0) + b"\x85R" for _ in range(1_000)) + b"t\x86.",
        "nested a hundred thousand times": P + b"]" * 100_000 + b"a" * 99_999 + b".",
        "tuples nested a hundred thousand times": P + b")" + b"\x85" * 100_000 + b".",
        "keys of one hash": keys([long(1 + n * MERSENNE) for n in range(60_000)]),
        "small keys of one place": keys([long(n << 40) for n in range(60_000)]),
        "numbers with a comma of one place": keys(
            [b"G" + struct.pack(">d", float(n << 50)) for n in range(60_000)]
        ),
        "keys of one hash in an ordered table": P + glob("collections", "OrderedDict") + b"]("
        + b"".join(long(1 + n * MERSENNE) + b"N\x86" for n in range(40_000)) + b"e\x85R.",
        "one list of pairs in a thousand tables": P + pairs + put(0) + b"(" + b"".join(
            glob("collections", "OrderedDict") + get(0) + b"\x85R" for _ in range(1_000)) + b"t\x86.",
        "one list in a thousand sets": P + pairs + put(0) + b"(" + b"".join(
            glob("__builtin__", "set") + get(0) + b"\x85R" for _ in range(9_000)) + b"t\x86.",
        "one long size a thousand times": P + b"(" + b"K\x01" * 100_000 + b"t" + put(0) + b"(" + b"".join(
            glob("torch", "Size") + get(0) + b"\x85R" for _ in range(9_000)) + b"t\x86.",
        "one text as bytes ten thousand times": P + text("x" * 1_000_000) + put(0) + b"(" + b"".join(
            glob("_codecs", "encode") + get(0) + text("latin1") + b"\x86R" for _ in range(10_000)
        ) + b"t\x86.",
        "a text longer than the file": P + b"X\xff\xff\xff\x7fabc",
        "bytes longer than the file": P4 + b"B\xff\xff\xff\x7fabc",
        "a frame of a terabyte": P4 + b"\x95" + struct.pack("<Q", 1 << 40) + b"].",
        "a whole number of 255 bytes as a key": keys([long(1 << 2030)]),
        "a tensor of a terabyte over one number": view([1 << 40], [0], 1),
        "a tensor over one number, sixteen ways": view([4] * 16, [0] * 16, 1),
        "a tensor of a storage that is not there": view([1 << 40], [1], 1 << 40),
        "a stride of 2⁴⁷": view([2], [1 << 47], 4),
        "many tensors over one storage": P + storage(1 << 14) + put(0) + b"(" + b"".join(
            glob("torch._utils", "_rebuild_tensor_v2") + b"(" + get(0) + b"K\x00" + long(1 << 14)
            + b"\x85K\x01\x85\x89N" + b"tR" for _ in range(9_000)) + b"t\x86.",
        "tiny tensors without end": P + storage(1) + put(0) + glob("torch._utils", "_rebuild_tensor")
        + put(1) + b"(" + get(0) + b"K\x00))t" + put(2)
        + b"(" + (get(1) + get(2) + b"R") * 110_000 + b"t\x87.",
        "an array that lies about its size": P + DTYPE + ARRAY + b"(K\x01(" + long(1 << 40)
        + b"t" + get(9) + b"\x89" + text("abcd") + b"tb\x86.",
        "an array built again and again": P + DTYPE + text("x" * 400_000) + put(1) + b"(" + (
            ARRAY + b"(K\x01(" + long(100_000) + b"t" + get(9) + b"\x89" + get(1) + b"tb") * 10_000
        + b"t\x87.",
        "a number of many letters": P + glob("numpy.core.multiarray", "scalar") + glob("numpy", "dtype")
        + b"(" + text("U99999") + b"K\x00K\x01tR" + text("x") + b"\x86R.",
        "instructions without end": P + b"N" * 450_000 + b".",
        "memory without end": P + b"]" + b"\x94" * 390_000 + b".",
        "one array in many places, filled again and again": P4 + ARRAY + b"\x94" * 150_000 + put(0)
        + b"(" + get(0) * 40_000 + b"t.",
    }  # fmt: skip


def zips(folder: Path) -> Iterator[Path]:
    """Containers that are not what they say."""
    good = P + b"]."
    path = folder / "a directory of a hundred megabytes.pt"
    raw = torch_zip(path, {"data.pkl": good, "version": b"3\n"}).read_bytes()
    start = raw.index(b"PK\x01\x02")
    entry = raw[start : raw.index(b"PK\x01\x02", start + 4)]
    directory = entry * 160_000
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 65_535, 65_535, len(directory), start, 0)
    path.write_bytes(raw[:start] + directory + end)
    yield path
    path = folder / "a directory that the 64-bit record says is long.pt"
    long_end = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, 160_000, 160_000,
                           len(directory), start)  # fmt: skip
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, start + len(directory), 1)
    small = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 2, 2, 100, start, 0)
    path.write_bytes(raw[:start] + directory + long_end + locator + small)
    yield path
    path = folder / "members on top of each other.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", good)
        archive.writestr("a/data/0", bytes(4_000))
        info = archive.infolist()[1]
        for name in range(1, 3):
            copy = zipfile.ZipInfo(f"a/data/{name}")
            for part in ("CRC", "compress_size", "file_size", "header_offset", "external_attr"):
                setattr(copy, part, getattr(info, part))
            archive.filelist.append(copy)
        archive.writestr("a/data/9", bytes(20_000))
    yield path
    path = folder / "a byte order of a megabyte.pt"
    yield torch_zip(path, {"data.pkl": good, "byteorder": bytes(1 << 20)})
    path = folder / "old, with endless keys.pt"
    path.write_bytes(
        legacy(path, P + b"].").read_bytes()[:-4] + P + b"](" + text("k") * 390_000 + b"e."
    )
    yield path
    path = folder / "old, with a costly head.pt"
    head = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)
    path.write_bytes(head + P + b"]" * 390_000 + b"0.")
    yield path


def headers() -> dict[str, bytes]:
    """Files whose header is too much."""
    return {
        "a header of empty lists": safetensors_bytes(b'{"a":[' + b"[]," * 3_000_001 + b"0]}"),
        "a header of empty tables": safetensors_bytes(b'{"a":[' + b"{}," * 3_000_001 + b"0]}"),
        "a header of numbers": safetensors_bytes(b'{"a":[' + b"1," * 3_000_001 + b"0]}"),
        "a header of short texts": safetensors_bytes(b'{"__metadata__":{"a":[' + b'"",' * 3_000_001 + b'""]}}'),
        "a header of keys": safetensors_bytes(
            b'{"__metadata__":{' + b",".join(b'"%x":""' % n for n in range(1_600_000)) + b"}}"
        ),
        "a header of long numbers": safetensors_bytes(b'{"a":[' + (b"9" * 4_000 + b",") * 500 + b"0]}"),
        "a header nested a million times": safetensors_bytes(b'{"a":' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}"),
        "a header nested and not closed": safetensors_bytes(b'{"a":' + b'{"a":' * 1_000_000),
        "a header of one text with an emoji": safetensors_bytes(
            b'{"__metadata__":{"a":"' + b"x" * 68_000_000 + "\N{CAT FACE}".encode() + b'"}}'
        ),
        "a header of one text with half an emoji": safetensors_bytes(
            b'{"__metadata__":{"a":"' + b"x" * 68_000_000 + b"\\ud83d" + b'"}}'
        ),
        "a tensor of many dimensions": safetensors_bytes(
            {"a": {"dtype": "F32", "shape": [1] * 500_000, "data_offsets": [0, 4]}}, bytes(4)
        ),
        "a tensor of 2⁶² numbers": safetensors_bytes(
            {"a": {"dtype": "F32", "shape": [1 << 62], "data_offsets": [0, 1 << 64]}}, bytes(4)
        ),
        "offsets of four thousand digits": safetensors_bytes(
            b'{"a":{"dtype":"U8","shape":[%b],"data_offsets":[0,%b]}}' % ((b"9" * 4_300,) * 2), bytes(4)
        ),
        "too many empty tensors": safetensors_bytes(
            {f"t{n}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for n in range(100_001)}
        ),
    }  # fmt: skip


_ONE = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


def _twin(key: str, value: str, kind: str) -> bytes:
    return safetensors_bytes(
        {"__metadata__": {"format": kind, key: value}, "aesthetic": _ONE}, bytes(4)
    )


def metadata() -> dict[str, bytes]:
    """Files whose metadata is too much."""
    return {
        "a twin whose settings are lists": _twin("hypernetwork", "[[],[" + "[]," * 300_000 + "0]]", "hypernetwork"),
        "a twin whose settings are deep": _twin("hypernetwork", "[" * 300_000, "hypernetwork"),
        "an aesthetic whose settings are lists": _twin("aesthetic", "[" + "{}," * 300_000 + "0]", "aesthetic"),
        "an aesthetic whose settings are long numbers": _twin("aesthetic", "[" + "9" * 800_000 + "]", "aesthetic"),
    }  # fmt: skip


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*chunks: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">2I5B", 8, 8, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0" * 200))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + pixels + chunk(b"IEND", b"")


def said(value: bytes) -> bytes:
    return chunk(b"tEXt", b"sd-ti-embedding\0" + base64.b64encode(value))


def images() -> dict[str, bytes]:
    """PNG files."""
    return {
        "an embedding of empty lists": png(said(b'{"string_to_param":{"*":[' + b"[]," * 2_100_000 + b"0]}}")),
        "an embedding nested a million times": png(said(b"[" * 1_000_000)),
        "an embedding of one long row": png(
            said(b'{"string_to_param":{"*":{"TORCHTENSOR":[[' + b"0," * 900_000 + b"0]]}}}")
        ),
        "an embedding of whole numbers without end": png(
            said(b'{"string_to_param":{"*":{"TORCHTENSOR":[[' + b"9" * 4_000_000 + b"]]}}}")
        ),
        "a packed text of a gigabyte": png(
            chunk(b"zTXt", b"sd-ti-embedding\0\0" + zlib.compress(zlib.compress(bytes(1 << 28))[:2] + bytes(1 << 28)))
        ),
        "a packed note of a gigabyte": png(chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(1 << 28)))),
        "a packed international note": png(
            chunk(b"iTXt", b"Comment\0\1\0\0\0" + zlib.compress(bytes(1 << 28)))
        ),
        "a million chunks": png(chunk(b"juNk", b"") * 300_000),
        "a chunk of four gigabytes": png(b"\xff\xff\xff\xfftEXtsd-ti-embedding\0"),
        "a profile of a gigabyte": png(chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(1 << 28)))),
        "an image of a terapixel": b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">2I5B", 1 << 20, 1 << 20, 8, 2, 0, 0, 0)) + chunk(b"IEND", b""),
    }  # fmt: skip


def stacks() -> dict[str, bytes]:
    """Saved stacks."""
    return {
        "a stack of lists": b'{"format":"concept-studio-stack","items":[' + b"[]," * 300_000 + b"0]}",
        "a stack nested a million times": b"[" * 900_000,
        "a stack with a number of a million digits": b'{"version":' + b"9" * 900_000 + b"}",
    }  # fmt: skip


def everything(folder: Path) -> None:
    """All of them as files."""
    for number_, (name, body) in enumerate(pickles().items()):
        torch_zip(
            folder / f"{name}.pt", {"data.pkl": body, "data/0": bytes(1 << 16), "version": b"3\n"}
        )
        if number_ % 3 == 0:  # the machine is the same: some of them in the old layout, too
            legacy(folder / f"old {name}.pt", body, ["0"], struct.pack("<q", 1) + bytes(4))
    list(zips(folder))
    for name, body in {**headers(), **metadata()}.items():
        (folder / f"{name}.safetensors").write_bytes(body)
    for name, body in images().items():
        (folder / f"{name}.png").write_bytes(body)
    for name, body in stacks().items():
        (folder / f"{name}.json").write_bytes(body)


def _limit() -> None:
    with open("/proc/self/status") as status:
        size = next(int(line.split()[1]) for line in status if line.startswith("VmSize")) * 1024
    resource.setrlimit(resource.RLIMIT_AS, (size + MORE, size + MORE))


def main(folder: Path, complete: bool) -> None:
    from studio.core import budget
    from studio.core.errors import StudioError
    from studio.formats import aesthetic, embedding, hypernetwork, lora, stack_file
    from studio.formats.tensor_source import outline

    readers: list[Callable[[Path], Any]] = [embedding.read, outline]
    if complete:
        readers += [hypernetwork.read, aesthetic.read, lora.read]
    spent = 0
    take_step = budget.Budget.step

    def counted(self: budget.Budget, count: int = 1) -> None:
        nonlocal spent
        spent += count
        take_step(self, count)

    budget.Budget.step = counted  # type: ignore[method-assign]
    _limit()
    for path in sorted(folder.iterdir())[:: 1 if complete else 2]:
        ends, spent, began = [], 0, time.process_time()
        chosen = [inspect_json, *readers]
        if path.suffix == ".json":
            chosen = [stack_file.read]
        elif " twin " in path.name or "aesthetic" in path.name:
            chosen += [hypernetwork.read, aesthetic.read]
        for reader in chosen:
            try:
                reader(path)
                ends.append("read")
            except StudioError as error:
                ends.append(type(error).__name__ if len(str(error)) < 3_000 else "an endless error")
            except BaseException as error:
                ends.append(f"{type(error).__module__}.{type(error).__name__}: {str(error)[:200]}")
        figures = {
            "file": path.name,
            "ends": ends,
            "steps": spent,
            "cpu": time.process_time() - began,
        }
        print(json.dumps(figures), flush=True)


def inspect_json(path: Path) -> None:
    """The report, as a page gets it: refused, or small."""
    from studio.formats.inspect import inspect

    report = json.dumps(inspect(path, hashes=False).as_dict())
    if len(report) > 12_000_000:
        raise AssertionError(f"a report of {len(report):,} characters")


if __name__ == "__main__":
    main(Path(sys.argv[1]), complete="all" in sys.argv[2:])
