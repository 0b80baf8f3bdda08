"""What is known of images, remembered by path, size and time of change.

Owns: sizes from headers, whether an image is whole (it was decoded once), and the memory of both
on disk, one small file for each folder of images. The memory is optional: where the disk refuses,
everything is found again. Refuses to know: what a dataset is.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path

from studio.core import atomic
from studio.core.errors import StorageError, StudioError
from studio.formats.image_names import READING

LAYOUT = f"2 {READING}"
"""Images read in another way may be whole, or broken, where they were not before."""
THREADS = max(1, min(4, (os.cpu_count() or 2) // 2))  # leaves cores to whatever trains
LOOK_AGAIN = 0.2  # seconds between two calls of `on_progress`

Stamp = tuple[int, int]


@dataclass(frozen=True)
class ImageFacts:
    """What is known of one image."""

    width: int = 0
    """Pixels, as shown; 0 when it cannot be read."""
    height: int = 0
    transparent: bool = False
    problem: str | None = None
    """Why it cannot be read."""
    note: str | None = None
    """What had to be passed over, although it can be used: the end of a sentence."""
    decoded: bool = False
    """Whether all of it was looked at, not just its header."""
    black: bool = False
    """Whether every pixel is black; known once it was decoded, as is what follows."""
    tiny: str = ""
    """A tiny copy; this and the rest as in `image_look.Look`."""
    sharpness: float = 0.0
    stored: str = ""
    animated: bool = False
    turned: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, as shown."""
        return self.width, self.height


