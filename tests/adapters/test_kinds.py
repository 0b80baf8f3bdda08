"""A kind of file is one row: recognised, labelled, imported, read, and opened no more than needed."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from studio.adapters.base import Adapter, Attachment, Report
from studio.adapters.cache import AdapterCache
from studio.adapters.loading import load_adapter
from studio.adapters.stack import applied
from studio.core.errors import FileError
from studio.core.paths import Workspace
from studio.families.base import Base
from studio.formats import aesthetic, embedding, kinds, safetensors_file
from studio.formats.file_report import FileReport, Outline
from studio.formats.inspect import inspect
from studio.formats.kinds import KINDS, FileKind
from studio.formats.sniff import Content
from studio.library.files import LibraryFiles
from studio.settings.training import StackItem
from tests.loras import write_lora
from tests.tiny import write_tiny_lora

_watched: Counter[str] | None = None


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watched is not None and event == "open" and isinstance(arguments[0], (str, Path)):
        _watched[str(arguments[0])] += 1


sys.addaudithook(_hook)


@contextmanager
def opened() -> Iterator[Counter[str]]:
    """Inside, counts by path how often each file is opened, by whomever."""
    global _watched
    _watched = Counter()
    try:
        yield _watched
    finally:
        _watched = None


# The one file of a made-up kind: what tells it, and what it does to a base.


def recognise_dimmer(outline: Outline, report: FileReport) -> bool:
    report.dialect = "dimmer" if "dim" in outline.shapes else report.dialect
    return "dim" in outline.shapes


class Dimmer(Adapter):
    """Multiplies the UNet's first layer by one number."""

    kind = "dimmer"

    def __init__(self, path: Path, factor: float) -> None:
        self.path, self.name, self.size, self.info = path, path.stem, 4, {}
        self.factor = factor

    @staticmethod
    def read(path: str | Path, content: Content | None = None) -> Dimmer:
        assert content == "safetensors", "it is passed on"
        tensors, _ = safetensors_file.read_tensors(path)
        return Dimmer(Path(path), float(tensors["dim"]))

    def attach(self, work: Attachment, strength: float, text_strength: float) -> Report:
        layer = work.base.denoiser.conv_in
        change = layer.weight.detach() * (self.factor - 1)
        work.change(layer, "weight", change, strength, self.name)
        return Report(self.path, self.kind, 1)


ROW = FileKind(
    "dimmer", "Dimmer", "a dimmer", recognise_dimmer, f"{__name__}:Dimmer", called_by_name=True
)


@pytest.fixture
def dimmer(tmp_path: Path) -> Path:
    path = tmp_path / "half.safetensors"
    return safetensors_file.write(path, {"dim": torch.tensor(0.5)}, {})


def test_a_new_kind_is_one_row(
    sd1: Base, dimmer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert inspect(dimmer).kind != "dimmer"
    monkeypatch.setattr(kinds, "KINDS", [ROW, *KINDS])
    assert (inspect(dimmer).kind, inspect(dimmer).dialect) == ("dimmer", "dimmer")
    library = LibraryFiles(Workspace(tmp_path / "workspace"))
    info = library.import_adapter(dimmer, "half.safetensors")
    assert info.usable and info.problem is None and info.trigger_word == "half"
    assert (kinds.title(info.kind), kinds.phrase(info.kind)) == ("Dimmer", "a dimmer")
    assert [one.kind for one in library.adapters() if one.path == info.path] == ["dimmer"]
    assert isinstance(load_adapter(info.path), Dimmer)
    before = sd1.denoiser.conv_in.weight.detach().clone()
    with applied(sd1, [StackItem(path=str(info.path))]) as reports:
        assert reports[0].kind == "dimmer"
        assert torch.allclose(sd1.denoiser.conv_in.weight, before / 2)
    assert torch.equal(sd1.denoiser.conv_in.weight, before)


def test_every_row_is_whole() -> None:
    assert len({row.name for row in KINDS}) == len(KINDS)
    for row in KINDS:
        assert row.title and row.phrase.split()[0] in ("a", "an")
        assert kinds.find(row.name) is row
        if row.adapter:
            module, _, name = row.adapter.partition(":")
            found = getattr(__import__(module, fromlist=[name]), name)
            assert issubclass(found, Adapter) and found.kind == row.name


def test_a_vae_is_known_and_belongs_elsewhere(tmp_path: Path) -> None:
    tensors = {
        f"{part}.{name}.weight": torch.ones(2)
        for part in ("encoder", "decoder")
        for name in ("conv_in", "conv_out", "mid_block.attentions.0.to_q")
    }
    path = safetensors_file.write(tmp_path / "x.safetensors", tensors, {})
    assert (inspect(path).kind, inspect(path).dialect) == ("vae", "diffusers")
    library = LibraryFiles(Workspace(tmp_path / "workspace"))
    with pytest.raises(FileError, match="not an adapter") as caught:
        library.import_adapter(path, "x.safetensors")
    assert caught.value.why == "It is a VAE." and "“vae”" in str(caught.value.remedy)
    with pytest.raises(FileError, match="cannot be put on a stack"):
        load_adapter(path)


def test_what_was_found_is_passed_on(sd1: Base, tmp_path: Path) -> None:
    """A dropped file is looked into, hashed and copied; on the stack looked into and read."""
    dropped = write_tiny_lora(tmp_path / "mine.safetensors", sd1)
    library = LibraryFiles(Workspace(tmp_path / "workspace"))
    with opened() as counts:
        info = library.import_adapter(dropped, "mine.safetensors")
    assert (counts[str(dropped)], counts[str(info.path)]) == (3, 0)
    with opened() as counts:
        library.adapters()
        library.adapter(info.path)
    assert counts[str(info.path)] == 0
    with opened() as counts:
        cache = AdapterCache()
        adapter = load_adapter(info.path, cache)
        load_adapter(info.path, cache)
    assert counts[str(info.path)] == 2  # looked into, and read
    with opened() as counts:
        assert adapter.short_hash
    assert counts[str(info.path)] == 1


@pytest.mark.parametrize("kind", ["lora", "embedding", "aesthetic"])
def test_a_report_that_is_there_saves_a_look(kind: str, sd1: Base, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    if kind == "lora":
        write_tiny_lora(path, sd1)
    elif kind == "embedding":
        embedding.write_kohya(path, torch.randn(2, 32))
    else:
        path = aesthetic.write(tmp_path / "x.pt", torch.randn(32))
    report = inspect(path)
    with opened() as counts:
        assert load_adapter(path, report=report).kind == kind
    assert counts[str(path)] == 1


def test_hashes_are_taken_in_one_reading(tmp_path: Path) -> None:
    path = write_lora(tmp_path / "x.safetensors", [])
    with opened() as counts:
        safetensors_file.file_hashes(path, 8)
    assert counts[str(path)] == 1
