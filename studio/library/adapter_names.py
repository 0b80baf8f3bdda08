"""Which adapter file a name means: one rule for tags, options, columns, grids, stacks and the page.

Owns: that rule. Refuses to know: what the files hold (it is told), who asks. Imports no torch.

A name is a file's name with or without its ending, dots and all, or the end of its path
(“folder/name”). Half a name means nothing. Case counts only where names differ by nothing else.
When several files fit, none is taken: the error lists them in a way that can be written instead.
Two files that are one are no reason to ask: copies of each other, and the same work in two formats
side by side, as the studio writes some, of which the safer one is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from studio.core import atomic
from studio.core.counts import counted
from studio.core.errors import InputError, MissingError
from studio.core.names import composed, once, printable, same_name
from studio.settings.training import nearest

LISTED = 5
BROKEN = ""
"""The kind of a file that cannot be used: taken only when nothing whole has the name."""


def find(
    text: str,
    files: Iterable[Path],
    roots: Mapping[str, Path],
    kind_of: Callable[[Path], str | None],
    endings: Sequence[str],
) -> Path | None:
    """The one file that `text` means, or None; raises InputError when there are several.

    `roots` are the folders of `files` by the words that stand for them; `kind_of` is None for what
    is no adapter at all, as a preview image.
    """
    wanted = once(text).replace("\\", "/").strip("/")
    known = [(name_of(path, roots), path) for path in files]
    for same in (str, composed, same_name):
        for shortened in (str, _without(endings)):
            hits = [path for name, path in known if _means(same(wanted), same(shortened(name)))]
            if found := one_of(hits, kind_of, endings):
                if len(found) == 1:
                    return found[0]
                raise several(text, [name_of(path, roots) for path in found])
    return None


def name_of(path: Path, roots: Mapping[str, Path]) -> str:
    """A file's unmistakable name: the word for its folder, and its path in there."""
    for word, root in roots.items():
        if path.is_relative_to(root):
            return printable(f"{word}/{path.relative_to(root).as_posix()}")
    return printable(path)


def one_of(
    hits: Sequence[Path], kind_of: Callable[[Path], str | None], endings: Sequence[str]
) -> list[Path]:
    """The files that really differ, one for each."""
    found: list[Path] = []
    twins: dict[tuple[Path, str, str], Path] = {}
    for path in sorted(hits, key=lambda path: (_rank(path, endings), str(path))):
        if (kind := kind_of(path)) is not None:
            twins.setdefault((path.parent, path.stem, kind), path)
    whole = {key: path for key, path in twins.items() if key[2] != BROKEN}
    for path in (whole or twins).values():
        if not any(_copies(path, other) for other in found):
            found.append(path)
    return found


def several(text: str, names: Sequence[str]) -> InputError:
    """What to say when a name fits more than one file."""
    shown = "”, “".join(sorted(names)[:LISTED])
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return InputError(
        f"“{text[:200]}” could be any of {counted(len(names), 'file')}",
        why="They have the same name and different contents.",
        remedy=f"Did you mean “{shown}”{more}? Write one of these.",
    )


def missing(text: str, names: Iterable[str]) -> MissingError:
    """What to say when a name fits no file."""
    close = nearest(PurePosixPath(text.replace("\\", "/")).name, list(dict.fromkeys(names)))
    return MissingError(
        f"There is no adapter file “{text[:200]}”",
        remedy=f"Did you mean “{close}”?"
        if close
        else "Give the path of a file, or copy it into the workspace's folder “adapters”.",
    )


def _means(wanted: str, name: str) -> bool:
    return name == wanted or name.endswith(f"/{wanted}")


def _without(endings: Sequence[str]) -> Callable[[str], str]:
    def shortened(name: str) -> str:
        ending = next((ending for ending in endings if name.lower().endswith(ending)), "")
        return name[: len(name) - len(ending)]

    return shortened


def _rank(path: Path, endings: Sequence[str]) -> int:
    ending = path.suffix.lower()
    return endings.index(ending) if ending in endings else len(endings)


def _copies(path: Path, other: Path) -> bool:
    try:
        alike = path.stat().st_size == other.stat().st_size
        return alike and atomic.sha256(path) == atomic.sha256(other)
    except OSError:
        return False
