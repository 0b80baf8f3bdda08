"""Where things are: the repository's assets and presets, and the person's workspace.

Owns: the workspace's folder names and the rule which paths a browser may name.
Refuses to know: what the files contain.
"""

from __future__ import annotations

import errno
import re
import tempfile
import threading
import time
from pathlib import Path

from studio.atomic import make_folder
from studio.errors import InputError

REPOSITORY = Path(__file__).resolve().parent.parent
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
    """A file name made from `name`: letters, digits, `-` and `_`, at most 60 characters."""
    cleaned = re.sub(r"[^\w\-]+", "-", name.strip(), flags=re.UNICODE).strip("-_")
    return cleaned[:60] or fallback


class Workspace:
    """The person's folder. Sub-folders are made when first asked for."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root).expanduser().resolve()
        self._opened: set[Path] = set()
        self._lock = threading.Lock()

    def _folder(self, name: str) -> Path:
        return make_folder(self.root / name)

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
    def grids(self) -> Path:
        return self._folder("grids")

    @property
    def stacks(self) -> Path:
        return self._folder("stacks")

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
        """Makes `<time>-<name>` below `parent`; two in one second get different names."""
        stem = f"{time.strftime('%Y%m%d-%H%M%S')}-{slug(name)}"
        for count in range(1000):
            folder = parent / (stem if count == 0 else f"{stem}-{count + 1}")
            if not folder.exists():
                return make_folder(folder)
        raise InputError(f"There are too many folders called “{stem}”", where=parent)

    def new_run_folder(self, name: str) -> Path:
        """Makes `runs/<time>-<name>`."""
        return self.new_folder(self.runs, name)

    def output_folder(self) -> Path:
        """Today's folder of generated pictures."""
        return make_folder(self.outputs / time.strftime("%Y-%m-%d"))

    def open_folder(self, folder: str | Path) -> Path:
        """Allows a folder that the person at this machine named; returns it resolved."""
        resolved = Path(folder).expanduser().resolve()
        with self._lock:
            self._opened.add(resolved)
        return resolved

    def resolve(self, text: str | Path, roots: list[Path] | None = None) -> Path:
        """A path that came from a page or a file → absolute path inside the allowed folders.

        Allowed are the workspace, the shipped assets and what `open_folder` allowed, or `roots`.
        Raises InputError for anything else, also through `..` and links.
        """
        raw = str(text)
        if not raw.strip() or "\x00" in raw:
            raise InputError("A path is empty or contains a zero byte", remedy="Name a file.")
        path = Path(raw).expanduser()
        path = (path if path.is_absolute() else self.root / path).resolve()
        with self._lock:
            allowed = roots if roots is not None else [self.root, ASSETS, *self._opened]
        if any(path.is_relative_to(root) for root in allowed):
            return path
        raise InputError(
            "This path is outside the folders the studio may read",
            where=raw[:200],
            remedy="Copy the file into the workspace, or open its folder first.",
        )
