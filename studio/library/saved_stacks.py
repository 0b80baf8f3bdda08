"""Saved stacks: kept under `stacks/`, listed, and brought back with the files that are here.

Owns: which file of the library an entry of a saved stack means. Refuses to know: the layout of the
file (`formats.stack_file`), pages, torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.core import atomic, paths
from studio.core.errors import InputError, MissingError, StudioError
from studio.core.names import once, printable
from studio.core.paths import modified, slug
from studio.families.part_files import base_hash
from studio.formats import stack_file
from studio.formats.stack_file import ENDING, Entry, StackFile
from studio.library.files import LibraryFiles
from studio.settings.training import StackItem, nearest


@dataclass(frozen=True)
class LoadedStack:
    """A saved stack with absolute paths."""

    name: str
    base: str
    items: list[StackItem]
    missing: list[str]
    """Names of files that are not here, under any name."""
    notes: list[str]
    """What differs from when it was saved; for people."""


class SavedStacks:
    """The saved stacks of a workspace."""

    def __init__(self, library: LibraryFiles) -> None:
        self.workspace, self.library = library.workspace, library

    def save(self, name: str, items: Sequence[StackItem], base: str) -> Path:
        """Writes `stacks/<name>.stack.json`, over one of the same name. Needs all files there."""
        if not name.strip() or not items:
            raise InputError(
                "There is nothing to save" if name.strip() else "The stack has no name",
                remedy="Put a file on the stack." if name.strip() else "Write a name for it.",
            )
        entries = []
        for item in items:
            path = self.workspace.resolve(item.path)
            if not paths.is_file(path):
                raise MissingError("An adapter of the stack is not there", where=path.name)
            entries.append(Entry(item, path.stat().st_size, atomic.sha256(path)))
        home = self.library.base_path(base)
        digest = base_hash(home) if isinstance(home, Path) else ""
        target = self.workspace.stacks / f"{slug(name, 'stack')}{ENDING}"
        title = home.stem if isinstance(home, Path) and Path(base).is_absolute() else base
        return stack_file.write(target, StackFile(name.strip()[:80], title, digest, entries))

    def all(self) -> list[dict[str, Any]]:
        """Every saved stack, newest first; a broken file says so under `problem`."""
        files = sorted(self.workspace.stacks.glob(f"*{ENDING}"), key=modified, reverse=True)
        return [_summary(path) for path in files]

    def path(self, name: str) -> Path:
        """The file of a saved stack by its name; MissingError names the nearest."""
        files = {
            printable(path.name).removesuffix(ENDING): path
            for path in paths.entries(self.workspace.stacks)
        }
        name = once(name)
        found = files.get(name) or files.get(name.removesuffix(ENDING)) or files.get(slug(name))
        if found is None:
            close = nearest(name, list(files))
            raise MissingError(
                "There is no saved stack of this name",
                where=name[:200],
                remedy=f"Did you mean “{close}”?" if close else "Give the path of its file.",
            )
        return found

    def load(self, path: str | Path) -> LoadedStack:
        """A saved stack with the library's files: by name, or the same contents under another."""
        saved = stack_file.read(path)
        adapters = [info.path for info in self.library.adapters()]
        items, missing, notes = [], [], []
        for entry in saved.entries:
            found, note = self._find(entry, adapters)
            if found is None:
                missing.append(note or entry.item.path)
                continue
            items.append(entry.item.model_copy(update={"path": str(found)}))
            notes += [note] if note else []
        return LoadedStack(saved.name, saved.base, items, missing, notes)

    def delete(self, name: str) -> Path:
        """Moves a saved stack to the trash."""
        return atomic.move_to_trash(self.path(name), self.workspace.trash)

    def _find(self, entry: Entry, adapters: Sequence[Path]) -> tuple[Path | None, str]:
        """The file an entry means, and what is to be said about it."""
        name = entry.item.path
        named = [path for path in adapters if path.name == name]
        others = [path for path in adapters if path.name != name]
        for path in [*named, *others]:  # contents are read only where the size is the same
            if path.stat().st_size == entry.size and atomic.sha256(path) == entry.sha256:
                own = path.name
                return path, "" if own == name else f"“{name}” is called “{own}” here."
        different = self.library.alike(named)
        if len(different) > 1:  # none of them is the one that was saved
            return None, f"{name} ({' or '.join(self.library.adapter_names(different))}?)"
        if different:
            return different[0], f"“{name}” is not the same file as when the stack was saved."
        return None, ""


def _summary(path: Path) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "id": printable(path.name).removesuffix(ENDING),
        "path": printable(path),
    }
    try:
        saved = stack_file.read(path)
    except (OSError, StudioError) as error:  # one bad file keeps no other from view
        return {**facts, "name": facts["id"], "problem": str(error), "files": [], "base": ""}
    files = [Path(entry.item.path).stem for entry in saved.entries]
    return {**facts, "name": saved.name, "problem": None, "files": files, "base": saved.base}
