"""The Python environment of a fresh checkout: made on first use, checked on every start, repaired.

Owns: `.venv` beside `studio.py` (beside the workspace where the checkout is read-only), its marker,
and the decision which Python to continue in.
Refuses to know: what the commands do. Needs nothing but Python itself.

The marker says `installing` until everything is in place and `ready` afterwards: an interrupted
first start is begun again, a finished one needs no network. An environment that somebody else
made at that place is added to, never wiped, as long as its Python runs.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from studio.commands import installer, requirements
from studio.commands.requirements import ROOT, Requirement
from studio.core import atomic, paths
from studio.core.errors import StorageError, UnavailableError, storage_error
from studio.core.text import read_json

SPACE_NEEDED = 2_500_000_000  # bytes; the smallest environment measured takes 1.6 GB


@dataclass(frozen=True)
class Environment:
    """A virtual environment folder, whatever state it is in."""

    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def marker(self) -> Path:
        """What the studio noted about it."""
        return self.folder / "concept-studio.json"

    def packages(self) -> Path | None:
        """Its site-packages; None when its Python does not run."""
        command = [
            str(self.python),
            "-I",
            "-c",
            "import sysconfig; print(sysconfig.get_path('purelib'))",
        ]
        try:
            result = subprocess.run(command, capture_output=True, text=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return Path(result.stdout.strip()) if result.returncode == 0 else None

    def state(self) -> str:
        """`ready`, `installing`, `updating`, `damaged`, or nothing for a stranger's."""
        try:
            return str(read_json(self.marker)["state"])
        except FileNotFoundError:
            return ""
        except (OSError, ValueError, KeyError, TypeError):
            return "damaged"

    def note(self, state: str) -> None:
        """Writes the marker, durably."""
        atomic.write_json(self.marker, {"state": state})


def choose(
    extras: tuple[str, ...] = (), root: Path = ROOT, workspace: str | Path | None = None
) -> tuple[Path, Path]:
    """The Python to continue in (interpreter, prefix), with everything needed in it.

    `workspace` is the folder that was named on the command line, if any.

    Raises StudioError (no network, full disk, no venv module …) with what to do about it.
    """
    needs = requirements.needed(extras)
    lacking = requirements.missing(needs)
    if not lacking:
        return Path(sys.executable), Path(sys.prefix)
    if extras and _own_environment() and not requirements.missing(requirements.needed()):
        installer.say(f"Adding what the tests need to {sys.prefix}.")
        installer.install(Path(sys.executable), lacking)
        return Path(sys.executable), Path(sys.prefix)
    environment = Environment(_place(root, workspace))
    if not _ready(environment, needs):
        with _alone(atomic.make_folder(environment.folder.parent)):
            if not _ready(environment, needs):  # another start may just have finished it
                _make(environment, needs)
    return environment.python, environment.folder


def _place(root: Path, workspace: str | Path | None) -> Path:
    """`.venv` in the checkout; where that is read-only, `<workspace>-venv` beside the workspace."""
    inside = root / ".venv"
    if inside.exists() or paths.writable(root):
        return inside
    home = Path(workspace or paths.default_workspace()).expanduser().resolve()
    beside = home.parent / f"{home.name}-venv"
    if not beside.exists():
        installer.say(f"{root} is read-only, so the Python environment goes to {beside}.")
    return beside


def _ready(environment: Environment, needs: list[Requirement]) -> bool:
    if environment.state() not in ("ready", ""):
        return False
    packages = environment.packages()
    return packages is not None and not requirements.missing(needs, packages)


def _make(environment: Environment, needs: list[Requirement]) -> None:
    packages = environment.packages()
    if packages is None or environment.state() in ("installing", "damaged"):
        _make_anew(environment, needs)
    else:
        lacking = requirements.missing(needs, packages) or needs  # `needs`: an update was cut short
        names = ", ".join(need.name for need in lacking)
        installer.say(f"Adding to {environment.folder.name}: {names}.")
        environment.note("updating")
        installer.install(environment.python, lacking)
    environment.note("ready")
    installer.say("Everything is installed; the next start needs no network.")


def _make_anew(environment: Environment, needs: list[Requirement]) -> None:
    _check_room(environment.folder.parent)
    if environment.folder.exists():
        name = environment.folder.name
        installer.say(f"The environment in {name} is unfinished or broken; making it again.")
        atomic.remove_folder(environment.folder)
    else:
        installer.say(f"First start: making a Python environment in {environment.folder}.")
    installer.say(installer.estimate())
    environment.note("installing")
    _create(environment)
    installer.install(environment.python, needs)
    installer.install_optional(environment.python)


def _create(environment: Environment) -> None:
    import venv

    if importlib.util.find_spec("ensurepip") is None:
        package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
        raise UnavailableError(
            "This Python cannot make environments",
            where=sys.executable,
            why="Its venv module is packaged separately and is not installed.",
            remedy=f"Install it (on Debian and Ubuntu: sudo apt install {package}), then start again.",
        )
    builder = venv.EnvBuilder(with_pip=True, symlinks=os.name != "nt")
    try:
        builder.create(environment.folder)
    except OSError as error:
        raise storage_error(error, environment.folder) from error
    except subprocess.CalledProcessError as error:
        said = error.output.decode(errors="replace") if error.output else str(error)
        raise installer.explain(said) from error


def _check_room(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < SPACE_NEEDED:
        raise StorageError(
            "The disk is too full for the studio's environment",
            where=folder,
            why=f"{free / 1e9:.1f} GB are free; at least {SPACE_NEEDED / 1e9:.1f} GB are needed.",
            remedy="Free some space, or move this folder to a larger disk, and start again.",
        )


def _own_environment() -> bool:
    """True in a virtual or conda environment: a place where adding packages is expected."""
    return sys.prefix != sys.base_prefix or bool(
        re.search(r"conda|mamba", sys.prefix) or os.environ.get("CONDA_PREFIX") == sys.prefix
    )


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """One installation at a time; the lock is on the folder itself and dies with the process."""
    try:
        import fcntl
    except ImportError:  # Windows: two first starts at once stay the user's business
        yield
        return
    descriptor = os.open(root, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            installer.say("Another start is installing; waiting for it to finish.")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
