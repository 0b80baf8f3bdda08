"""A repository on the hub, looked at before anything of it is downloaded.

Owns: which of its files are wanted, how large they are, its licence, and the words for a hub that
refuses. Refuses to know: torch, downloading (`hub_download`), what is in the cache.

Wanted are configurations, vocabularies and one precision of each part's safetensors: half where
half will be computed with and the repository has it, else full. Pickles are never fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.architectures import ARCHITECTURES
from studio.core.errors import FileError, MissingError, StorageError, StudioError
from studio.families import part_files

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

_SMALL = (".json", ".txt", ".toml")
_VARIANT = re.compile(r"\.(fp16|bf16|non_ema|ema_only|int8|fp8)(?=[.\-])")
_LICENCE = "license:"
_REASONS = {
    401: "The hub does not know it, or does not show it to everybody.",
    403: "Its owner does not let this account read it.",
    404: "The hub does not know this name or revision.",
    429: "The hub was asked too often from here.",
}
_GATED = "Its owner asks for an agreement first, and this machine is not signed in with it."
_OFFLINE = "HF_HUB_OFFLINE is set, so the hub is not asked."


@dataclass(frozen=True)
class RemoteFile:
    """One file of a repository."""

    size: int
    """Bytes."""
    digest: str
    """SHA-256 of a large file, git's hash of a small one; the hub's cache calls it so."""


@dataclass(frozen=True)
class Repository:
    """What would be downloaded of one repository."""

    id: str
    """`owner/name`."""
    revision: str
    """As it was asked for; empty for the main branch."""
    commit: str
    """What the revision means now."""
    files: Mapping[str, RemoteFile]
    """Those that are wanted."""
    licence: str
    """As its owner states it, such as `openrail++`; empty where nothing is stated."""
    gated: bool
    """Whether its owner asks for an agreement before files are given out."""

    @property
    def size(self) -> int:
        """Bytes of all wanted files."""
        return sum(file.size for file in self.files.values())


def look(name: str, half: bool = False) -> Repository:
    """Asks the hub what `owner/name` or `owner/name@revision` holds; downloads nothing.

    `half` prefers weights in half precision. Raises MissingError when the hub does not know or show
    it, or cannot be reached; FileError when it holds nothing that could be loaded.
    """
    from huggingface_hub import HfApi

    repository, _, revision = name.partition("@")
    try:
        about = HfApi().model_info(repository, files_metadata=True, revision=revision or None)
    except Exception as error:  # a network fails in many ways
        raise refused(name, error) from error
    files = {file.rfilename: _remote(file) for file in about.siblings or []}
    chosen = wanted(files, half)
    denoisers = tuple(f"{row.denoiser.name}/" for row in ARCHITECTURES.values())
    if not any(f.startswith(denoisers) and f.endswith(".safetensors") for f in chosen):
        raise FileError(
            "This repository holds no base that the studio can load",
            where=name,
            why=_instead(files),
            remedy="Choose a repository with a diffusers folder in safetensors, or download a "
            "single .safetensors file into the workspace's “bases” folder.",
        )
    return Repository(
        id=repository,
        revision=revision,
        commit=about.sha or revision or "main",
        files={file: files[file] for file in chosen},
        licence=_licence(about.tags or []),
        gated=bool(about.gated),
    )


def wanted(files: Iterable[str], half: bool) -> list[str]:
    """The files of a repository to download, of each part's weights one precision."""
    files = sorted(files)
    chosen = [file for file in files if "/" not in file and file.endswith(_SMALL)]
    for part in part_files.known_parts():
        inside = [file for file in files if file.startswith(f"{part}/") and file.count("/") == 1]
        small = [f for f in inside if f.endswith(_SMALL) and ".safetensors.index" not in f]
        chosen += [file for file in small if "flax" not in file]
        if not part_files.has_weights(part):
            continue
        weights = [file for file in inside if file not in small and "safetensors" in file]
        order = ("fp16", "", "bf16") if half else ("", "fp16", "bf16")
        by_variant = {variant: [f for f in weights if _variant(f) == variant] for variant in order}
        chosen += next((found for found in by_variant.values() if found), [])
    return chosen


def refused(name: str, error: Exception) -> StudioError:
    """What to say when the hub, the network or the disk did not let something be had.

    No path of the hub's cache is named: it means nothing to whoever asked for `name`.
    """
    from huggingface_hub.errors import GatedRepoError, OfflineModeIsEnabled

    if isinstance(error, StorageError):
        error.where = name
        error.safe = "What was already downloaded is kept."
        return error
    if isinstance(error, StudioError):
        return error
    status = getattr(getattr(error, "response", None), "status_code", None)
    why = _REASONS.get(status or 0, "The hub could not be reached, or broke off.")
    remedy = "Check the name and the network, or give a local folder or file."
    if isinstance(error, GatedRepoError):
        page = f"huggingface.co/{name.partition('@')[0]}"
        why = _GATED
        remedy = f"Accept it on {page}, then sign in on this machine: hf auth login"
    elif isinstance(error, OfflineModeIsEnabled):
        why, remedy = _OFFLINE, "Unset it, or give a local folder or file."
    return MissingError(
        "This base model is neither on this machine nor could it be downloaded",
        where=name,
        why=why,
        remedy=remedy,
        safe="What was already downloaded is kept; the next try continues from there.",
    )


def _remote(file: RepoSibling) -> RemoteFile:
    digest = file.lfs.sha256 if file.lfs else file.blob_id
    return RemoteFile(file.size or 0, digest or "")


def _variant(file: str) -> str:
    found = _VARIANT.search(file)
    return found.group(1) if found else ""


def _licence(tags: Iterable[str]) -> str:
    return next((tag.removeprefix(_LICENCE) for tag in tags if tag.startswith(_LICENCE)), "")


def _instead(files: Iterable[str]) -> str:
    if any(file.endswith((".bin", ".ckpt")) and "/" in file for file in files):
        return "Its weights are pickles, which could run foreign code."
    if any(file.endswith(".safetensors") and "/" not in file for file in files):
        return "It holds single files."
    return "It has no folder “unet” with weights."
