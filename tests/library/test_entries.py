"""One entry for each trained thing: listed, noted, renamed, put into the trash and brought back."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from studio.app import Studio
from studio.core.errors import FileError, InputError, MissingError, StorageError, StudioError
from studio.core.paths import Workspace
from studio.library import entries
from studio.settings.training import RunConfig
from tests import failpoint
from tests.library.test_index import looked, write

Make = Callable[..., RunConfig]


@pytest.fixture
def library(tmp_path: Path) -> Studio:
    return Studio(Workspace(tmp_path / "w"))


def again(studio: Studio) -> Studio:
    """The next start."""
    return Studio(Workspace(studio.workspace.root))


def titles(studio: Studio) -> list[str]:
    return [entry.title for entry in studio.library.entries.all()]


def twin(studio: Studio, name: str, word: str = "word") -> Path:
    """An embedding in two formats, with what programs put beside one."""
    import torch

    from studio.formats import embedding

    path = write(studio.workspace.adapters, name, word)
    embedding.write_a1111(
        path.with_suffix(".pt"), torch.ones(1, 768), name=word, step=1, checkpoint="", checkpoint_name=""
    )  # fmt: skip
    path.with_suffix(".pt.optim").write_bytes(b"optimizer")
    Image.new("RGB", (8, 8)).save(path.with_suffix(".preview.png"))
    return path


def lying(studio: Studio, folder: str = "") -> list[str]:
    return sorted(p.name for p in (studio.workspace.adapters / folder).iterdir() if p.is_file())


def test_two_formats_of_one_thing_are_one_entry(library: Studio) -> None:
    path = twin(library, "one")
    write(library.workspace.adapters, "one.5", "another")
    (entry, other) = library.library.entries.all()
    assert (entry.path, entry.paths) == (path, (path, path.with_suffix(".pt")))
    assert (other.title, other.others) == ("one.5", ())
    looked(library)
    assert [row.path for row in library.library.index.news().changed] == [path, other.path]
    path.unlink()
    assert library.library.entries.entry("one").path == path.with_suffix(".pt")


def test_a_broken_twin_is_a_row_of_its_own(library: Studio) -> None:
    path = write(library.workspace.adapters, "one", "word")
    path.with_suffix(".pt").write_bytes(b"broken")
    found = library.library.entries.all()
    assert {(entry.path.suffix, bool(entry.info.problem)) for entry in found} == {
        (".safetensors", False), (".pt", True)
    }  # fmt: skip


def test_a_run_lends_its_name_to_what_it_trained(studio: Studio, config: Make) -> None:
    run = studio.runs.start(config(method="textual-inversion"))
    state = studio.runs.wait(run)
    assert state.state == "finished", state
    (entry,) = studio.library.entries.all()
    assert (entry.path.name, entry.title) == ("zibbo.safetensors", "my zibbo")
    assert (entry.note.run, entry.info.thumbnail) == (run, True)
    assert studio.library.entries.of_run(run)[0] == entry.path
    second = studio.runs.wait(studio.runs.start(config(method="textual-inversion")))
    found = studio.library.entries.all()
    assert [Path(file).stem for file in second.files] == ["zibbo-2", "zibbo-2"]
    assert sorted(entries.labels(found).values()) == [
        "my zibbo (adapters/zibbo-2.safetensors)", "my zibbo (adapters/zibbo.safetensors)"
    ]  # fmt: skip
    messages = [e.text for e in studio.runs.view(second.run).events if hasattr(e, "text")]
    assert any("“zibbo-2.safetensors”" in text and "another file" in text for text in messages)
    (studio.workspace.root / "library.json").unlink()  # a workspace of an earlier version
    assert titles(again(studio)) == ["my zibbo", "my zibbo"]


def test_a_run_never_takes_the_name_of_a_sample(
    studio: Studio, config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    (studio.library.roots["samples"] / "my-zibbo.safetensors").write_bytes(b"shipped")
    try:
        state = studio.runs.wait(studio.runs.start(config()))
    finally:
        (studio.library.roots["samples"] / "my-zibbo.safetensors").unlink()
    assert [Path(file).name for file in state.files] == ["my-zibbo-2.safetensors"]
    messages = [e.text for e in studio.runs.view(state.run).events if hasattr(e, "text")]
    assert any("a sample that ships is called “my-zibbo”" in text for text in messages)


def test_what_is_noted_survives_a_restart_and_a_move_by_another_program(library: Studio) -> None:
    path = twin(library, "one")
    library.library.notes.change(path, favourite=True, notes="For the calendar.")
    twin(library, "two", "other")
    folder = library.workspace.adapters / "deep"
    folder.mkdir()
    path.rename(folder / "renamed.safetensors")
    later = again(library)
    note = {e.title: e.note for e in later.library.entries.all()}["renamed"]
    assert (note.favourite, note.notes) == (True, "For the calendar.")
    (folder / "renamed.safetensors").rename(folder / "third.safetensors")
    looked(later)
    looked(later)
    found = later.library.index.entry(str(folder / "third.safetensors"))
    assert found is not None and found.note.favourite


def test_notes_that_cannot_be_read_stay_and_are_spoken_of(library: Studio) -> None:
    path = write(library.workspace.adapters, "one", "word")
    file = library.workspace.root / "library.json"
    file.write_text("{")
    assert titles(library) == ["one"]
    for change in (
        lambda: library.library.notes.change(path, favourite=True),
        lambda: library.library.trash.put(library.library.entries.entry("one")),
        lambda: library.library.entries.move(library.library.entries.entry("one"), "two"),
    ):
        with pytest.raises(FileError, match="notes of the library"):
            change()
    assert file.read_text() == "{" and path.is_file()


def test_notes_that_cannot_be_read_stop_no_run(studio: Studio, config: Make) -> None:
    (studio.workspace.root / "library.json").write_text("{")
    state = studio.runs.wait(studio.runs.start(config()))
    assert (state.state, len(state.files)) == ("finished", 1), state
    assert (studio.workspace.root / "library.json").read_text() == "{"


def test_notes_of_a_newer_version_are_kept(library: Studio) -> None:
    path = write(library.workspace.adapters, "one", "word")
    file = library.workspace.root / "library.json"
    table = {"adapters/one.safetensors": {"stars": 5, "favourite": "?"}, "adapters/odd": 7}
    file.write_text(json.dumps({"version": 9, "files": table}))
    library.library.notes.change(path, notes="mine")
    kept = json.loads(file.read_text())["files"]
    assert kept["adapters/odd"] == 7
    assert (kept["adapters/one.safetensors"]["stars"], kept["adapters/one.safetensors"]["notes"]) == (5, "mine")  # fmt: skip


def test_two_studios_note_at_once(library: Studio) -> None:
    from concurrent.futures import ThreadPoolExecutor

    paths = [write(library.workspace.adapters, f"n{k}", "word") for k in range(12)]
    studios = [again(library) for _ in range(3)]
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(
            lambda k: studios[k % 3].library.notes.change(paths[k], favourite=True), range(12)
        ))  # fmt: skip
    assert all(entry.note.favourite for entry in again(library).library.entries.all())


def test_renaming_takes_everything_along(library: Studio) -> None:
    store = library.library.entries
    twin(library, "one")
    library.library.notes.change(store.entry("one").path, favourite=True, name="my run", run="r")
    other = write(library.workspace.adapters, "one.5", "another")
    moved = store.move(store.entry("one"), " Zoë at sea.safetensors ")
    assert lying(library) == [
        "Zoë at sea.preview.png", "Zoë at sea.pt", "Zoë at sea.pt.optim", "Zoë at sea.safetensors",
        other.name,
    ]  # fmt: skip
    assert (moved.title, moved.note.favourite, moved.note.run) == ("Zoë at sea", True, "r")
    moved = store.move(moved, folder="by the/sea")
    assert (moved.where, moved.folder) == (
        "adapters/by the/sea/Zoë at sea.safetensors",
        "by the/sea",
    )
    assert lying(library) == [other.name] and moved.note.favourite
    assert store.of_run("r") == [moved.path]
    assert store.move(moved, folder="").folder == ""


@pytest.mark.parametrize(
    "name", ["", "  ", ".", "..", "a/b", "a\\b", "a:b", "<x>", ".hidden", "x" * 300, "nul", "a\nb"]
)
def test_names_that_cannot_be(library: Studio, name: str) -> None:
    path = write(library.workspace.adapters, "one", "word")
    with pytest.raises(InputError):
        library.library.entries.move(library.library.entries.entry("one"), name)
    assert path.is_file()


@pytest.mark.parametrize("folder", ["..", "a/../..", "a//b", ".hidden", "a/.b", "C:/x"])
def test_folders_that_cannot_be(library: Studio, folder: str) -> None:
    path = write(library.workspace.adapters, "one", "word")
    with pytest.raises(InputError):
        library.library.entries.move(library.library.entries.entry("one"), folder=folder)
    assert path.is_file()


def test_nothing_is_written_over(library: Studio) -> None:
    twin(library, "one")
    (library.workspace.adapters / "two.pt.optim").write_bytes(b"another's")
    before = lying(library)
    with pytest.raises(InputError, match=r"two\.pt\.optim"):
        library.library.entries.move(library.library.entries.entry("one"), "two")
    assert lying(library) == before


def test_a_move_that_fails_halfway_is_taken_back(library: Studio) -> None:
    twin(library, "one")
    before, moves = lying(library), 0

    def reached(operation: str, path: Path) -> None:
        nonlocal moves
        moves += operation == "move"
        if operation == "move" and moves == 3:
            raise OSError(5, "the disk refused")

    failpoint.reached = reached
    with pytest.raises(StorageError):
        library.library.entries.move(library.library.entries.entry("one"), "two")
    failpoint.reached = None
    assert lying(library) == before


def test_samples_stay_as_they_are(library: Studio) -> None:
    sample = write(library.library.roots["samples"], "shipped", "word")
    try:
        entry = library.library.entries.entry("shipped")
        assert entry.sample
        library.library.notes.change(entry.path, favourite=True)
        assert library.library.entries.entry("shipped").note.favourite
        with pytest.raises(InputError, match="sample"):
            library.library.entries.own("shipped")
    finally:
        sample.unlink()


def test_trash_and_back(library: Studio) -> None:
    store, trash = library.library.entries, library.library.trash
    twin(library, "one")
    entry = store.move(store.entry("one"), folder="deep")
    library.library.notes.change(entry.path, favourite=True, notes="mine")
    before = lying(library, "deep")
    gone = trash.put(store.own("one"))
    assert lying(library, "deep") == [] and titles(library) == []
    assert (gone.title, gone.where) == ("one", "adapters/deep")
    write(library.workspace.adapters / "deep", "one", "another")
    later = again(library)
    assert later.library.trash.all() == [gone]
    back = later.library.trash.restore(gone.id)
    assert back.path.name == "one-2.safetensors", "the next free name"
    assert (back.note.favourite, back.note.notes) == (True, "mine")
    assert {name.replace("one-2", "one") for name in lying(library, "deep")} == set(before)
    assert later.library.trash.all() == []
    with pytest.raises(MissingError):
        later.library.trash.restore(gone.id)


@pytest.mark.parametrize("identity", ["", "..", "../adapters", "nothing", "a/b", "\0"])
def test_only_what_is_in_the_trash_is_restored(library: Studio, identity: str) -> None:
    with pytest.raises(StudioError):
        library.library.trash.restore(identity)


def test_a_record_in_the_trash_leads_nowhere_else(library: Studio, tmp_path: Path) -> None:
    write(library.workspace.adapters, "one", "word")
    gone = library.library.trash.put(library.library.entries.entry("one"))
    record = library.workspace.trash / gone.id / "library-entry.json"
    for changed in ({"folder": "../.."}, {"root": "/etc"}, {"files": ["../../x"]}):
        record.write_text(json.dumps({**json.loads(record.read_text()), **changed}))
        with pytest.raises(StudioError):
            library.library.trash.restore(gone.id)
    record.write_text("{")
    assert library.library.trash.all() == []


def test_dying_while_moving_into_the_trash_loses_nothing(library: Studio) -> None:
    twin(library, "one")
    before = lying(library)
    moved = 0
    real = os.rename

    def dying(*given: object, **named: object) -> None:
        nonlocal moved
        moved += 1
        if moved == 3:
            raise KeyboardInterrupt
        real(*given, **named)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "rename", dying)
        with pytest.raises(KeyboardInterrupt):
            library.library.trash.put(library.library.entries.entry("one"))
    assert lying(library) != before
    (gone,) = again(library).library.trash.all()
    again(library).library.trash.restore(gone.id)
    assert lying(library) == before


def test_a_whole_model_is_an_entry_too(studio: Studio, config: Make) -> None:
    run = studio.runs.start(config(method="dreambooth"))
    assert studio.runs.wait(run).state == "finished"
    store, trash = studio.library.entries, studio.library.trash
    entry = store.own("my-zibbo")
    assert (entry.note.run, entry.title) == (run, "my zibbo")
    gone = trash.put(entry)
    assert [path.name for path in studio.workspace.bases.iterdir()] == ["tiny"]
    entry = trash.restore(gone.id)
    assert (entry.path.parent.name, entry.note.run) == ("my-zibbo", run)
    entry = store.move(entry, "sea")
    assert entry.path == studio.workspace.bases / "sea" / "sea.safetensors"
    assert entry.path.with_name("model_index.json").is_file()
    assert store.of_run(run) == [entry.path]
    with pytest.raises(InputError, match="whole model"):
        store.move(entry, folder="deep")


def test_names_for_fields_mean_one_file(library: Studio) -> None:
    for folder in ("", "deep"):
        (library.workspace.adapters / folder).mkdir(exist_ok=True)
        write(library.workspace.adapters / folder, "one", f"word {folder}")
    write(library.workspace.adapters, "two", "word")
    names = entries.names(library.library.entries.all())
    assert names == ["adapters/deep/one.safetensors", "adapters/one.safetensors", "two.safetensors"]
    assert len({library.library.adapter_path(name) for name in names}) == 3


def test_single_changes_are_told_without_looking_at_the_rest(library: Studio) -> None:
    paths = [write(library.workspace.adapters, name, name) for name in ("one", "two")]
    looked(library)
    index, store = library.library.index, library.library.entries
    known = index.news()
    library.library.notes.change(paths[0], favourite=True)
    moved = store.move(store.entry("one"), "three")
    index.again(paths[0], moved.path)
    news = index.news(known.epoch, known.version)
    assert [entry.title for entry in news.changed] == ["three"]
    assert news.gone == [str(paths[0])]
    (library.workspace.adapters / "deep").mkdir()
    write(library.workspace.adapters / "deep", "two", "x")
    looked(library)
    entry = index.entry(str(paths[1]))
    assert entry is not None and index.label(entry) == "two (adapters/two.safetensors)"


def test_a_thumbnail_that_somebody_chose_lies_beside_the_file(
    library: Studio, tmp_path: Path
) -> None:
    write(library.workspace.adapters, "one", "word")
    Image.new("RGB", (900, 300), "red").save(tmp_path / "big.png")
    entry = library.library.entries.own("one")
    made = library.library.choose_thumbnail(entry, tmp_path / "big.png")
    with Image.open(made) as image:
        assert image.size == (512, 171)
    assert library.library.entries.entry("one").info.preview == made
