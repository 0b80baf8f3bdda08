"""Where things are: the repository's assets and presets, and the person's workspace.

Owns: the workspace's folder names and the rule which paths a page may name (`Access`).
Refuses to know: what the files contain.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from studio.core.access import Access
from studio.core.atomic import make_folder, new_folder
from studio.core.errors import InputError, StorageError
from studio.core.names import path_of

REPOSITORY = Path(__file__).resolve().parents[2]
ASSETS = REPOSITORY / "assets"
PRESETS = REPOSITORY / "presets"
STARTER = ASSETS / "starter"
SAMPLE_ADAPTERS = ASSETS / "adapters"


def default_workspace() -> Path:
    """`workspace/` beside `studio.py`; in the home folder where none can be made there."""
    beside = REPOSITORY / "workspace"
    if beside.exists() or writable(REPOSITORY):
        return beside
    return Path.home() / "concept-studio" / "workspace"


def writable(folder: Path) -> bool:
    """Whether the system lets files be made in `folder`, found out by making one: permissions tell
    nothing about a disk mounted read-only, nor about root. A full disk is not a refusal."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError as error:
        return error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM)


def slug(name: str, fallback: str = "untitled") -> str:
    """A file name made from `name`: letters, digits, `-` and `_`, at most 60 characters.

    And at most 120 bytes, because file systems count those: some take no more than 143, and a time,
    a number and an ending come on top.
    """
    cleaned = re.sub(r"[^\w\-]+", "-", name.strip(), flags=re.UNICODE).strip("-_")
    short = cleaned[:60].encode("utf-8", "ignore")[:120].decode("utf-8", "ignore")
    return short.strip("-_") or fallback


def there(path: str | Path) -> bool:
    """Whether something is at `path`; what the system would not even look up (too long, a zero
    byte, a folder that is not ours to enter) is not."""
    return os.path.exists(path)


def is_file(path: str | Path) -> bool:
    """The same for a file."""
    return os.path.isfile(path)


def is_folder(path: str | Path) -> bool:
    """The same for a folder."""
    return os.path.isdir(path)


def entries(folder: str | Path) -> list[Path]:
    """What lies in a folder; nothing, when it is not there or cannot be read."""
    try:
        return list(Path(folder).iterdir())
    except OSError:
        return []


def modified(path: str | Path) -> float:
    """When `path` changed last, for sorting; 0 for what cannot be asked, such as a dead link."""
    try:
        return os.stat(path).st_mtime
    except (OSError, ValueError):
        return 0.0


def is_name(text: str) -> bool:
    """Whether `text` is one plain name, no path: safe to look for inside a folder."""
    return Path(text).name == text and text not in ("", ".", "..") and "\0" not in text


