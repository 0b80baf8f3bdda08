"""What a browser may ask of the library's entries, and what it gets for nonsense."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from studio.app import Studio
from studio.core.access import Access
from studio.core.errors import InputError, MissingError, StudioError
from studio.core.names import printable
from studio.core.paths import Workspace
from studio.library import header_cache
from studio.settings.training import RunConfig
from studio.ui.components.columns import run_adapter
from studio.ui.components.library_entry import LibraryEntry
from studio.ui.components.run_view import RunView
from studio.ui.live import Page
from tests.library.test_index import looked, write
from tests.workspaces import config, studio

__all__ = ["config", "studio"]
Make = Callable[..., RunConfig]


@pytest.fixture
def small(tmp_path: Path) -> Studio:
    return Studio(Workspace(tmp_path / "w"))


def asked(studio: Studio) -> LibraryEntry:
    looked(studio)
    return LibraryEntry(studio, Page(studio))


def test_only_rows_that_were_sent_are_entries(small: Studio, tmp_path: Path) -> None:
    outside = write(tmp_path, "outside", "word")
    entry = asked(small)
    for path in (str(outside), "/etc/passwd", "../outside.safetensors", "", 7, None):
        for function in (entry.about, entry.discard):
            with pytest.raises(StudioError):
                function({"path": path})
    assert outside.is_file()


def test_a_link_out_of_the_workspace_is_not_changed_over_a_link(
    small: Studio, tmp_path: Path
) -> None:
    outside = write(tmp_path, "outside", "word")
    link = small.workspace.adapters / "inside.safetensors"
    link.symlink_to(outside)
    entry = asked(small)
    small.workspace.access = Access.over_a_link()
    with pytest.raises(InputError):
        entry.rename({"path": str(link), "name": "other", "folder": ""})
    small.workspace.access = Access()
    moved = entry.rename({"path": str(link), "name": "other", "folder": ""})
    assert Path(moved).is_symlink() and outside.is_file(), "the link moves, not what it means"


def test_a_star_and_notes_read_no_other_file(
    small: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [write(small.workspace.adapters, f"{k:03}", "word") for k in range(60)]
    entry = asked(small)
    known = small.library.index.news()

    def opened(*_: Any, **__: Any) -> Any:
        raise AssertionError("a header was read")

    monkeypatch.setattr(header_cache, "inspect", opened)
    asks: list[Path] = []
    real = small.library.adapter

    def counted(path: Path) -> Any:
        asks.append(path)
        return real(path)

    monkeypatch.setattr(small.library, "adapter", counted)
    entry.favourite({"path": str(paths[7]), "value": True})
    entry.note({"path": str(paths[7]), "notes": "  mine "})
    news = small.library.index.news(known.epoch, known.version)
    assert [(e.path, e.note.favourite, e.note.notes) for e in news.changed] == [
        (paths[7], True, "mine")
    ]
    assert set(asks) == {paths[7]}
    with pytest.raises(InputError, match="10,000"):
        entry.note({"path": str(paths[7]), "notes": "x" * 10_001})


def test_names_that_are_no_unicode(small: Studio) -> None:
    path = write(small.workspace.adapters, os.fsdecode(b"caf\xe9"), "word")
    entry = asked(small)
    shown = printable(path)
    entry.favourite({"path": shown, "value": True})
    moved = entry.rename({"path": shown, "name": printable(path.stem), "folder": "deep"})
    gone = entry.discard({"path": moved})
    back = entry.restore({"id": gone["id"]})
    assert back["path"] == moved and entry.about({"path": moved})["folder"] == "deep"
    (found,) = small.library.entries.all()
    assert found.note.favourite and found.path.name == path.name


def test_a_run_knows_its_file_under_another_name(studio: Studio, config: Make) -> None:
    run = studio.runs.wait(studio.runs.start(config()))
    entry = asked(studio)
    (known,) = studio.library.entries.all()
    about = entry.about({"path": str(known.path)})
    assert (about["title"], about["run"]) == ("my zibbo", {"id": run.run, "name": "my zibbo"})
    moved = entry.rename({"path": str(known.path), "name": "sea", "folder": "deep"})
    view = RunView(studio, Page(studio))
    state = view.view({"run": run.run, "since": 0})["state"]
    assert [file["path"] for file in state["files"]] == [moved]
    assert run_adapter(studio, run) == Path(moved)
    entry.thumbnail({"path": moved, "file": about["samples"][0]["file"]})
    with pytest.raises(InputError):
        entry.thumbnail({"path": moved, "file": "../../../../etc/passwd"})
    (found,) = studio.library.entries.all()
    assert found.info.preview is not None and found.title == "sea"
    entry.discard({"path": moved})
    assert view.view({"run": run.run, "since": 0})["state"]["files"] == []


def test_a_checkpoint_becomes_one_file(studio: Studio, config: Make) -> None:
    run = studio.runs.wait(studio.runs.start(config("train.steps=4", "save.keep=9"))).run
    view = RunView(studio, Page(studio))
    assert view.view({"run": run, "since": 0})["checkpoints"] == [2, 4]
    first = view.use_checkpoint({"run": run, "step": 2})
    assert (Path(first["path"]).name, first["base"]) == ("my-zibbo-2.safetensors", "tiny")
    assert view.use_checkpoint({"run": run, "step": 2}) == first, "found again"
    entry = studio.library.entries.entry(Path(first["path"]))
    assert (entry.title, entry.note.run) == ("my zibbo, step 2", run)
    assert entry.info.preview is not None, "the sample of that step"
    for step in (3, -1, 10**9):
        with pytest.raises(MissingError, match="no checkpoint"):
            view.use_checkpoint({"run": run, "step": step})
    model = studio.runs.wait(studio.runs.start(config(method="dreambooth"))).run
    assert view.view({"run": model, "since": 0})["checkpoints"] == []
    with pytest.raises(InputError, match="whole models"):
        view.use_checkpoint({"run": model, "step": 2})
