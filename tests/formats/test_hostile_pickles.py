"""Hostile PyTorch files: none may run anything, none may be accepted, none may fill the memory.

Every payload is tried in both container layouts. Proof: a canary that each would leave, and an
audit hook that sees any lookup, import, process or file write while a payload is read.
"""

from __future__ import annotations

import collections
import io
import pickle
import random
import struct
import sys
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

import studio
from studio.core.errors import FileError, StudioError
from studio.formats import aesthetic, embedding, hypernetwork, lora, pickles
from studio.formats.inspect import inspect
from studio.formats.sniff import LEGACY_MAGIC
from tests.formats.builders import legacy, torch_zip

P = b"\x80\x02"


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def glob(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def call(module: str, name: str, *arguments: str) -> bytes:
    body = b"".join(text(argument) for argument in arguments)
    return P + glob(module, name) + b"(" + body + b"tR."


TOUCH = "touch CANARY"
STORE = (
    b"(" + text("storage") + glob("torch", "FloatStorage") + text("0") + text("cpu") + b"K\x04tQ"
)
REBUILD = glob("torch._utils", "_rebuild_tensor_v2")
ORDERED = glob("collections", "OrderedDict") + b")R"


def rebuild(
    store=STORE, offset=b"K\x00", shape=b"K\x04\x85", stride=b"K\x01\x85", rest=b"\x89" + ORDERED
):
    return P + REBUILD + b"(" + store + offset + shape + stride + rest + b"tR."


BIG = b"\x8a\x06" + struct.pack("<q", 2**40)[:6]

# Routes to code: every one would leave the canary under Python's own unpickler.
CODE = {
    f"{module}.{name}": call(module, name, *arguments)
    for module, name, *arguments in [
        ("os", "system", TOUCH),
        ("posix", "system", TOUCH),
        ("nt", "system", TOUCH),
        ("os", "popen", TOUCH),
        ("os", "execvp", TOUCH),
        ("os", "remove", "CANARY"),
        ("builtins", "eval", "open('CANARY','w').close()"),
        ("builtins", "exec", "open('CANARY','w')"),
        ("builtins", "open", "CANARY", "w"),
        ("builtins", "__import__", "antigravity"),
        ("builtins", "getattr", "a", "b"),
        ("builtins", "compile", "1", "2", "exec"),
        ("__builtin__", "eval", "open('CANARY','w')"),
        ("__builtin__", "file", "CANARY", "w"),
        ("subprocess", "Popen", TOUCH),
        ("subprocess", "check_output", TOUCH),
        ("commands", "getoutput", TOUCH),
        ("pty", "spawn", TOUCH),
        ("platform", "popen", TOUCH),
        ("shutil", "rmtree", "CANARY"),
        ("pathlib", "Path", "CANARY"),
        ("importlib", "import_module", "antigravity"),
        ("runpy", "run_path", "CANARY"),
        ("runpy", "_run_code", "x"),
        ("timeit", "timeit", "open('CANARY','w')"),
        ("pdb", "run", "open('CANARY','w')"),
        ("cProfile", "run", "open('CANARY','w')"),
        ("code", "interact", "x"),
        ("pydoc", "locate", "os.system"),
        ("pip", "main", "install"),
        ("webbrowser", "open", "http://localhost"),
        ("urllib.request", "urlopen", "http://localhost"),
        ("socket", "create_connection", "x"),
        ("ctypes", "CDLL", "CANARY"),
        ("functools", "partial", "x"),
        ("operator", "attrgetter", "system"),
        ("types", "CodeType", "x"),
        ("types", "FunctionType", "x"),
        ("copyreg", "_reconstructor", "x"),
        ("_codecs", "encode", "x"),
        ("numpy.core.multiarray", "_reconstruct", "x"),
        ("numpy", "load", "CANARY"),
        ("pickle", "loads", "x"),
        ("torch", "load", "CANARY"),
        ("torch.serialization", "load", "CANARY"),
        ("torch.storage", "_load_from_bytes", "x"),
        ("torch.hub", "load", "x", "y"),
        ("torch.jit", "load", "CANARY"),
        ("torch.utils.cpp_extension", "load_inline", "x"),
        ("torch._utils", "_import_dotted_name", "os.system"),
        ("torch._utils", "_rebuild_device_tensor_from_numpy", "x"),
        ("torch._utils", "_rebuild_tensor_v2.__globals__", "x"),
        ("torch", "_utils._rebuild_tensor_v2", "x"),
        ("torch", "FloatStorage", "CANARY"),
        ("torch", "FloatStorage.from_file", "CANARY"),
        ("torch.nn.modules.container", "ModuleDict", "x"),
        ("torch.nn.modules.container", "ParameterDict.__class__", "x"),
        ("collections", "namedtuple", "x", "y"),
        ("collections", "OrderedDict.__init__", "x"),
        ("collections ", "OrderedDict", "x"),
        ("safetensors.torch", "save_file", "x", "CANARY"),
        ("studio.core.atomic", "write_text", "CANARY", "x"),
    ]
}

# Routes through other instructions than GLOBAL and REDUCE.
S = b"S'" + TOUCH.encode() + b"'\n"
ROUTES = {
    "STACK_GLOBAL": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x0ctouch CANARY\x85R.",
    "INST": P + b"(" + S + b"ios\nsystem\n.",
    "OBJ": P + b"(cos\nsystem\n" + S + b"o.",
    "NEWOBJ": P + glob("subprocess", "Popen") + text(TOUCH) + b"\x85\x81.",
    "NEWOBJ_EX": b"\x80\x04" + glob("subprocess", "Popen") + text(TOUCH) + b"\x85}\x92.",
    "NEWOBJ of an allowed function": P + REBUILD + b")\x81.",
    "NEWOBJ with arguments": P + glob("torch.nn.modules.container", "ParameterDict") + b"N\x85\x81.",
    "BUILD on a global": P + glob("torch._utils", "_rebuild_tensor_v2") + b"}" + b"b.",
    "BUILD on a plain dict": P + b"}}b.",
    "BUILD with a text": P + ORDERED + text("x") + b"b.",
    "BUILD a parameter table without parameters": P
    + glob("torch.nn.modules.container", "ParameterDict") + b")\x81}b.",
    "BUILD with slots": P + ORDERED + b"}" + b"}" + text("x") + b"K\x01s\x86b.",
    "EXT1": P + b"\x82\x01.",
    "EXT2": P + b"\x83\x01\x00.",
    "EXT4": P + b"\x84\x01\x00\x00\x00.",
    "PERSID in text": P + b"P0\n.",
    "persistent id of a module": P + b"(" + text("module") + glob("os", "system") + text("f") + text("s") + b"tQ.",
    "persistent id of a wrong module": P + b"(" + text("module") + REBUILD + text("f") + text("s") + b"tQ.",
    "persistent id that is a list": P + b"]Q.",
    "bytes longer than the file": b"\x80\x03C\xffa.",
    "frozen set of nothing": b"\x80\x04\x91.",
    "items for no set": b"\x80\x04](N\x90.",
    "byte array longer than the file": b"\x80\x05\x96" + struct.pack("<Q", 2**60) + b"a.",
    "next buffer": b"\x80\x05\x97.",
    "duplicate": P + b"]2.",
    "pop": P + b"]0.",
    "pop mark": P + b"(1].",
    "get by text": P + b"g0\n.",
    "integer text": P + b"I1\n.",
    "float text": P + b"F1.0\n.",
    "string text": P + b"S'x'\n.",
    "long text": P + b"L1L\n.",
    "long of any size": P + b"\x8b" + struct.pack("<i", 2**30) + b".",
    "text of eight length bytes": P + b"\x8d" + struct.pack("<Q", 2**60) + b".",
    "frame": b"\x80\x04\x95" + struct.pack("<Q", 2**60) + b"].",
    "protocol 9": b"\x80\x09].",
}  # fmt: skip

# Allowed names with arguments that would read or take memory that is not theirs.
ARGUMENTS = {
    "shape beyond the data": rebuild(shape=b"K\x05\x85"),
    "offset beyond the data": rebuild(offset=b"K\x01"),
    "stride beyond the data": rebuild(stride=b"K\x02\x85"),
    "stride zero, huge shape": rebuild(shape=BIG + b"\x85", stride=b"K\x00\x85"),
    "negative offset": rebuild(offset=b"J\xff\xff\xff\xff"),
    "negative shape": rebuild(shape=b"J\xff\xff\xff\xff\x85"),
    "negative stride": rebuild(stride=b"J\xff\xff\xff\xff\x85"),
    "overflowing shape": rebuild(shape=BIG * 3 + b"\x87", stride=b"K\x00K\x00K\x00\x87"),
    "empty with a wild offset": rebuild(
        offset=b"\x8a\x08" + struct.pack("<q", 2**62), shape=b"K\x00\x85"
    ),
    "shape and stride differ in length": rebuild(stride=b"K\x01K\x01\x86"),
    "shape is a list": rebuild(shape=b"]K\x04a"),
    "shape of floats": rebuild(shape=b"G" + struct.pack(">d", 4.0) + b"\x85"),
    "shape of truths": rebuild(shape=b"\x88\x85"),
    "offset is None": rebuild(offset=b"N"),
    "many dimensions": rebuild(shape=b"(" + b"K\x01" * 99 + b"t", stride=b"(" + b"K\x01" * 99 + b"t"),
    "no storage": rebuild(store=b"N"),
    "storage is a text": rebuild(store=text("0")),
    "too few arguments": P + REBUILD + b"(" + STORE + b"tR.",
    "arguments in a list": P + REBUILD + b"]R.",
    "call of a result": P + REBUILD + b"(" + STORE + b"K\x00K\x04\x85K\x01\x85\x89" + ORDERED + b"tR)R.",
    "storage without elements": rebuild(store=STORE.replace(b"K\x04tQ", b"K\x00tQ")),
    "storage of minus one": rebuild(store=STORE.replace(b"K\x04tQ", b"J\xff\xff\xff\xfftQ")),
    "storage of a terabyte": rebuild(store=STORE.replace(b"K\x04tQ", BIG + b"tQ")),
    "storage of an unknown type": rebuild(store=STORE.replace(b"FloatStorage", b"QInt8Storage")),
    "storage type is a text": rebuild(
        store=b"(" + text("storage") + text("FloatStorage") + text("0") + text("cpu") + b"K\x04tQ"
    ),
    "storage key is a path": rebuild(store=STORE.replace(text("0"), text("../../etc/passwd"))),
    "storage key is a number": rebuild(store=STORE.replace(text("0"), b"K\x00")),
    "storage with a view": rebuild(store=STORE[:-2] + b"(" + text("0") + b"K\x00K\x04ttQ"),
    "two sizes for one storage": P + b"(" + STORE + STORE.replace(b"K\x04tQ", b"K\x02tQ") + b"t.",
    "a bare storage": P + STORE + b"]q\x01.",
    "parameter of no tensor": P + glob("torch._utils", "_rebuild_parameter") + b"(N\x88" + ORDERED + b"tR.",
    "parameter of a dict": P + glob("torch._utils", "_rebuild_parameter") + b"(}\x88" + ORDERED + b"tR.",
    "ordered from a global": P + glob("collections", "OrderedDict") + REBUILD + b"\x85R.",
    "ordered from a dict": P + glob("collections", "OrderedDict") + b"}\x85R.",
    "ordered from odd pairs": P + glob("collections", "OrderedDict") + b"]K\x01\x85a\x85R.",
    "ordered with a list as key": P + glob("collections", "OrderedDict") + b"](]N\x86a\x85R.",
    "ordered with two arguments": P + glob("collections", "OrderedDict") + b"]]\x86R.",
    "a tuple as key": P + b"}K\x01\x85Ns.",
    "a list as key": P + b"}]Ns.",
    "a global as key": P + b"}" + REBUILD + b"Ns.",
    "items on a list": P + b"](NNu.",
    "append on a dict": P + b"}Na.",
    "append on nothing": P + b"Na.",
    "a key without a value": P + b"}(Nu.",
}  # fmt: skip

# Nonsense that must end quickly.
NONSENSE = {
    "empty": b"",
    "only the protocol": P,
    "no stop": P + b"]",
    "stop on an empty stack": P + b".",
    "stop on a mark": P + b"(.",
    "two values": P + b"]].",
    "pop of a mark": P + b"(\x85.",
    "tuple of nothing": P + b"\x87.",
    "mark missing": P + b"t.",
    "memo missing": P + b"h\x05.",
    "memo of a mark": P + b"(q\x01.",
    "memo far away": P + b"]r\xff\xff\xff\xff.",
    "text longer than the file": P + b"X\xff\xff\xff\xff.",
    "text that is no UTF-8": P + b"X\x02\0\0\0\xff\xfe.",
    "short text longer than the file": P + b"U\xffa.",
    "global without a name": P + b"cos\n",
    "global without a line end": P + b"c" + b"a" * 1000,
    "global that is not ASCII": P + b"c\xff\n\xff\n.",
    "unknown instruction": P + b"\xff.",
    "bytes behind the object": P + b"].].",
    "truncated number": P + b"J\x01",
    "truncated float": P + b"G\x01",
}

PAYLOADS = {**CODE, **ROUTES, **ARGUMENTS, **NONSENSE}
FOUR = struct.pack("<4f", 1, 2, 3, 4)
GOOD = {"data.pkl": rebuild(), "data/0": FOUR, "version": b"3\n"}

_seen: list[str] | None = None


def _measuring() -> bool:
    """Whether it is the coverage tool that takes its probes out of a function seen often."""
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_globals.get("__name__") == "slipcover.slipcover":
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def _watch(event: str, arguments: tuple) -> None:
    if _seen is None:
        return
    harmful = event.startswith(("subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork",
                                "os.remove", "shutil.", "socket.", "ctypes.", "webbrowser.",
                                "urllib.", "pickle.", "code.__new__", "exec", "compile", "pty."))  # fmt: skip
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if (harmful or writes) and not (event == "code.__new__" and _measuring()):
        _seen.append(f"{event} {arguments!r}"[:200])


sys.addaudithook(_watch)


@pytest.fixture
def watched(tmp_path, monkeypatch):
    """Runs in an empty folder; after the test no canary and no harmful event may exist."""
    global _seen
    monkeypatch.chdir(tmp_path)
    pickles.read_pt(torch_zip(tmp_path / "warm.pt", GOOD))  # lazy imports of the standard library
    yield tmp_path
    assert not (tmp_path / "CANARY").exists()


def refused(path, *readers) -> None:
    """Every reader ends in our own error and nothing happens on the way."""
    global _seen
    for reader in readers or (pickles.read_pt, pickles.read_outline):
        _seen = []
        try:
            with pytest.raises(FileError):
                reader(path)
            events = _seen
        finally:
            _seen = None
        assert events == []


@pytest.mark.parametrize("name", PAYLOADS)
def test_no_payload_runs_or_loads(watched, name):
    body = PAYLOADS[name]
    in_zip = torch_zip(watched / "a.pt", {"data.pkl": body, "data/0": FOUR, "version": b"3\n"})
    refused(in_zip)
    tail = struct.pack("<q", 4) + FOUR
    refused(legacy(watched / "b.pt", body, ["0"], tail))
    bare = watched / "c.pt"
    bare.write_bytes(body)
    refused(bare)


def test_endless_instructions_end(watched):
    refused(
        torch_zip(watched / "a.pt", {"data.pkl": P + b"]" * 400_001 + b"."}), pickles.read_outline
    )


def test_there_are_enough_payloads_and_the_good_twin_of_each_loads(watched):
    """The bodies above differ from this one by their one hostile trait, and this one loads."""
    assert len(PAYLOADS) >= 120
    body = rebuild()
    path = torch_zip(watched / "a.pt", {"data.pkl": body, "data/0": FOUR, "version": b"3\n"})
    assert pickles.read_pt(path).tolist() == [1, 2, 3, 4]
    path = legacy(watched / "b.pt", body, ["0"], struct.pack("<q", 4) + FOUR)
    assert pickles.read_pt(path).tolist() == [1, 2, 3, 4]
    assert pickles.read_outline(path).shape == (4,)


def test_python_would_have_run_the_canary(watched):
    """The canary works: Python's own unpickler leaves it."""
    pickle.loads(CODE["builtins.eval"])
    assert (watched / "CANARY").exists()
    (watched / "CANARY").unlink()


@pytest.mark.parametrize(
    "reader",
    [lora.read, embedding.read, hypernetwork.read, aesthetic.read],
    ids=lambda r: r.__module__,
)
@pytest.mark.parametrize("suffix", [".pt", ".safetensors", ".bin", ".ckpt", ".png"])
def test_wrong_names_change_nothing(watched, reader, suffix):
    path = watched / f"x{suffix}"
    torch_zip(path, {"data.pkl": CODE["os.system"]})
    refused(path, reader)
    path.write_bytes(CODE["os.system"])
    refused(path, reader)
    report = inspect(path)
    assert report.kind == "unknown" and report.problems


@pytest.mark.parametrize(
    "extra",
    ["../evil.py", "code/x.py", "constants.pkl", "data/0/../1", "data/x", "data.pkl.exe", "data/",
     "sub/data.pkl", "version/x", "data/0\\..\\x", "data/-1", ".data/other", "model.json"],
)  # fmt: skip
def test_unknown_members_are_refused(watched, extra):
    refused(torch_zip(watched / "a.pt", {**GOOD, extra: b"x"}))


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("member", ["data.pkl", "data/0"])
def test_compressed_bombs_are_refused_before_they_unfold(watched, method, member):
    bomb = bytes(16 << 20)
    with zipfile.ZipFile(watched / "a.pt", "w") as archive:
        for name, data in {**GOOD, member: bomb}.items():
            kind = method if name == member else zipfile.ZIP_STORED
            archive.writestr(f"archive/{name}", data, compress_type=kind)
    tracemalloc.start()
    refused(watched / "a.pt")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 << 20


def patched(path, find: bytes, replace: bytes, count: int = -1):
    raw = path.read_bytes()
    assert find in raw
    path.write_bytes(raw.replace(find, replace, count))
    return path


def zip_tricks(folder):
    """Containers that are wrong as containers; yields (what, path)."""
    path = folder / "a.pt"
    base = torch_zip(path, GOOD).read_bytes()

    def made(raw: bytes):
        path.write_bytes(raw)
        return path

    yield "wrong checksum", made(base.replace(FOUR, FOUR[::-1], 1))
    yield "bytes in front", made(b"MZ" + base)
    yield "image in front", made(b"\x89PNG\r\n\x1a\n" + base)
    yield "another zip in front", made(base + base)
    yield "bytes behind", made(base + b"x" * 70_000)
    yield "old layout in front", made(LEGACY_MAGIC + base)
    yield "no directory", made(base[: base.index(b"PK\x01\x02")])
    yield (
        "encrypted",
        made(base.replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01")),
    )
    yield (
        "declared size",
        made(base.replace(struct.pack("<II", 16, 16), struct.pack("<II", 2**30, 2**30))),
    )
    yield "half of it", made(base[: len(base) // 2])
    yield "missing data", torch_zip(path, {"data.pkl": rebuild()})
    yield "data too short", torch_zip(path, {**GOOD, "data/0": FOUR[:12]})
    yield "data too long", torch_zip(path, {**GOOD, "data/0": FOUR * 2})
    yield "no object", torch_zip(path, {"data/0": FOUR})
    yield "other byte order", torch_zip(path, {**GOOD, "byteorder": b"big"})
    yield "bytes behind the object", torch_zip(path, {**GOOD, "data.pkl": rebuild() + b"x"})
    yield "empty zip", made(b"PK\x05\x06" + bytes(18))
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in GOOD.items():
            archive.writestr(f"archive/{name}", data)
        archive.comment = b"hello"
    yield "a comment", path
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("one/data.pkl", rebuild())
        archive.writestr("two/data.pkl", rebuild())
        archive.writestr("one/data/0", FOUR)
    yield "two objects", path
    with zipfile.ZipFile(path, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        for _ in range(2):
            archive.writestr("archive/data.pkl", rebuild())
        archive.writestr("archive/data/0", FOUR)
    yield "the same object twice", path
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", rebuild())
        archive.writestr("data/0", FOUR)
    yield "no folder", path


def test_container_tricks_are_refused(watched):
    tried = []
    for what, path in zip_tricks(watched):
        tried.append(what)
        try:
            # The outline never reads the data, so only the full reader can miss the checksum.
            refused(path, *([pickles.read_pt] if what == "wrong checksum" else []))
        except pytest.fail.Exception as failure:
            raise AssertionError(f"{what} was accepted") from failure
    assert len(tried) >= 20


def test_many_members_over_the_same_bytes_are_refused(watched):
    """A directory may list one stored megabyte a thousand times; the sum tells."""
    path = watched / "a.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", P + b"].")
        archive.writestr("archive/data/0", bytes(1 << 20))
        info = archive.infolist()[1]
        for number in range(1, 1000):
            copy = zipfile.ZipInfo(f"archive/data/{number}")
            for name in ("CRC", "compress_size", "file_size", "header_offset", "external_attr"):
                setattr(copy, name, getattr(info, name))
            archive.filelist.append(copy)
    tracemalloc.start()
    refused(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_a_mountain_of_views_over_little_data_is_refused(watched):
    body = (
        P
        + REBUILD
        + b"q\x00"
        + STORE.replace(b"K\x04tQ", b"J" + struct.pack("<i", 1 << 20) + b"tQ")
        + b"q\x01"
    )
    shape = b"J" + struct.pack("<i", 1 << 20) + b"\x85"
    one = b"h\x00(h\x01K\x00" + shape + b"K\x01\x85\x89" + ORDERED + b"tR"
    many = b"00" and P + body[2:] + b"\x86](" + one * 40 + b"e\x86."
    path = torch_zip(watched / "a.pt", {"data.pkl": many, "data/0": bytes(4 << 20)})
    refused(path)


@pytest.mark.parametrize("tail", [b"", struct.pack("<q", 5) + FOUR, struct.pack("<q", -1) + FOUR,
                                  struct.pack("<q", 4) + FOUR[:-1], struct.pack("<q", 4) + FOUR + b"x"])  # fmt: skip
def test_old_layout_with_wrong_data(watched, tail):
    refused(legacy(watched / "a.pt", rebuild(), ["0"], tail))


@pytest.mark.parametrize("keys", [[], ["1"], ["0", "1"], ["0", "0"], [0], "0", {"0": 1}])
def test_old_layout_with_wrong_keys(watched, keys):
    refused(legacy(watched / "a.pt", rebuild(), keys, struct.pack("<q", 4) + FOUR))


def test_old_layout_with_a_wrong_head(watched):
    path = legacy(watched / "a.pt", rebuild(), ["0"], struct.pack("<q", 4) + FOUR)
    raw = path.read_bytes()
    patched(path, b"\x88", b"\x89", 1)  # little_endian: True → False
    refused(path)
    path.write_bytes(raw.replace(pickle.dumps(1001, protocol=2), pickle.dumps(1002, protocol=2), 1))
    refused(path)
    path.write_bytes(raw.replace(pickle.dumps(1001, protocol=2), CODE["os.system"], 1))
    refused(path)
    for length in range(0, len(raw), 5):
        path.write_bytes(raw[:length])
        refused(path)


def test_files_above_the_limit_are_not_opened(watched):
    path = torch_zip(watched / "a.pt", GOOD)
    with pytest.raises(FileError, match="too large"):
        pickles.read_pt(path, max_bytes=100)


@pytest.mark.parametrize("layout", ["zip", "legacy"])
@pytest.mark.parametrize("protocol", [2, 4])
def test_mutants_end_in_our_errors_or_in_values(watched, layout, protocol, everything):
    value = {"string_to_token": {"*": 265}, "string_to_param": {"*": torch.randn(2, 16)}, "step": 3,
             320: (collections.OrderedDict(w=torch.randn(3)), None), "loss": np.float64(0.5),
             "row": np.arange(4.0), "size": torch.Size([2, 16]), "tags": {"a"}}  # fmt: skip
    path = watched / "good.pt"
    torch.save(
        value, path, _use_new_zipfile_serialization=layout == "zip", pickle_protocol=protocol
    )
    raw = path.read_bytes()
    chance = random.Random(11)
    mutant_path = watched / "mutant.pt"
    refusals = 0
    rounds = 10_000 if everything else 150
    for _ in range(rounds):
        mutant = bytearray(raw)
        for _ in range(chance.choice((1, 1, 2, 8))):
            mutant[chance.randrange(len(raw))] = chance.randrange(256)
        if chance.random() < 0.2:
            del mutant[chance.randrange(len(mutant)) :]
        mutant_path.write_bytes(mutant)
        try:
            pickles.read_pt(mutant_path)
        except StudioError:
            refusals += 1
    print(f"{layout}, protocol {protocol}: {refusals:,} of {rounds:,} mutants refused, 0 others")
    assert refusals > rounds // 3


def old_files(folder):
    """Twelve kinds of genuine old files; yields (path, a check of the value)."""
    vectors = torch.randn(2, 16)

    def saved(name, value, zipped, **options):
        path = folder / name
        torch.save(value, path, _use_new_zipfile_serialization=zipped, **options)
        return path

    table = torch.nn.ParameterDict({"*": torch.nn.Parameter(vectors)})
    states = (collections.OrderedDict(a=vectors), collections.OrderedDict(a=vectors))
    linear = torch.nn.Linear(4, 4)
    for zipped in (False, True):
        kind = "zip" if zipped else "old"
        yield (
            saved(f"{kind}1.pt", {"string_to_param": {"*": vectors}}, zipped),
            lambda v: torch.equal(v["string_to_param"]["*"], vectors),
        )
        yield (
            saved(f"{kind}2.pt", {"string_to_param": table}, zipped),
            lambda v: torch.equal(v["string_to_param"]["*"], vectors),
        )
        yield (
            saved(f"{kind}3.pt", {768: states, "step": 9}, zipped),
            lambda v: torch.equal(v[768][1]["a"], vectors),
        )
        yield saved(f"{kind}4.pt", vectors.half(), zipped), lambda v: v.dtype == torch.float16
        yield (
            saved(f"{kind}5.pt", [torch.nn.Parameter(vectors), vectors.T], zipped),
            lambda v: torch.equal(v[1], vectors.T),
        )
        yield (
            saved(f"{kind}6.bin", linear.state_dict(), zipped),
            lambda v: torch.equal(v["weight"], linear.weight),
        )


@pytest.mark.filterwarnings("ignore")
def test_genuine_old_files_load(watched):
    checked = 0
    for path, good in old_files(watched):
        assert good(pickles.read_pt(path)), path.name
        pickles.read_outline(path)
        checked += 1
    assert checked == 12


def test_tensors_saved_on_a_graphics_card_come_to_the_cpu(watched):
    body = rebuild(store=STORE.replace(text("cpu"), text("cuda:0")))
    value = pickles.read_pt(torch_zip(watched / "a.pt", {**GOOD, "data.pkl": body}))
    assert value.device.type == "cpu"


def test_a1111_refuses_todays_zip_and_takes_our_files(watched):
    value = {"a": torch.ones(2), "b": collections.OrderedDict(c=torch.ones(1).half())}
    torch.save(value, watched / "today.pt")
    assert not pickles.a1111_would_accept(watched / "today.pt")
    ours = pickles.write_pt(watched / "ours.pt", value)
    assert pickles.a1111_would_accept(ours)
    assert not pickles.a1111_would_accept(
        torch_zip(watched / "x.pt", {"data.pkl": CODE["os.system"]})
    )
    bare = watched / "y.pt"
    bare.write_bytes(b"hello")
    assert not pickles.a1111_would_accept(bare)


def test_what_we_write_keeps_sharing_strides_and_types(watched):
    shared = torch.arange(6.0).reshape(2, 3)
    value = {"t": shared.T, "same": shared, "again": shared, "n": None, "l": [1, 2.5, True, "é"],
             "empty": torch.zeros(0, 3), "scalar": torch.tensor(7), "bf": torch.ones(2).bfloat16()}  # fmt: skip
    path = pickles.write_pt(watched / "a.pt", value)
    for back in (pickles.read_pt(path), torch.load(path, weights_only=True)):
        assert back["l"] == value["l"] and back["n"] is None
        for name, tensor in value.items():
            if isinstance(tensor, torch.Tensor):
                assert back[name].dtype == tensor.dtype
                assert torch.equal(back[name], tensor), name
    buffer = io.BytesIO()
    torch.save(torch.arange(1000.0)[:2], buffer)
    path = pickles.write_pt(watched / "b.pt", torch.arange(1000.0)[:2])
    assert path.stat().st_size < 600 < len(buffer.getvalue())


def test_nothing_else_in_the_studio_unpickles():
    """`pickles` is the only door: no other file may load pickles or torch files."""
    root = Path(studio.__file__).parent
    forbidden = (
        "pickle.load",
        "torch.load(",
        "Unpickler",
        "joblib",
        "allow_pickle=True",
        "shelve",
        "marshal.",
    )
    hits = [
        f"{path.name}: {line.strip()}"
        for path in root.rglob("*.py")
        if path.parent.name != "formats"
        for line in path.read_text("utf-8").splitlines()
        # Reading back one's own training state with the library's own guard is allowed.
        if any(word in line for word in forbidden) and "weights_only=True" not in line
    ]
    assert hits == []
