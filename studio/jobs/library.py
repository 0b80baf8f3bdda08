"""What the person has: bases, datasets, adapter files.

Owns: finding them (headers only, cached) and importing what was dropped.
Refuses to know: torch, training, the page.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from studio import atomic
from studio.config import nearest
from studio.errors import DatasetError, FileError, InputError, MissingError
from studio.families import hub
from studio.families.clip_folder import is_clip
from studio.families.detect import FILE_ENDINGS, BaseInfo, base_hash, describe, unet_layout
from studio.families.vocabulary import is_folder
from studio.formats.dataset import DatasetInfo, find_datasets, is_picture
from studio.formats.inspect import inspect
from studio.formats.ldm_names import unet_blocks
from studio.jobs.headers import HeaderFacts, Headers
from studio.jobs.importing import Given, Imported, import_files
from studio.paths import ASSETS, SAMPLE_ADAPTERS, STARTER, Workspace, slug

ADAPTER_ENDINGS = (".safetensors", ".pt", ".bin", ".ckpt", ".png", ".webp")
ADAPTER_KINDS = ("lora", "embedding", "hypernetwork", "aesthetic")
STACK_KINDS = (*ADAPTER_KINDS, "checkpoint")


@dataclass(frozen=True)
class AdapterInfo:
    """One adapter file as its header shows it."""

    name: str
    path: Path
    kind: str
    dialect: str | None
    family: str | None
    size: int
    """Bytes."""
    trigger: str
    modified: float
    preview: Path | None
    problem: str | None
    stale: str | None = None
    """Why it hardly does what it was trained for: the starter model has changed since."""

    @property
    def is_plain_picture(self) -> bool:
        """A picture without an adapter in it, such as somebody's preview."""
        return self.problem is not None and is_picture(self.path)


