"""Where the files of a run go: one run, one name, replaced in one step and by nobody else.

Owns: names in `adapters/` and `bases/`, and whose they are. Refuses to know: what the files hold.

A run that is stopped and goes on, or dies at its very end, writes its files again. It finds its own
by what it noted before it wrote them, so neither a second copy appears nor another's file is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from pathlib import Path

from studio.core import atomic
from studio.core.errors import FileError
from studio.core.paths import is_file, slug, there
from studio.core.text import read_json

OWNER = "studio-run.json"
"""In the folder of a model: which run made it."""
Hashes = Mapping[str, Sequence[str]]
"""File name → SHA-256 of everything a run has written, or was about to write, under it."""


def keep(
    folder: Path,
    written: Sequence[Path],
    mine: Hashes | None = None,
    note: Callable[[dict[str, list[str]]], None] = lambda names: None,
    *,
    name: Path | None = None,
    reserved: Set[str] = frozenset(),
) -> list[Path]:
    """Copies files that belong together into `folder`, under one name: theirs of before, or a free
    one (or, with `name`, that of a single file). The very same content keeps its place.

    `x.safetensors`, `x.pt`, `x.pt.optim` stay together. `note` hears what will be written where,
    before it is. Names that are `reserved` (casefolded) are as good as taken.
    """
    mine = mine or {}
    stem = (name or written[0]).stem
    contents = {path.name.removeprefix(stem): path for path in written}
    if name is not None:
        contents = {name.suffix.lower(): written[0]}
    hashes = {ending: atomic.sha256(path) for ending, path in contents.items()}
    for place in _names(slug(stem, "adapter"), mine, hashes, reserved):
        targets = {ending: folder / f"{place}{ending}" for ending in contents}
        # asked before it is looked whose they are: what appears after this is another's
        fresh = {target for target in targets.values() if not there(target)}
        if not all(
            _free(target, [*mine.get(target.name, ()), hashes[ending]])
            for ending, target in targets.items()
        ):
            continue
        note(
            {t.name: [*mine.get(t.name, ()), hashes[ending]][-2:] for ending, t in targets.items()}
        )
        if _copied(contents, targets, fresh):
            return list(targets.values())
    raise FileError(f"There are too many files called “{stem}”", where=folder)


def other_name(written: Sequence[Path], kept: Sequence[Path], reserved: Set[str]) -> str | None:
    """What to say when files were kept under another name than they were written under."""
    wanted, given = slug(written[0].stem, "adapter"), kept[0]
    if given.stem == wanted:
        return None
    whose = "a sample that ships" if wanted.casefold() in reserved else "another file"
    return f"The file is called “{given.name}”, because {whose} is called “{wanted}”."


def keep_model(bases: Path, name: str, run: str, write: Callable[[Path], list[Path]]) -> list[Path]:
    """The folder of a run's model, filled by `write` beside its place and put there when whole."""
    stem = slug(name, "model")
    for count in range(1, 10_000):
        target = bases / _numbered(stem, count)
        mine = _owner(target) == run
        if there(target) and not mine:
            continue
        try:
            with atomic.replacing(target, exclusive=not mine) as beside:
                files = [path.relative_to(beside) for path in write(beside)]
                atomic.write_json(beside / OWNER, {"run": run})
                if mine:
                    _carry_over(target, beside)
        except FileExistsError:  # another run took the name meanwhile
            continue
        return [target / file for file in files]
    raise FileError(f"There are too many models called “{stem}”", where=bases)


def keep_copy(bases: Path, model: Path, name: str) -> list[Path]:
    """A whole copy of a model's folder under another, free name, which its single file has too."""
    for count in range(1, 10_000):
        target = bases / _numbered(name, count)
        if there(target):
            continue
        try:
            with atomic.replacing(target, exclusive=True) as beside:
                for path in sorted(model.rglob("*")):
                    if not path.is_file() or path.name == OWNER:
                        continue
                    place = path.relative_to(model)
                    if place.stem == model.name and len(place.parts) == 1:
                        place = Path(f"{target.name}{place.suffix}")
                    atomic.copy_file(path, beside / place)
        except FileExistsError:  # another took the name meanwhile
            continue
        return [target / f"{target.name}.safetensors"]
    raise FileError(f"There are too many models called “{name}”", where=bases)


def _names(stem: str, mine: Hashes, hashes: Mapping[str, str], reserved: Set[str]) -> Iterator[str]:
    """Names to try: those the files had before, then numbered ones."""
    for name in mine:
        # the longest first: `x-lora.safetensors` is the companion of `x`, not a file called `x-lora`
        for ending in sorted(hashes, key=len, reverse=True):
            if name.endswith(ending) and name != ending:
                yield name.removesuffix(ending)
                break
    numbered = (_numbered(stem, count) for count in range(1, 10_000))
    yield from (name for name in numbered if name.casefold() not in reserved)


def _numbered(stem: str, count: int) -> str:
    return stem if count == 1 else f"{stem}-{count}"


def _free(target: Path, hashes: Sequence[str]) -> bool:
    """Whether `target` may be written: nothing is there, or what is there is one of `hashes`."""
    return not there(target) or (is_file(target) and atomic.sha256(target) in hashes)


def _copied(contents: Mapping[str, Path], targets: Mapping[str, Path], fresh: Set[Path]) -> bool:
    """False, with nothing new left behind, when another was quicker with one of the `fresh` names."""
    new: list[Path] = []
    for ending, target in targets.items():
        try:
            atomic.copy_file(contents[ending], target, exclusive=target in fresh)
        except FileExistsError:
            for path in new:
                path.unlink(missing_ok=True)
            return False
        new += [target] if target in fresh else []
    return True


def _owner(folder: Path) -> str | None:
    try:
        return str(read_json(folder / OWNER)["run"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _carry_over(old: Path, new: Path) -> None:
    """What somebody has put beside a run's own files stays there."""
    for path in sorted(old.rglob("*")):
        if path.is_file() and not there(new / path.relative_to(old)):
            atomic.copy_file(path, new / path.relative_to(old))