class ImageMemory:
    """Facts by file; safe to ask from several threads. `folder` is where they are kept."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._known: dict[Path, dict[str, tuple[Stamp, ImageFacts]]] = {}
        self._changed: set[Path] = set()
        self._lock = threading.RLock()
        self._saving = threading.Lock()
        self._waiting: deque[Path] = deque()
        self._pending: set[Path] = set()
        self._progress = threading.Condition(self._lock)
        self._threads = 0

    def facts(self, path: Path) -> ImageFacts:
        """The facts of an image; its header is read when the file is new or has changed."""
        try:
            stamp = _stamp(path)
        except (OSError, ValueError):
            return ImageFacts(problem="It is not there any more.")
        known = self._get(path, stamp)
        if known is not None:
            return known
        from studio.formats.images import image_header  # Pillow, only when there is an image

        try:
            header = image_header(path)
        except StorageError as error:  # the disk, not the image: asked again next time
            return ImageFacts(problem=_sentence(error))
        except StudioError as error:
            return self._keep(path, stamp, ImageFacts(problem=_sentence(error), decoded=True))
        facts = ImageFacts(header.width, header.height, header.transparent)
        return self._keep(path, stamp, facts)

    def all_facts(self, paths: Iterable[Path]) -> dict[Path, ImageFacts]:
        """The facts of many images, remembered on disk."""
        found = {path: self.facts(path) for path in paths}
        self.save()
        return found

    def broken(self, paths: Iterable[Path]) -> dict[Path, str]:
        """Those that are known to be unreadable, with the reason."""
        return {path: f.problem for path, f in self.all_facts(paths).items() if f.problem}

    def decode(
        self,
        paths: Sequence[Path],
        patience: float | None = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> int:
        """Decodes what was not decoded before, several at a time; returns how many are left.

        After `patience` seconds (None: never) it returns while the work goes on in the background.
        `on_progress(done, total)` may raise to stop it.
        """
        wanted = {path for path in paths if not self.facts(path).decoded}
        until = None if patience is None else time.monotonic() + patience
        with self._progress:
            new = [path for path in paths if path in wanted and path not in self._pending]
            self._pending |= wanted
            self._waiting.extend(dict.fromkeys(new))
            while self._threads < min(THREADS, len(self._waiting)):
                self._threads += 1
                threading.Thread(target=self._work, name="image-check", daemon=True).start()
        try:
            while left := self._left(wanted, until):
                if on_progress is not None:
                    on_progress(len(wanted) - left, len(wanted))
                if until is not None and time.monotonic() >= until:
                    break
        except BaseException:
            self._forget(wanted)
            raise
        self.save()
        return left

    def save(self) -> None:
        """Writes what is new. A disk that refuses costs nothing but time later."""
        if self._folder is None:
            return
        with self._saving:  # whoever writes later writes what is newer
            with self._lock:
                changed = {folder: dict(self._known[folder]) for folder in self._changed}
                self._changed.clear()
            for folder, files in changed.items():
                rows = {name: [*stamp, *astuple(facts)] for name, (stamp, facts) in files.items()}
                table = {"layout": LAYOUT, "folder": os.fspath(folder), "files": rows}
                try:  # escaped, so that names of any bytes go in and come out
                    atomic.write_bytes(self._file(folder), json.dumps(table).encode("ascii"))
                except StorageError:
                    return

    def _left(self, wanted: set[Path], until: float | None) -> int:
        """How many are not done; waits a little for more to be."""
        with self._progress:
            left = len(wanted & self._pending)
            if left:
                rest = LOOK_AGAIN if until is None else until - time.monotonic()
                self._progress.wait(max(0.0, min(LOOK_AGAIN, rest)))
                left = len(wanted & self._pending)
            return left

    def _forget(self, wanted: set[Path]) -> None:
        with self._lock:
            kept = [path for path in self._waiting if path not in wanted]
            self._waiting.clear()
            self._waiting.extend(kept)
            self._pending -= wanted

    def _work(self) -> None:
        """One thread: decodes what is waiting, until nothing is."""
        try:
            while (path := self._next()) is not None:
                try:
                    self._decode(path)
                finally:  # whoever waits must not wait for ever
                    with self._progress:
                        self._pending.discard(path)
                        self._progress.notify_all()
        finally:
            self.save()

    def _next(self) -> Path | None:
        """What to decode now; None ends the thread that asks."""
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._threads -= 1
            return None

    def _decode(self, path: Path) -> None:
        from studio.formats.images import check_image

        facts = self.facts(path)
        if facts.problem is None and not facts.decoded:  # whoever asked may have looked too early
            try:
                stamp = _stamp(path)
                checked = check_image(path)
                facts = replace(
                    facts,
                    note=checked.note,
                    black=checked.black,
                    decoded=True,
                    **vars(checked.look),
                )
            except StorageError:  # the disk, not the image: asked again next time
                return
            except StudioError as error:
                facts = ImageFacts(problem=_sentence(error), decoded=True)
            except (OSError, MemoryError):
                return
            self._keep(path, stamp, facts)

    def _get(self, path: Path, stamp: Stamp) -> ImageFacts | None:
        with self._lock:
            folder = path.parent
            if folder not in self._known:
                self._known[folder] = self._read(folder)
            known = self._known[folder].get(path.name)
        return known[1] if known is not None and known[0] == stamp else None

    def _keep(self, path: Path, stamp: Stamp, facts: ImageFacts) -> ImageFacts:
        with self._lock:
            known = self._get(path, stamp)
            if known is not None and known.decoded and not facts.decoded:
                return known  # another thread knows more by now
            self._known.setdefault(path.parent, {})[path.name] = (stamp, facts)
            self._changed.add(path.parent)
        return facts

    def _file(self, folder: Path) -> Path:
        assert self._folder is not None, "only asked where there is a memory"
        name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:32]
        return self._folder / f"{name}.json"

    def _read(self, folder: Path) -> dict[str, tuple[Stamp, ImageFacts]]:
        """A memory that cannot be read is as good as none."""
        if self._folder is None:
            return {}
        try:
            found = json.loads(self._file(folder).read_bytes())
            if found["layout"] != LAYOUT:
                return {}
            return {
                name: ((int(size), int(changed)), ImageFacts(*facts))
                for name, (size, changed, *facts) in found["files"].items()
            }
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return {}


def _stamp(path: Path) -> Stamp:
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns


def _sentence(error: StudioError) -> str:
    return " ".join(f"{part.rstrip('.')}." for part in (error.what, error.why) if part)