class Library:
    """Bases, datasets and adapters of a workspace, and those that ship with the studio."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.headers = Headers(workspace.cache / "headers.json")

    def bases(self) -> list[BaseInfo]:
        """The starter first, then the folders and model files in `bases/`; no vocabulary, no CLIP.

        Names are all different.
        """
        found = [describe(STARTER)]
        for path in sorted(self.workspace.bases.iterdir(), key=lambda path: (path.is_file(), path)):
            model = path.suffix.lower() in FILE_ENDINGS if path.is_file() else not is_folder(path)
            if not model or is_clip(path) or path.name.startswith("."):
                continue
            info = describe(path)
            taken = any(other.name == info.name for other in found)
            found.append(replace(info, name=path.name) if taken else info)
        return found

    def base(self, name: str) -> BaseInfo:
        """One base by name or path; of a hub id that is not here yet, hardly more than its name."""
        path = self.base_path(name)
        if isinstance(path, str):
            return BaseInfo(
                path, Path(path), None, "from the hub", 0, "unknown", None, 0,
                assumed=[f"“{path}” is downloaded from the hub first."],
            )  # fmt: skip
        return describe(path)

    def base_path(self, name: str) -> Path | str:
        """The folder or file of a base given by name or path; another text is taken as a hub id."""
        if name == "starter":
            return STARTER
        if name and Path(name).name == name:
            for ending in ("", *FILE_ENDINGS):
                if (named := self.workspace.bases / f"{name}{ending}").exists():
                    return named
        if Path(name).expanduser().exists():
            return Path(name).expanduser().resolve()
        if hub.is_id(name):
            return hub.cached(name) or name
        known = ", ".join(base.name for base in self.bases())
        raise MissingError(
            f"There is no base model “{name}”",
            why=f"It is neither a folder nor a file, and not in {self.workspace.bases}",
            remedy=f"Known are: {known}.",
        )

    def blocks(self, base: str) -> dict[str, bool]:
        """The blocks of a base's UNet and whether each has attention; MissingError, FileError."""
        path = self.base_path(base)
        if isinstance(path, str):
            raise MissingError(
                "This base has to be downloaded before its blocks are known", where=path
            )
        return unet_blocks(unet_layout(path))

    def vaes(self) -> list[str]:
        """Names of what lies in `vae/`: files, and folders with a configuration."""
        return sorted(
            path.name
            for path in self.workspace.vae.iterdir()
            if (path / "config.json").is_file()
            or (path.is_file() and path.suffix.lower() in (*FILE_ENDINGS, ".pt"))
        )

    def vae_path(self, name: str) -> Path:
        """The VAE given by its name in `vae/`, or by a path the studio may read."""
        if Path(name).name == name and (self.workspace.vae / name).exists():
            return self.workspace.vae / name
        path = self.workspace.resolve(name)
        if not path.exists():
            raise MissingError(
                f"There is no VAE “{name}”",
                why=f"It is not in {self.workspace.vae}.",
                remedy=f"Known are: {', '.join(self.vaes()) or 'none'}.",
            )
        return path

    def datasets(self) -> list[DatasetInfo]:
        """The person's datasets, then the samples that ship."""
        return find_datasets([self.workspace.datasets, ASSETS / "datasets"])

    def dataset_path(self, name: str) -> Path:
        """The folder of a dataset given by name or path."""
        for root in (self.workspace.datasets, ASSETS / "datasets"):
            if name and Path(name).name == name and (root / name).is_dir():
                return root / name
        path = Path(name).expanduser()
        if not name.strip() or not path.is_dir():
            raise DatasetError(
                f"There is no dataset “{name}”" if name.strip() else "No dataset is chosen",
                remedy="Choose one from the list, or give the path of a folder of pictures.",
            )
        return path.resolve()

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

    def adapters(self) -> list[AdapterInfo]:
        """What can stand on a stack, in the workspace and shipped, by name; headers only, cached."""
        infos = []
        for path in self.adapter_files():
            with contextlib.suppress(MissingError):  # it went away meanwhile
                infos.append(self.adapter(path))
        self.headers.save()
        return sorted(
            (info for info in infos if not info.is_plain_picture),
            key=lambda info: info.name.lower(),
        )

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
            for folder in sorted(self.workspace.bases.iterdir())
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
        problem = facts.problem
        if facts.kind not in STACK_KINDS and problem is None:
            problem = f"This is a {facts.kind}, not an adapter."
        sides = (path.with_suffix(".preview.png"), path.with_suffix(".png"))
        return AdapterInfo(
            path.stem,
            path,
            facts.kind,
            facts.dialect,
            facts.family,
            status.st_size,
            facts.trigger,
            status.st_mtime,
            next((side for side in sides if side != path and side.is_file()), None),
            problem,
            self._stale(facts),
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
        """An adapter file given by name (with or without its ending) or by a path we may read."""
        for root in (self.workspace.adapters, SAMPLE_ADAPTERS):
            if Path(name).name == name and root.is_dir():
                endings = ("", *ADAPTER_ENDINGS)
                files = (root / f"{name}{ending}" for ending in endings)
                if found := next((file for file in files if file.is_file()), None):
                    return found
        path = self.workspace.resolve(name)
        if path.is_file():
            return path
        close = nearest(Path(name).stem, [info.name for info in self.adapters()])
        raise MissingError(
            f"There is no adapter file “{name}”",
            remedy=f"Did you mean “{close}”?" if close else "Choose one of the adapters.",
        )

    def inspect(self, path: Path) -> dict[str, Any]:
        """The report of `formats.inspect`, hashes included; of a LoRA its `blocks` too."""
        if not path.is_file():
            raise MissingError("This file is not there", where=path)
        report = inspect(path).as_dict()
        if stale := self.adapter(path).stale:
            report["problems"].append(stale)
        if report["kind"] == "lora":
            from studio.formats import lora, lora_blocks

            report["blocks"] = [vars(facts) for facts in lora_blocks.blocks(lora.read(path))]
        return report

    def import_adapter(self, path: Path, filename: str) -> AdapterInfo:
        """Copies an uploaded file into `adapters/` after looking inside; a broken one is refused."""
        report = inspect(path).as_dict()
        if report["kind"] not in ADAPTER_KINDS:
            raise FileError(
                "This file is not an adapter",
                where=filename,
                why="; ".join(report["problems"]) or f"It is a {report['kind']}.",
                remedy="Drop a LoRA, embedding, hypernetwork or aesthetic file.",
                safe="Nothing was changed.",
            )
        target = self.place_for(Path(filename), path)
        return self.adapter(atomic.copy_file(path, target))

    def place_for_base(self, name: str) -> Path:
        """A free folder in `bases/` for a model; one that was never finished is used again."""
        stem = slug(name, "model")
        for count in range(1, 10_000):
            folder = self.workspace.bases / f"{stem}{'' if count == 1 else f'-{count}'}"
            if not (folder / "model_index.json").exists():
                return folder
        raise FileError(f"There are too many models called “{stem}”", where=self.workspace.bases)

    def keep(self, written: list[Path]) -> list[Path]:
        """Copies a run's finished files into `adapters/`, all under one free name.

        What belongs together stays together: `x.safetensors`, `x.pt`, `x.pt.optim`.
        """
        stem = written[0].stem
        endings = [path.name.removeprefix(stem) for path in written]
        places = self._places(stem, dict(zip(endings, written, strict=True)))
        for path, place in zip(written, places, strict=True):
            atomic.copy_file(path, place)
        return places

    def place_for(self, name: Path, content: Path) -> Path:
        """A free path in `adapters/` for `name`; the very same content keeps its place."""
        return self._places(name.stem, {name.suffix.lower(): content})[0]

    def _places(self, stem: str, contents: dict[str, Path]) -> list[Path]:
        """A path for each ending → content, with one number that is free for all of them."""
        stem = slug(stem, "adapter")
        for count in range(1, 10_000):
            name = f"{stem}{'' if count == 1 else f'-{count}'}"
            targets = {self.workspace.adapters / (name + e): c for e, c in contents.items()}
            if all(_free(target, content) for target, content in targets.items()):
                return list(targets)
        raise FileError(f"There are too many files called “{stem}”", where=self.workspace.adapters)


def _free(target: Path, content: Path) -> bool:
    """Whether `content` may be written to `target`: nothing else is there."""
    return not target.exists() or atomic.sha256(target) == atomic.sha256(content)
