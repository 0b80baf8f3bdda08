"""One run, one file: written again in its own place, never over another run's."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from studio.app import Studio
from studio.core import atomic
from studio.core.errors import Interrupted
from studio.library import keeping
from studio.runs.worker import Worker
from studio.settings.training import RunConfig
from tests import failpoint
from tests.runs.test_runs import reach

Make = Callable[..., RunConfig]
Kept = dict[str, list[str]]


def written(
    folder: Path, text: str, endings: tuple[str, ...] = (".safetensors", ".pt")
) -> list[Path]:
    return [atomic.write_text(folder / f"k{ending}", text + ending) for ending in endings]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_run_that_writes_again_replaces_its_own(tmp_path: Path) -> None:
    mine: Kept = {}
    for text in ("stopped", "finished", "finished once more"):
        places = keeping.keep(tmp_path / "a", written(tmp_path / "run", text), mine, mine.update)
        assert [path.name for path in places] == ["k.safetensors", "k.pt"]
        assert places[0].read_text() == text + ".safetensors"
    assert names(tmp_path / "a") == ["k.pt", "k.safetensors"]


def test_anothers_file_of_the_name_stays(tmp_path: Path) -> None:
    atomic.write_text(tmp_path / "a" / "k.pt", "somebody else's")
    mine: Kept = {}
    for text in ("stopped", "finished"):
        places = keeping.keep(tmp_path / "a", written(tmp_path / "run", text), mine, mine.update)
        assert [path.name for path in places] == ["k-2.safetensors", "k-2.pt"]
    assert (tmp_path / "a" / "k.pt").read_text() == "somebody else's"
    atomic.write_text(tmp_path / "a" / "k-2.pt", "put there by hand instead")
    places = keeping.keep(tmp_path / "a", written(tmp_path / "run", "again"), mine, mine.update)
    assert places[0].name == "k-3.safetensors"
    assert (tmp_path / "a" / "k-2.pt").read_text() == "put there by hand instead"


def test_it_dies_between_any_two_operations_and_finds_its_own(tmp_path: Path) -> None:
    """The note comes first, so even half-written sets are known as one's own afterwards."""
    count, died = 0, True
    while died:
        count, died, seen = count + 1, False, 0
        a, run, mine = (
            tmp_path / str(count) / "a",
            tmp_path / str(count) / "run",
            dict[str, list[str]](),
        )
        keeping.keep(a, written(run, "stopped"), mine, mine.update)

        def reached(operation: str, path: Path, last: int = count) -> None:
            nonlocal seen
            seen += 1
            if seen == last:
                raise KeyboardInterrupt

        failpoint.reached = reached
        try:
            keeping.keep(a, written(run, "finished"), mine, mine.update)
        except KeyboardInterrupt:
            died = True
        failpoint.reached = None
        keeping.keep(a, written(run, "resumed"), mine, mine.update)
        assert names(a) == ["k.pt", "k.safetensors"]
        assert {path.read_text().split(".")[0] for path in a.iterdir()} == {"resumed"}
    assert count > 10


def test_two_that_finish_at_once_both_keep_theirs(tmp_path: Path) -> None:
    def finish(number: int) -> str:
        files = written(tmp_path / f"run-{number}", f"of {number}")
        return keeping.keep(tmp_path / "a", files)[0].read_text()

    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(finish, range(6)))
    assert found == [f"of {number}.safetensors" for number in range(6)]
    assert len(names(tmp_path / "a")) == 12


def model(folder: Path, text: str) -> list[Path]:
    atomic.write_text(folder / "model_index.json", text)
    return [atomic.write_text(folder / f"{folder.name}.safetensors", text)]


def test_a_model_is_replaced_whole_and_by_its_own_run_only(tmp_path: Path) -> None:
    for text in ("stopped", "finished"):
        (file,) = keeping.keep_model(tmp_path, "k", "run-1", partial(model, text=text))
        assert file == tmp_path / "k" / "k.safetensors" and file.read_text() == text
        atomic.write_text(tmp_path / "k" / "k.preview.png", "put beside it")
    assert (tmp_path / "k" / "k.preview.png").read_text() == "put beside it"
    (other,) = keeping.keep_model(tmp_path, "k", "run-2", lambda folder: model(folder, "other"))
    assert other == tmp_path / "k-2" / "k-2.safetensors"

    def dying(folder: Path) -> list[Path]:
        atomic.write_text(folder / "model_index.json", "half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keeping.keep_model(tmp_path, "k", "run-1", dying)
    assert file.read_text() == "finished" and names(tmp_path) == ["k", "k-2"]


@pytest.mark.parametrize("method", ["lora", "textual-inversion", "dreambooth"])
def test_stop_and_resume_leave_one_file(studio: Studio, config: Make, method: str) -> None:
    run = studio.runs.start(config("train.steps=200", "save.every=1", method=method))
    reach(studio, run, lambda view: view.state.last_checkpoint)
    studio.runs.command(run, "stop")
    stopped = studio.runs.wait(run)
    assert stopped.state == "stopped" and stopped.files
    settings = studio.runs.folder(run) / "config.toml"
    text = settings.read_text().replace("steps = 200", f"steps = {stopped.step + 1}")
    settings.write_text(text)
    finished = studio.runs.wait(studio.runs.resume(run))
    assert finished.state == "finished", finished
    assert finished.files == stopped.files, "the same name, so a word stays the same word"
    kinds = (".safetensors", ".pt")
    made = [path for path in studio.workspace.adapters.iterdir() if path.suffix in kinds]
    models = [path.name for path in studio.workspace.bases.iterdir() if path.name != "tiny"]
    if method == "dreambooth":
        assert made == [] and models == ["my-zibbo"]
    else:
        assert len({path.stem for path in made}) == 1 and models == []


def test_dying_at_the_very_end_leaves_one_file(
    studio: Studio, config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything is written, and the process dies before anything says so."""
    normal = Worker.finish

    def dying(self: Worker) -> list[Path]:
        normal(self)
        raise Interrupted("died")

    monkeypatch.setattr(Worker, "finish", dying)
    run = studio.runs.start(config())
    assert studio.runs.wait(run).files == ()
    monkeypatch.setattr(Worker, "finish", normal)
    state = studio.runs.wait(studio.runs.resume(run))
    assert [Path(file).name for file in state.files] == ["my-zibbo.safetensors"]
    assert [path.name for path in studio.workspace.adapters.iterdir()] == ["my-zibbo.safetensors"]
    other = studio.runs.wait(studio.runs.start(config()))
    assert [Path(file).name for file in other.files] == ["my-zibbo-2.safetensors"]
