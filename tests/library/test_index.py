"""The library of adapters in the background: what it tells, and that headers are read only once."""

from __future__ import annotations

import json
import os
import struct
import threading
from pathlib import Path
from typing import Any

import pytest

from studio.app import Studio
from studio.core.paths import Workspace
from studio.library import header_cache as headers_module
from studio.library import index as index_module


def write(folder: Path, name: str, word: str, **facts: str) -> Path:
    """An embedding of a few bytes."""
    header = {
        "__metadata__": {**facts, "modelspec.trigger_phrase": word},
        "emb_params": {"dtype": "F16", "shape": [1, 768], "data_offsets": [0, 1536]},
    }
    text = json.dumps(header).encode()
    path = folder / f"{name}.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(1536))
    return path


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(Workspace(tmp_path / "w"))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every header that is read from here on."""
    seen: list[Path] = []
    inspect = headers_module.inspect

    def counted(path: Path, **options: Any) -> Any:
        seen.append(path)
        return inspect(path, **options)

    monkeypatch.setattr(headers_module, "inspect", counted)
    return seen


def looked(studio: Studio) -> None:
    studio.library.index.look()
    studio.library.index.wait()


def test_a_header_is_read_once_and_again_when_the_file_changes(
    studio: Studio, read: list[Path]
) -> None:
    paths = [write(studio.workspace.adapters, name, name) for name in ("one", "two")]
    looked(studio)
    assert read == paths
    looked(studio)
    again = Studio(studio.workspace)
    looked(again)
    assert [info.trigger for info in again.library.adapters()] == ["one", "two"]
    assert read == paths, "remembered on disk, by a second studio too"
    write(studio.workspace.adapters, "two", "other")
    os.utime(paths[1], (1, 1))
    looked(again)
    assert read == [*paths, paths[1]]
    found = again.library.index.entry(str(paths[1]))
    assert found is not None and found.info.trigger == "other"


def test_a_broken_memory_is_found_again_and_what_is_gone_is_forgotten(
    studio: Studio, read: list[Path]
) -> None:
    memory = studio.workspace.cache / "headers.json"
    path = write(studio.workspace.adapters, "one", "one")
    for broken in ("{", "[]", '{"layout": 0}', '{"layout": "x", "files": {"a": 1}}'):
        memory.write_text(broken)
        looked(Studio(studio.workspace))
    assert len(read) == 4
    looked(studio)
    assert str(path) in memory.read_text()
    path.unlink()
    looked(studio)
    assert str(path) not in memory.read_text()
    assert studio.library.index.news("", 0).changed == []


def test_news_come_in_portions_and_only_once(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "PORTION", 2)
    for name in "abcde":
        write(studio.workspace.adapters, name, name)
    looked(studio)
    names, epoch, since, more = [], "", 0, True
    while more:
        news = studio.library.index.news(epoch, since)
        assert len(news.changed) <= 2
        names += [entry.title for entry in news.changed]
        epoch, since, more = news.epoch, news.version, news.more
    assert names == list("abcde")
    assert studio.library.index.news(epoch, since).changed == []
    write(studio.workspace.adapters, "f", "f")
    (studio.workspace.adapters / "a.safetensors").unlink()
    looked(studio)
    news = studio.library.index.news(epoch, since)
    assert [entry.title for entry in news.changed] == ["f"]
    assert [Path(path).stem for path in news.gone] == ["a"]
    assert len(studio.library.index.news("of another start", news.version).changed) == 2


def test_a_page_is_answered_while_headers_are_read(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(studio.workspace.adapters, "one", "one")
    write(studio.workspace.adapters, "two", "two")
    reached, go_on = threading.Event(), threading.Event()
    adapter = studio.library.adapter

    def slow(path: Path) -> Any:
        if path.stem == "two":
            reached.set()
            assert go_on.wait(20)
        return adapter(path)

    monkeypatch.setattr(studio.library, "adapter", slow)
    studio.library.index.look()
    assert reached.wait(20)
    news = studio.library.index.news("", 0)
    assert (news.looking, news.done, news.total) == (True, 1, 2)
    assert [entry.title for entry in news.changed] == ["one"]
    studio.library.index.look()  # asked meanwhile: it looks once more afterwards
    go_on.set()
    studio.library.index.wait()
    assert [entry.title for entry in studio.library.index.news("", 0).changed] == ["one", "two"]


def test_a_header_of_many_and_of_long_texts_keeps_the_names_and_fits_the_list(
    studio: Studio,
) -> None:
    captions = {f"a{n:04}.png": f"caption {n}" for n in range(700)}
    stated = {
        "ss_output_name": "zork",
        "ss_sd_model_name": "b" * 50_000,
        "ss_sd_model_hash": "0" * 64,
    }
    path = write(studio.workspace.adapters, "many", "a cat, " * 1_000_000, **captions, **stated)
    info = studio.library.adapter(path)
    assert info.names == ("zork",)
    assert info.trigger == ("a cat, " * 1_000)[:2_000]
    studio.library.headers.save()
    memory = studio.workspace.cache / "headers.json"
    assert memory.stat().st_size < 10_000
    ((*_, facts),) = json.loads(memory.read_text())["files"].values()
    assert facts["base_hash"] == "0" * 64
