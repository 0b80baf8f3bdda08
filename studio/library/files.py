"""What the person has: datasets and adapter files, and bases (`base_files`).

Owns: finding them (headers only, cached) and importing what was dropped.
Refuses to know: torch, training, the page.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from studio.core.errors import DatasetError, FileError, InputError, MissingError, StudioError
from studio.core.names import path_of, printable
from studio.core.paths import (
    ASSETS,
    SAMPLE_ADAPTERS,
    STARTER,
    Workspace,
    entries,
    is_file,
    is_name,
    modified,
    there,
)
from studio.families.part_files import base_hash
from studio.formats import kinds
from studio.formats.beside_notes import read_beside
from studio.formats.dataset import DatasetInfo, read_dataset
from studio.formats.dataset_list import DatasetList, DatasetSummary
from studio.formats.image_memory import ImageMemory
from studio.formats.inspect import inspect
from studio.library import adapter_names, keeping
from studio.library.adapter_info import ADAPTER_ENDINGS, AdapterInfo
from studio.library.base_files import BaseFiles
from studio.library.given_files import Given
from studio.library.header_cache import HeaderFacts, Headers
from studio.library.importing import Imported, import_files
from studio.library.notes import Notes
from studio.settings.training import RunConfig

log = logging.getLogger(__name__)


class LibraryFiles(BaseFiles):
    """Bases, datasets and adapters of a workspace, and those that ship with the studio."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.headers = Headers(workspace.cache / "headers.json")
        self.images = ImageMemory(workspace.cache / "images")
        self.notes = Notes(workspace, lambda path: adapter_names.name_of(path, self.roots))
        self._datasets = DatasetList(workspace.cache / "datasets.json")

    def check_paths(self, config: RunConfig) -> None:
        """Raises what makes a saved configuration unusable for whoever asks now: it may name
        folders that only somebody at this machine may."""
        if not self.workspace.access.remote:
            return
        self.dataset_path(config.data.folder)
        self.base_path(config.base)
        if config.prior.folder.strip():
            self.workspace.images_folder(self.workspace.named(config.prior.folder))
        if config.options.get("continue_from"):
            self.adapter_path(str(config.options["continue_from"]))

    def datasets(self) -> list[DatasetSummary]:
        """The person's datasets, then the samples that ship; counted by names, not looked into."""
        found = self._datasets.below([self.workspace.datasets, ASSETS / "datasets"])
        return [self._open_to_all(info) for info in found]

    def _open_to_all(self, info: DatasetSummary) -> DatasetSummary:
        """The dataset, or no more than its name and why it is not opened over a link."""
        try:
            self.workspace.images_folder(info.path)
        except InputError as error:
            return DatasetSummary(info.name, info.path, problems=[error.sentence()])
        return info

    def summary(self, folder: Path) -> DatasetSummary:
        """One dataset as the list shows it."""
        return self._open_to_all(self._datasets.of(folder))

    def read_dataset(self, folder: str | Path) -> DatasetInfo:
        """A dataset, with what is remembered of its images."""
        return read_dataset(folder, self.images)

    def dataset_path(self, name: str) -> Path:
        """The folder of a dataset given by name or path."""
        for root in (self.workspace.datasets, ASSETS / "datasets"):
            if is_name(name) and there(folder := path_of(root / name)) and folder.is_dir():
                return self.workspace.images_folder(folder)
        path = self.workspace.named(name) if name.strip() else None
        if path is None or not there(path) or not path.is_dir():
            raise DatasetError(
                f"There is no dataset “{name}”" if name.strip() else "No dataset is chosen",
                remedy="Choose one from the list, or give the path of a folder of images.",
            )
        return self.workspace.images_folder(path)

    def import_dataset(
        self, files: Iterable[Given], name: str, into: str | Path | None = None
    ) -> Imported:
        """Copies files or whole folders into a new dataset, or into the one that `into` names.

        Sub-folders stay, nothing is overwritten; the answer lists what was renamed and left out.
        """
        folder = None if into is None else self.dataset_path(str(into))
        if folder is not None and folder.resolve().is_relative_to(ASSETS):
            raise InputError(
                "This is a sample that ships with the studio",
                where=folder,
                remedy="Make a copy of it first; the copy is yours.",
            )
        return import_files(files, self.workspace.datasets, name, folder)

    def adapters(self, base: str | None = None) -> list[AdapterInfo]:
        """What can be put on a stack, in the workspace and shipped, by name; headers only, cached.

        With `base`, only files of its family or of unknown family.
        """
        infos = [self.listed(path) for path in self.adapter_files()]
        self.headers.save()
        infos = [info for info in infos if not info.is_plain_image]
        if base is not None:
            family = next((info.family for info in self.bases() if info.name == base), None)
            infos = [info for info in infos if info.family in (family, None)]
        return sorted(infos, key=lambda info: info.name.lower())

    def adapter_files(self) -> list[Path]:
        """Files that may be adapters by their endings and places."""
        roots = [self.workspace.adapters, SAMPLE_ADAPTERS]
        files = [
            path
            for root in roots
            if root.is_dir()
            for path in sorted(root.rglob("*"))
            if path.suffix.lower() in ADAPTER_ENDINGS
            and path.is_file()
            and not path.name.startswith(".")
        ]
        # a model that was trained here lies in one file inside its own folder
        files += [
            path
            for folder in sorted(entries(self.workspace.bases))
            if (path := folder / f"{folder.name}.safetensors").is_file()
        ]
        return files

    def adapter(self, path: Path) -> AdapterInfo:
        """One adapter file; what is wrong with it is in `problem`."""
        try:
            status = path.stat()
        except OSError as error:
            raise MissingError("This file is not there", where=path) from error
        facts = self.headers.of(path, status)
        sides = (path.with_suffix(".preview.png"), path.with_suffix(".png"))
        noted = read_beside(path)
        info = AdapterInfo(
            printable(path.stem),
            path,
            facts.kind,
            facts.dialect,
            facts.family,
            status.st_size,
            facts.trigger or noted.trigger,
            status.st_mtime,
            next((side for side in sides if side != path and side.is_file()), None),
            facts.problem,
            self._stale(facts),
            facts.names,
            facts.thumbnail,
            noted.strength,
        )
        if info.usable or info.problem:
            return info
        return replace(info, problem=f"This is {kinds.phrase(facts.kind)}, not an adapter.")

    def listed(self, path: Path) -> AdapterInfo:
        """The same for lists: whatever a file does to its reader, it is a row with a problem."""
        try:
            return self.adapter(path)
        except StudioError as error:
            problem = error.sentence()
        except Exception:  # one file that nobody foresaw keeps no other from view
            log.exception("the header of %s could not be read", printable(path))
            problem = "The studio cannot read this file; the details are in its log."
        return AdapterInfo(
            printable(path.stem), path, "unknown", None, None, 0, "", modified(path), None, problem
        )

    def _stale(self, facts: HeaderFacts) -> str | None:
        """Other bases keep their weights under their name; the starter's change with the studio."""
        if facts.base_name != STARTER.name or not facts.base_hash:
            return None
        if self._starter_hash.startswith(facts.base_hash):
            return None
        return "Trained on an earlier starter model: on this one it is not what it was. Train it again."

    @cached_property
    def _starter_hash(self) -> str:
        return base_hash(STARTER)

    def adapter_path(self, name: str) -> Path:
        """An adapter file given by name or by a path we may read; see `adapter_names`.

        Raises MissingError, and InputError where a name fits several files.
        """
        if not path_of(name).is_absolute() and (found := self.named_adapter(name)):
            return self.workspace.inside(found)
        path = self.workspace.resolve(name)
        if is_file(path):
            return path
        raise adapter_names.missing(name, [printable(path.stem) for path in self.adapter_files()])

    def named_adapter(self, name: str, files: Iterable[Path] | None = None) -> Path | None:
        """The one among the library's files (or `files`) that a name means; None for no name.
        InputError when there are several."""
        known = self.adapter_files() if files is None else files
        return adapter_names.find(name, known, self.roots, self._kind, ADAPTER_ENDINGS)

    def alike(self, files: Sequence[Path]) -> list[Path]:
        """Those of `files` that really differ: no copies, not the same work in two formats."""
        return adapter_names.one_of(files, self._kind, ADAPTER_ENDINGS)

    def adapter_names(self, files: Iterable[Path]) -> list[str]:
        """The names by which these files cannot be mistaken."""
        return [adapter_names.name_of(path, self.roots) for path in files]

    @cached_property
    def roots(self) -> dict[str, Path]:
        """The folders of adapters by the words that stand for them in names."""
        workspace = self.workspace
        return {
            "adapters": workspace.adapters, "samples": SAMPLE_ADAPTERS, "bases": workspace.bases
        }  # fmt: skip

    def _kind(self, path: Path) -> str | None:
        try:
            info = self.adapter(path)
        except MissingError:
            return None
        if info.is_plain_image:
            return None
        return info.kind if info.usable else adapter_names.BROKEN

    def report(self, path: Path) -> dict[str, Any]:
        """The report of `formats.inspect`, hashes included, and what more a kind tells of its files."""
        if not is_file(path):
            raise MissingError("This file is not there", where=path)
        report = inspect(path)
        self.headers.learn(path, report)
        if stale := self.adapter(path).stale:
            report.problems.append(stale)
        row = kinds.find(report.kind)
        details = row.details(path, report.content) if row and row.details else {}
        return {**report.as_dict(), **details}

    def import_adapter(self, path: str | Path, filename: str) -> AdapterInfo:
        """Copies an uploaded file into `adapters/` after looking inside; a broken one is refused."""
        report = inspect(path := Path(path), hashes=False)
        row = kinds.find(report.kind)
        if row is None or row.place != "adapters":
            *most, last = (kind.phrase for kind in kinds.KINDS if kind.place == "adapters")
            raise FileError(
                "This file is not an adapter",
                where=filename,
                why="; ".join(report.problems) or f"It is {kinds.phrase(report.kind)}.",
                remedy=f"Put it into the workspace's folder “{row.place}”."
                if row
                else f"Drop {', '.join(most)} or {last}.",
                safe="Nothing was changed.",
            )
        (target,) = keeping.keep(self.workspace.adapters, [path], name=Path(filename))
        self.headers.learn(target, report)
        return self.adapter(target)
