"""CLIP's vocabulary on disk: finding one for a base that has none, writing it for all readers.

Owns: a tokenizer folder's files, and where a one-file base finds its vocabulary.
Refuses to know: prompts, encoders.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from studio.core import atomic, memory
from studio.core.counts import counted
from studio.core.errors import FileError, MissingError
from studio.core.text import parse_json, read_json
from studio.families import hub

USUAL_SIZE = 49408
"""Tokens of CLIP's published vocabulary (Radford et al. 2021); OpenCLIP uses the same one."""
BESIDE = ".tokenizer"
"""A one-file base called `mine.safetensors` finds its vocabulary in `mine.tokenizer/`."""


def is_unusual(tokenizer: Any) -> bool:
    """Whether other programs could not guess this vocabulary."""
    return len(tokenizer) != USUAL_SIZE


def is_folder(folder: Path) -> bool:
    """Whether a vocabulary lies in `folder`."""
    return (folder / "tokenizer.json").is_file() or (
        (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file()
    )


def find(base: Path, size: int, also: Path | None = None, *, download: bool = True) -> Path:
    """The folder of the vocabulary of `size` tokens for the one-file base `base`.

    Looked at, in order: `<name>.tokenizer/` and `tokenizer/` beside the file, the file's own
    folder, `also`, the hub's cache; the usual vocabulary is downloaded at last, with `download`. Raises
    MissingError naming where to put it.
    """
    beside = base.with_suffix(BESIDE)
    places = [beside, base.parent / "tokenizer", base.parent, *([also] if also else [])]
    for folder in places:
        if is_folder(folder) and _count(folder) == size:
            return folder
    if size == USUAL_SIZE and (found := hub.vocabulary(download)) is not None:
        return found
    remedy = f"Put vocab.json and merges.txt into “{beside}” or “{base.parent / 'tokenizer'}”"
    if size == USUAL_SIZE:
        source = hub.VOCABULARIES[0]
        remedy += f" (from {source} on the hub), or connect this machine to the network once."
    else:
        remedy += "; they come from where the model comes from."
    raise MissingError(
        "The vocabulary of this base is not on this machine",
        where=base,
        why=f"A file of weights does not hold the {counted(size, 'word')} its text encoder knows.",
        remedy=remedy,
    )


def read(folder: Path, pad: str | None = None, class_name: str = "CLIPTokenizer") -> Any:
    """The tokenizer in `folder`, of transformers' class `class_name`, padded with `pad` where one
    is given. Raises FileError.
    """
    import transformers

    more: dict[str, Any] = {"pad_token": pad} if pad else {}
    try:
        return getattr(transformers, class_name).from_pretrained(
            folder, local_files_only=True, **more
        )
    except Exception as error:  # loaders raise nearly any type for a broken file
        if memory.is_full(error):
            raise
        raise FileError(
            "This vocabulary cannot be read",
            where=folder,
            remedy="Copy vocab.json and merges.txt again.",
        ) from error


def _count(folder: Path) -> int:
    """Tokens of the vocabulary, special ones counted; 0 when it cannot be read."""
    try:
        if (folder / "tokenizer.json").is_file():
            whole = read_json(folder / "tokenizer.json")
            added = {entry["content"] for entry in whole.get("added_tokens", [])}
            return len(added | whole["model"]["vocab"].keys())
        return len(read_json(folder / "vocab.json"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return 0


def write(tokenizer: Any, folder: Path, most: int | None = 77) -> Path:
    """Writes the vocabulary for an encoder of at most `most` tokens (None: any number).

    As `tokenizer.json` (today's readers), `vocab.json` and `merges.txt` (older ones)."""
    whole = parse_json(tokenizer.backend_tokenizer.to_str())
    whole |= {"truncation": None, "padding": None}
    merges = [
        pair if isinstance(pair, str) else " ".join(pair) for pair in whole["model"]["merges"]
    ]
    special = ("bos_token", "eos_token", "pad_token", "unk_token")
    tokens = {name: str(found) for name in special if (found := getattr(tokenizer, name))}
    compact: dict[str, Any] = {"ensure_ascii": False, "separators": (",", ":")}
    atomic.write_text(folder / "tokenizer.json", json.dumps(whole, **compact))
    atomic.write_text(folder / "vocab.json", json.dumps(whole["model"]["vocab"], **compact))
    atomic.write_text(folder / "merges.txt", "\n".join(["#version: 0.2", *merges, ""]))
    atomic.write_json(folder / "special_tokens_map.json", tokens)
    stated: dict[str, Any] = {"tokenizer_class": type(tokenizer).__name__}
    if most is not None:
        stated["model_max_length"] = min(int(tokenizer.model_max_length), most)
    atomic.write_json(folder / "tokenizer_config.json", {**stated, **tokens})
    return folder
