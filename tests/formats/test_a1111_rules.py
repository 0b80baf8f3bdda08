"""Every `.pt` the studio writes passes the strict loader of A1111's web UI.

The rules are written down here once more, apart from `studio.formats`, so that one wrong idea of
them cannot confirm itself: which classes a pickle may name, how storages may be named, which zip
members there may be, and five pickles in a file of the old layout.
"""

from __future__ import annotations

import collections
import pickle
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from studio.formats import aesthetic, embedding, hypernetwork, pickles
from tests.formats.builders import hypernetwork_state, torch_zip

STORAGES = {"FloatStorage", "HalfStorage", "IntStorage", "LongStorage", "DoubleStorage",
            "ByteStorage", "float32", "BFloat16Storage"}  # fmt: skip
REBUILD = {"_rebuild_tensor_v2", "_rebuild_parameter", "_rebuild_device_tensor_from_numpy"}


class Refused(Exception):
    """The strict loader would not open this file."""


class StrictUnpickler(pickle.Unpickler):
    """Names allowed by A1111; storages stay empty, for only the names are judged."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if module == "torch._utils" and name in REBUILD:
            return lambda *_: torch.zeros(1)
        if module == "torch" and name in STORAGES:
            return getattr(torch, name)
        raise Refused(f"{module}.{name}")

    def persistent_load(self, saved_id: Any) -> Any:
        if saved_id[0] != "storage":
            raise Refused(str(saved_id))
        return None


def strict_check(path: Path) -> None:
    """Raises Refused or a pickle error for what A1111 does not open."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            for name in names:
                if not re.fullmatch(r"[^/]+/(data/\d+|version|data\.pkl)", name):
                    raise Refused(name)
            (inside,) = [name for name in names if name.endswith("/data.pkl")]
            with archive.open(inside) as file:
                StrictUnpickler(file).load()
        return
    with open(path, "rb") as file:
        for _ in range(5):
            StrictUnpickler(file).load()


def write_embedding(path: Path) -> Path:
    return embedding.write_a1111(
        path, torch.randn(3, 8), name="cat", step=7, checkpoint="0123456789", checkpoint_name="v1"
    )


def _hypernetwork(path: Path, second: int = 1, **settings: Any) -> Path:
    """`second` is the place of the second layer, which a dropout before it moves."""
    state = {
        key.replace("linear.1", f"linear.{second}"): tensor
        for key, tensor in hypernetwork_state(8).items()
    }
    file = hypernetwork.HypernetworkFile(path, {8: (state, dict(state))}, **settings)
    return hypernetwork.write_pt(path, file)


def write_optimizer(path: Path) -> Path:
    made = _hypernetwork(path)
    weights = [torch.nn.Parameter(torch.randn(4)) for _ in range(3)]
    optimizer = torch.optim.AdamW(weights)
    sum(weight.sum() for weight in weights).backward()
    optimizer.step()
    return hypernetwork.write_optimizer(made, "AdamW", optimizer.state_dict())


def write_dropout(path: Path) -> Path:
    return _hypernetwork(
        path, 2, use_dropout=True, last_layer_dropout=True, name="cat", optional_info="text"
    )


def write_aesthetic(path: Path) -> Path:
    return aesthetic.write(path, torch.randn(16).half())


WRITERS: dict[str, Callable[[Path], Path]] = {
    "embedding": write_embedding,
    "hypernetwork": _hypernetwork,
    "hypernetwork with dropout": write_dropout,
    "optimizer": write_optimizer,
    "aesthetic": write_aesthetic,
}


@pytest.mark.parametrize("kind", WRITERS)
def test_what_we_write_is_accepted(tmp_path: Path, kind: str) -> None:
    path = WRITERS[kind](tmp_path / "x.pt")
    strict_check(path)
    assert pickles.a1111_would_accept(path), "our own check agrees"
    assert torch.load(path, weights_only=True) is not None, "and torch reads it"


def test_every_writer_of_pickles_is_on_the_list() -> None:
    """A new `.pt` in `studio.formats` has to come here."""
    folder = Path(pickles.__file__).parent
    users = {
        path.stem for path in folder.glob("*.py")
        if re.search(r"\bwrite_pt\(", path.read_text("utf-8"))
    }  # fmt: skip
    assert users == {"aesthetic", "embedding", "hypernetwork", "pickle_write"}
    calls = sum(
        len(re.findall(r"pickles\.write_pt\(", path.read_text("utf-8")))
        for path in folder.glob("*.py")
    )
    assert calls == 4


def _members(**more: bytes) -> dict[str, bytes]:
    body = pickle.dumps({"a": 1}, protocol=2)
    return {
        "data.pkl": body,
        "version": b"3\n",
        **{k.replace("__", "/"): v for k, v in more.items()},
    }


OFFENDERS: dict[str, Callable[[Path], object]] = {
    "today's zip": lambda path: torch.save({"a": torch.ones(2)}, path),
    "a foreign member": lambda path: torch_zip(path, _members(extra=b"x")),
    "a foreign class": lambda path: torch.save(
        {"a": Path("x")}, path, _use_new_zipfile_serialization=False
    ),
    "a type of tensor it has no name for": lambda path: torch.save(
        torch.ones(2, dtype=torch.bool), path, _use_new_zipfile_serialization=False
    ),
    "a file cut short": lambda path: path.write_bytes(
        write_embedding(path.with_name("whole.pt")).read_bytes()[:60]
    ),
}


@pytest.mark.parametrize("name", OFFENDERS)
def test_both_checks_see_an_offender(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.pt"
    OFFENDERS[name](path)
    with pytest.raises((Refused, EOFError, pickle.UnpicklingError)):
        strict_check(path)
    assert not pickles.a1111_would_accept(path)


def test_an_old_zip_passes_both(tmp_path: Path) -> None:
    path = torch_zip(tmp_path / "x.pt", _members(data__0=b"x"))
    strict_check(path)
    assert pickles.a1111_would_accept(path)
