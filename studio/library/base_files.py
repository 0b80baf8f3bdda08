"""The bases that the person has, their blocks, and VAEs to use in place of theirs.

Owns: finding them by name, path or hub id. Refuses to know: torch, loading, the page.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from studio.clip.folder import is_clip
from studio.core.errors import FileError, InputError, MissingError, StudioError
from studio.core.names import path_of, printable
from studio.core.paths import (
    STARTER,
    Workspace,
    entries,
    is_file,
    is_name,
    there,
)
from studio.families import hub
from studio.families.detect import FILE_ENDINGS, BaseInfo, denoiser_blocks, describe
from studio.families.vocabulary import is_folder
from studio.library.added_bases import AddedBases, Place

log = logging.getLogger(__name__)


class BaseFiles:
    """Bases and VAEs of a workspace, and the base that ships with the studio."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.added = AddedBases(workspace)

    def bases(self) -> list[BaseInfo]:
        """The starter first, then the folders and model files in `bases/`, then those that lie
        elsewhere and were added; no vocabulary, no CLIP. Names are all different.
        """
        found = [describe(STARTER)]
        for path in sorted(entries(self.workspace.bases), key=lambda path: (is_file(path), path)):
            if path.name.startswith(".") or not _may_be_base(path):
                continue
            info = _described(path)
            taken = any(other.name == info.name for other in found)
            found.append(replace(info, name=printable(path.name)) if taken else info)
        for place in self._added_here():
            found.append(self._elsewhere(place, {info.name for info in found}))
        return found

    def add(self, text: str) -> BaseInfo:
        """Adds a base that lies elsewhere, by its path, or one of the hub that is on this machine by
        its id; nothing is copied. A base that is known already is answered as it is.

        Raises InputError where its path may not be named, MissingError, StorageError, and FileError
        for what is no base that the studio can load.
        """
        text = text.strip().strip("\"'")
        if path_of(text).is_absolute():
            self.workspace.named(text)  # over a link it may be refused, with the reason
        place = self.base_path(text)
        if isinstance(place, str):
            raise MissingError(
                "This base is not on this machine yet", where=place, remedy="Download it first."
            )
        info = describe(place)
        if info.problems or not info.family:
            raise FileError(
                "This is not a base model that the studio can load",
                where=place,
                why=" ".join(info.problems).replace(f" ({printable(place)})", "") or info.title,
                remedy="Choose a diffusers folder, or a single .safetensors file of a whole model.",
            )
        known = {base.path: base for base in self.bases()}
        if place.resolve() not in {path.resolve() for path in known}:
            self.added.add(text if hub.is_id(text) else place)
            known = {base.path: base for base in self.bases()}
        return next(base for path, base in known.items() if path.resolve() == place.resolve())

    def forget(self, name: str) -> None:
        """Takes a base that lies elsewhere off the list; its files stay. Raises MissingError."""
        for place in self.added.all():
            if name in (_called(place), str(place), printable(place)):
                return self.added.forget(place)
        raise MissingError(
            f"No base “{name}” was added from elsewhere",
            remedy="What lies in the workspace's folder “bases” is removed there.",
        )

    def _added_here(self) -> list[Place]:
        """Those that may be named from where the page is open."""
        return [place for place in self.added.all() if isinstance(place, str) or self._may(place)]

    def _may(self, path: Path) -> bool:
        try:
            self.workspace.named(path)
        except InputError:
            return False
        return True

    def _elsewhere(self, place: Place, taken: set[str]) -> BaseInfo:
        path = hub.cached(place) if isinstance(place, str) else place
        if path is None:
            return _unusable(Path(place), "It is not on this machine any more: add it again.")
        name = _called(place)
        return replace(_described(path), name=printable(place) if name in taken else name)

    def base(self, name: str) -> BaseInfo:
        """One base by name or path; of a hub id that is not here yet, hardly more than its name."""
        path = self.base_path(name)
        if isinstance(path, str):
            return BaseInfo(
                path, Path(path), None, "from the hub", 0, "unknown", None, 0,
                assumed=[f"“{path}” is downloaded from the hub first."],
            )  # fmt: skip
        info = describe(path)
        return replace(info, name=name) if hub.is_id(name) else info

    def base_path(self, name: str) -> Path | str:
        """The folder or file of a base given by name or path; another text is taken as a hub id."""
        if name == "starter":
            return STARTER
        if is_name(name):
            for ending in ("", *FILE_ENDINGS):
                if there(named := path_of(self.workspace.bases / f"{name}{ending}")):
                    return self.workspace.inside(named)
            for place in self._added_here():
                if isinstance(place, Path) and _called(place) == name:
                    return place
        remote = self.workspace.access.remote
        try:
            if there(path := self.workspace.named(name)):
                return path
        except InputError:
            if not remote:
                raise
        if hub.has_form(name) if remote else hub.is_id(name):
            return hub.cached(name) or name
        known = ", ".join(base.name for base in self.bases())
        raise MissingError(
            f"There is no base model “{name}”",
            why=f"It is neither a folder nor a file, and not in {self.workspace.bases}",
            remedy=f"Known are: {known}.",
        )

    def blocks(self, base: str) -> dict[str, bool]:
        """The blocks of a base's denoiser and whether each has attention; MissingError, FileError."""
        path = self.base_path(base)
        if isinstance(path, str):
            raise MissingError(
                "This base has to be downloaded before its blocks are known", where=path
            )
        return denoiser_blocks(path)

    def vaes(self) -> list[str]:
        """Names of what lies in `vae/`: files, and folders with a configuration."""
        return sorted(
            printable(path.name)
            for path in entries(self.workspace.vae)
            if (path / "config.json").is_file()
            or (path.is_file() and path.suffix.lower() in (*FILE_ENDINGS, ".pt"))
        )

    def vae_path(self, name: str) -> Path:
        """The VAE given by its name in `vae/`, or by a path the studio may read."""
        if is_name(name) and there(path := path_of(self.workspace.vae / name)):
            return self.workspace.inside(path)
        path = self.workspace.resolve(name)
        if not there(path):
            raise MissingError(
                f"There is no VAE “{name}”",
                why=f"It is not in {self.workspace.vae}.",
                remedy=f"Known are: {', '.join(self.vaes()) or 'none'}.",
            )
        return path


def _may_be_base(path: Path) -> bool:
    """A folder or model file, but no vocabulary and no CLIP."""
    try:
        model = path.suffix.lower() in FILE_ENDINGS if path.is_file() else not is_folder(path)
        return model and not is_clip(path)
    except (OSError, StudioError):
        return True  # its row says what is wrong


def _called(place: Place) -> str:
    """What one that lies elsewhere is called, as long as no other has this name."""
    if isinstance(place, str):
        return place
    return printable(place.stem if place.suffix.lower() in FILE_ENDINGS else place.name)


def _described(path: Path) -> BaseInfo:
    """`describe` for lists: whatever is wrong with one base, the others are shown."""
    try:
        return describe(path)
    except MissingError:
        return _unusable(path, "It is not there now.")
    except StudioError as error:
        return _unusable(path, error.sentence())
    except Exception:
        log.exception("the base %s could not be looked at", printable(path))
        return _unusable(path, "The studio cannot read this base; the details are in its log.")


def _unusable(path: Path, problem: str) -> BaseInfo:
    return BaseInfo(
        printable(path.stem), path, None, "Not a base model", 0, "unknown", None, 0, [problem]
    )
