"""Bases from the Hugging Face hub, by `owner/name` or, pinned to a revision, `owner/name@revision`.

Owns: which files of a repository are wanted, asking the network only when the cache has not all of
them, and saying how far a download is. Refuses to know: torch, families.

Wanted are configurations, vocabularies and one precision of each part's safetensors: half where
half will be computed with and the repository has it, else full. Pickles are never fetched.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from studio.architectures import ARCHITECTURES
from studio.core.errors import FileError, MissingError
from studio.core.paths import there
from studio.families import detect, part_files

_ID = re.compile(r"[A-Za-z0-9][\w.\-]*/[A-Za-z0-9][\w.\-]*(@[\w.\-/]+)?")
_SMALL = (".json", ".txt", ".toml")
_VARIANT = re.compile(r"\.(fp16|bf16|non_ema|ema_only|int8|fp8)(?=[.\-])")

VOCABULARIES = (
    "openai/clip-vit-large-patch14",
    "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "stabilityai/stable-diffusion-xl-base-1.0",
)
"""Repositories with CLIP's usual vocabulary; all hold the same one."""

Said = Callable[[str], None]
"""Takes a line about how far it is."""


def is_id(text: str) -> bool:
    """Whether `text` has the form of a hub id and is no path below this folder."""
    return has_form(text) and not there(Path(text).parent)


def has_form(text: str) -> bool:
    """Whether `text` has the form of a hub id; nothing on this machine is looked at."""
    return bool(_ID.fullmatch(text))


def fetch(name: str, half: bool = False, said: Said | None = None) -> Path:
    """The folder of `name` in the hub's cache, downloaded if need be.

    `half` prefers weights in half precision. Raises MissingError when it is neither here nor can
    be downloaded, FileError when it is there but nothing that could be loaded.
    """
    from huggingface_hub import HfApi, snapshot_download

    repository, _, revision = name.partition("@")
    if (here := cached(name)) is not None:
        return here
    try:
        about = HfApi().model_info(repository, files_metadata=True, revision=revision or None)
        sizes = {file.rfilename: file.size or 0 for file in about.siblings or []}
    except Exception as error:  # a network fails in many ways
        raise _unreachable(name, error) from error
    chosen = wanted(sizes, half)
    denoisers = {f"{row.denoiser.name}/" for row in ARCHITECTURES.values()}
    if not any(f.startswith(tuple(denoisers)) and f.endswith(".safetensors") for f in chosen):
        raise FileError(
            "This repository holds no base that the studio can load",
            where=name,
            why=_instead(sizes),
            remedy="Choose a repository with a diffusers folder in safetensors, or download a "
            "single .safetensors file into the workspace's “bases” folder.",
        )
    total = sum(sizes[file] for file in chosen)
    try:
        return Path(
            snapshot_download(
                repository,
                # what the list was made from, even if the repository changes meanwhile
                revision=about.sha or revision or None,
                allow_patterns=chosen,
                tqdm_class=_bar(name, total, said or (lambda line: None)),
            )
        )
    except Exception as error:  # a network fails in many ways
        raise _unreachable(name, error) from error


def cached(name: str) -> Path | None:
    """The snapshot of `name` that is on this machine, if all its parts are."""
    from huggingface_hub import snapshot_download

    repository, _, revision = name.partition("@")
    try:
        folder = snapshot_download(repository, revision=revision or None, local_files_only=True)
    except Exception:  # not in the cache
        return None
    return None if detect.describe(folder).problems else Path(folder)


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


def vocabulary(download: bool = True) -> Path | None:
    """The folder of CLIP's usual vocabulary in the hub's cache, with `download` brought there."""
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    names = ("vocab.json", "merges.txt")
    for repository in VOCABULARIES:
        for folder in ("", "tokenizer/"):
            found = [try_to_load_from_cache(repository, folder + name) for name in names]
            if all(isinstance(path, str) for path in found):
                return Path(str(found[0])).parent
    if not download:
        return None
    try:
        paths = [Path(hf_hub_download(VOCABULARIES[0], name)) for name in names]
    except Exception:  # a network fails in many ways; the caller says what to do
        return None
    return paths[0].parent


def _variant(file: str) -> str:
    found = _VARIANT.search(file)
    return found.group(1) if found else ""


def _instead(files: Iterable[str]) -> str:
    if any(file.endswith((".bin", ".ckpt")) and "/" in file for file in files):
        return "Its weights are pickles, which could run foreign code."
    if any(file.endswith(".safetensors") and "/" not in file for file in files):
        return "It holds single files."
    return "It has no folder “unet” with weights."


def _unreachable(name: str, error: Exception) -> MissingError:
    status = getattr(getattr(error, "response", None), "status_code", None)
    reasons = {
        401: "The hub does not know it, or does not show it to everybody.",
        403: "Its owner asks for an agreement first: log in on the hub's page and accept it.",
        404: "The hub does not know this name or revision.",
    }
    return MissingError(
        "This base model is neither on this machine nor could it be downloaded",
        where=name,
        why=reasons.get(status or 0, "The hub could not be reached, or broke off."),
        remedy="Check the name and the network, or give a local folder or file; what was already "
        "downloaded is kept.",
    )


def _bar(name: str, total: int, said: Said) -> Any:
    """A progress bar that speaks instead of drawing."""
    from tqdm import tqdm

    class Speaking(tqdm):
        spoken = -1

        def __init__(self, *args: Any, **options: Any) -> None:
            options |= {"disable": False, "file": io.StringIO()}
            options.pop("name", None)  # the hub's own class takes one
            super().__init__(*args, **options)

        def update(self, n: float | None = 1) -> bool | None:
            shown = super().update(n)
            share = int(100 * self.n / total) if total else 0
            if self.unit == "B" and share > self.spoken:
                type(self).spoken = share
                megabytes = f"{self.n / 1e6:,.0f} of {total / 1e6:,.0f} MB"
                said(f"Downloading {name}: {megabytes} ({share} %)")
            return shown

    return Speaking