class Workspace:
    """The person's folder. Sub-folders are made when first asked for.

    On a disk that takes no writes they are not made: what only looks finds them empty, and what
    writes is told why it cannot.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root).expanduser().resolve()
        self.access = Access()
        """Set before anybody is let in; `Access.over_a_link` for others than the person here."""
        self._opened: set[Path] = set()
        self._lock = threading.Lock()

    def _folder(self, name: str) -> Path:
        folder = self.root / name
        with contextlib.suppress(StorageError):
            make_folder(folder)
        return folder

    @property
    def datasets(self) -> Path:
        return self._folder("datasets")

    @property
    def bases(self) -> Path:
        return self._folder("bases")

    @property
    def vae(self) -> Path:
        return self._folder("vae")

    @property
    def adapters(self) -> Path:
        return self._folder("adapters")

    @property
    def runs(self) -> Path:
        return self._folder("runs")

    @property
    def outputs(self) -> Path:
        return self._folder("outputs")

    @property
    def comparisons(self) -> Path:
        return self._folder("comparisons")

    @property
    def shootouts(self) -> Path:
        return self._folder("shootouts")

    @property
    def grids(self) -> Path:
        return self._folder("grids")

    @property
    def stacks(self) -> Path:
        return self._folder("stacks")

    @property
    def wildcards(self) -> Path:
        return self._folder("wildcards")

    @property
    def styles(self) -> Path:
        return self._folder("styles")

    @property
    def captions(self) -> Path:
        """Earlier captions of every dataset, see `caption.history`."""
        return self._folder("captions")

    @property
    def cache(self) -> Path:
        return self._folder("cache")

    @property
    def trash(self) -> Path:
        return self._folder("trash")

    @property
    def logs(self) -> Path:
        return self._folder("logs")

    def new_folder(self, parent: Path, name: str) -> Path:
        """Makes `<time>-<name>` below `parent`; two in one second get different names, also when
        two programs make them at once."""
        stem = f"{time.strftime('%Y%m%d-%H%M%S')}-{slug(name)}"
        for count in range(1000):
            with contextlib.suppress(FileExistsError):
                return new_folder(parent / (stem if count == 0 else f"{stem}-{count + 1}"))
        raise InputError(f"There are too many folders called “{stem}”", where=parent)

    def new_run_folder(self, name: str) -> Path:
        """Makes `runs/<time>-<name>`."""
        return self.new_folder(self.runs, name)

    def output_folder(self) -> Path:
        """Today's folder of generated images."""
        return make_folder(self.outputs / time.strftime("%Y-%m-%d"))

    def open_folder(self, folder: str | Path) -> Path:
        """Allows a folder that a person named; returns it resolved. InputError as in `named`."""
        resolved = self.named(folder)
        with self._lock:
            self._opened.add(resolved)
        return resolved

    def named(self, text: str | Path) -> Path:
        """A path that a person typed → absolute, links followed; it need not be there.

        Over a link raises InputError outside the folders that may be named there, with the same
        words whether it exists or not.
        """
        path = _absolute(text, self.root if self.access.remote else Path())
        if self.access.remote and not _within(path, self._folders()):
            raise _outside(text, self.access)
        return path

    def inside(self, path: Path) -> Path:
        """A path of ours, as it is; over a link refused like any other where a link leads out."""
        if self.access.remote:
            self.named(path)
        return path

    def images_folder(self, folder: Path) -> Path:
        """A folder of images that is about to be read or written in. Over a link it may hold no
        links to elsewhere: whoever can edit a caption could otherwise edit anything."""
        self.inside(folder)
        if not self.access.remote:
            return folder
        roots = self._folders()
        away = [path for path in _links(folder) if not _within(_absolute(path, folder), roots)]
        if away:
            raise InputError(
                "This folder holds links to other places, so it is not opened over a link",
                where=away[0].relative_to(folder).as_posix()[:200],
                why=f"{len(away)} of its files and folders lie elsewhere.",
                remedy="Copy them into the folder, or start with --allow and the place they lie in.",
            )
        return folder

    def resolve(self, text: str | Path, roots: list[Path] | None = None) -> Path:
        """A path that came from a page or a file → absolute path inside the allowed folders.

        Allowed are the workspace, the shipped assets and what `open_folder` allowed, or `roots`.
        Raises InputError for anything else, also through `..` and links.
        """
        path = _absolute(text, self.root)
        if _within(path, self._folders() if roots is None else roots):
            return path
        raise _outside(text, self.access)

    def _folders(self) -> list[Path]:
        with self._lock:
            return [self.root, ASSETS, PRESETS, *self.access.allowed, *self._opened]


def _absolute(text: str | Path, start: Path) -> Path:
    """Without links and `..`; InputError for what is no path at all."""
    raw = str(text)
    if not raw.strip() or "\x00" in raw:
        raise InputError("A path is empty or contains a zero byte", remedy="Name a file.")
    try:
        return (start / path_of(raw).expanduser()).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, an unknown ~user
        raise InputError(
            "This is no path on this machine", where=raw[:200], remedy="Check how it is spelled."
        ) from error


def _within(path: Path, roots: Sequence[Path]) -> bool:
    return any(path.is_relative_to(root) or path.is_relative_to(root.resolve()) for root in roots)


def _links(folder: Path) -> Iterator[Path]:
    """Every link below a folder. Links themselves are not followed."""
    waiting = [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_symlink():
                        yield Path(entry.path)
                    elif entry.is_dir():
                        waiting.append(Path(entry.path))
        except OSError:  # not ours to look into, so nothing of it can be read either
            continue


def _outside(text: str | Path, access: Access) -> InputError:
    return InputError(
        "This path is outside the folders the studio may read",
        where=str(text)[:200],
        why="Over a link only the workspace and folders allowed at the start can be named."
        if access.remote
        else None,
        remedy="Copy the file into the workspace, or start the studio with --allow and its folder."
        if access.remote
        else "Copy the file into the workspace, or open its folder first.",
    )
