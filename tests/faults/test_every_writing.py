"""Every kind of writing by itself: its 1st, 2nd, 3rd … durable operation fails, until one passes.

× {the process ends, disk full, I/O error, a write that is cut short}: old or new, never neither.
`test_failpoints.py` does the same to whole runs. A part of the operations is tried in the normal run,
all of them in the full one.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studio.core import atomic, temporaries
from studio.core.errors import StorageError
from studio.formats.captions import read_caption, write_caption
from studio.formats.image_write import save_png
from studio.formats.images import open_image
from studio.library import keeping
from studio.library.importing import import_files
from studio.runs.events import RunLog, read_events, read_state
from studio.runs.records import Event
from studio.train.state import Progress, latest_checkpoint
from tests import failpoint
from tests.train.test_state import save, value_of
from tests.workspaces import make_dataset

FULL = os.environ.get("STUDIO_TEST_ALL") == "1"
KINDS = ("exit", "ENOSPC", "EIO", "short write")


@dataclass(frozen=True)
class Scenario:
    """`before` makes what must survive, `act` writes, `check` says what must hold in every case."""

    before: Callable[[Path], object]
    act: Callable[[Path], object]
    check: Callable[[Path], object]


def must(value: object) -> bool:
    assert value
    return True


def image(value: int) -> Image.Image:
    return Image.fromarray(np.full((16, 16, 3), value, np.uint8))


def adapters(root: Path, text: str) -> list[Path]:
    mine = read_state(root / "run").kept or {}
    written = [atomic.write_text(root / "run" / f"k{ending}", text) for ending in (".pt", ".json")]
    log = RunLog(root / "run")
    return keeping.keep(root / "a", written, mine, lambda names: log.update(kept={**mine, **names}))


def model(root: Path, text: str) -> list[Path]:
    def write(folder: Path) -> list[Path]:
        atomic.write_text(folder / "unet" / "config.json", text)
        return [atomic.write_text(folder / "k.safetensors", text)]

    return keeping.keep_model(root, "k", "run-1", write)


def log(root: Path, *kinds: str) -> None:
    run = RunLog(root)
    for kind in kinds:
        run.event(Event(kind=kind))


def texts(folder: Path, pattern: str = "*") -> set[str]:
    return {path.read_text() for path in folder.rglob(pattern) if path.is_file()}


def whole_log(root: Path) -> None:
    kinds = [event.kind for event in read_events(root)[0]]
    assert kinds[:2] == ["first", "second"] and set(kinds[2:]) <= {"saved"}, kinds
    log(root, "after")
    assert read_events(root)[0][-1].kind == "after", "nothing torn swallows the next line"


def originals(root: Path) -> None:
    given, there = root / "given", root / "datasets" / "there"
    for folder in (given, there):
        assert len(list(folder.glob("*.png"))) == 4
        assert texts(folder, "*.txt") == {f"a zibbo cat {number}" for number in range(4)}
    for path in (root / "datasets").rglob("*.png"):
        open_image(path)


SCENARIOS = {
    "the next checkpoint": Scenario(
        lambda root: save(root, 2.0, Progress(2, 0.5, 1.0)),
        lambda root: save(root, 4.0, Progress(4, 0.4, 2.0)),
        lambda root: must(value_of(latest_checkpoint(root)) in (2.0, 4.0)),
    ),
    "the same checkpoint again": Scenario(
        lambda root: save(root, 1.0, Progress(4, 0.5, 1.0)),
        lambda root: save(root, 2.0, Progress(4, 0.4, 2.0)),
        lambda root: must(value_of(latest_checkpoint(root)) in (1.0, 2.0)),
    ),
    "a sample": Scenario(
        lambda root: save_png(root / "0.png", image(10)),
        lambda root: save_png(root / "0.png", image(200)),
        lambda root: must(open_image(root / "0.png").getpixel((0, 0)) in ((10,) * 3, (200,) * 3)),
    ),
    "the log": Scenario(
        lambda root: log(root, "first", "second"), lambda root: log(root, "saved"), whole_log
    ),
    "the state": Scenario(
        lambda root: RunLog(root).update(state="running", step=1),
        lambda root: RunLog(root).update(state="paused", step=2),
        lambda root: must(read_state(root).step in (1, 2)),
    ),
    "a caption": Scenario(
        lambda root: (save_png(root / "0.png", image(1)), write_caption(root / "0.png", "old")),
        lambda root: write_caption(root / "0.png", "new"),
        lambda root: must(read_caption(root / "0.png") in ("old", "new")),
    ),
    "an import": Scenario(
        lambda root: (make_dataset(root / "given"), make_dataset(root / "datasets" / "there")),
        lambda root: import_files(
            sorted((root / "given").iterdir()),
            root / "datasets", "there",
        ),
        originals,
    ),
    "files of a run": Scenario(
        lambda root: adapters(root, "old"),
        lambda root: adapters(root, "new"),
        lambda root: (
            must(texts(root / "a") <= {"old", "new"} and len(list((root / "a").iterdir())) == 2),
            adapters(root, "resumed"),
            must(texts(root / "a") == {"resumed"} and len(list((root / "a").iterdir())) == 2),
        ),
    ),
    "a model of a run": Scenario(
        lambda root: model(root, "old"),
        lambda root: model(root, "new"),
        lambda root: (
            must(texts(root / "k", "k.*") in ({"old"}, {"new"})),
            must(texts(root / "k", "k.*") == texts(root / "k" / "unet")),
            model(root, "resumed"),
            must([path.name for path in root.iterdir()] == ["k"]),
        ),
    ),
}  # fmt: skip


def failing(kind: str, last: int) -> tuple[Callable[[str, Path], None], list[str]]:
    seen: list[str] = []

    def reached(operation: str, path: Path) -> None:
        seen.append(operation)
        if len(seen) != last:
            return
        if kind == "short write":  # what was written so far is only half of it
            for temporary in path.parent.glob(f"{temporaries.PREFIX}*"):
                if temporary.is_file():
                    os.truncate(temporary, temporary.stat().st_size // 2)
            os._exit(9)
        if kind == "exit":
            os._exit(9)
        raise OSError(getattr(errno, kind), os.strerror(getattr(errno, kind)))

    return reached, seen


def tried(scenario: Scenario, root: Path, kind: str, last: int) -> bool:
    """Acts with the `last`-th operation failing; False when there are fewer."""
    reached, seen = failing(kind, last)
    if kind in ("exit", "short write"):
        child = os.fork()
        if child == 0:
            try:
                failpoint.reached = reached
                scenario.act(root)
            except BaseException:
                os._exit(1)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code in (0, 9)
        return code == 9
    failpoint.reached = reached
    try:
        scenario.act(root)
    except StorageError:
        pass
    finally:
        failpoint.reached = None
    return len(seen) >= last


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SCENARIOS)
def test_old_or_new_never_neither(tmp_path: Path, name: str, kind: str) -> None:
    scenario, last, count, failed = SCENARIOS[name], 1, 0, True
    while failed:
        root = tmp_path / str(last)
        root.mkdir()
        scenario.before(root)
        failed = tried(scenario, root, kind, last)
        temporaries.sweep(root)
        assert not list(root.rglob(f"{temporaries.PREFIX}*"))
        scenario.check(root)
        count += failed
        last += 1 if FULL or last < 4 else 3
    assert count >= 2, "the sweep must put something in"
