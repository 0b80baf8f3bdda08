"""Bases from the Hugging Face hub, by `owner/name`.

Owns: which files of a repository are wanted, and asking the network only when the cache has
nothing. Refuses to know: torch, families.
"""

from __future__ import annotations

import re
from pathlib import Path

from studio.errors import MissingError

_ID = re.compile(r"[A-Za-z0-9][\w.\-]*/[A-Za-z0-9][\w.\-]*")
# Weights only from folders: beside them lie the same weights as one big file.
_WANTED = ["*.json", "*.txt", "*.toml", "*/*.safetensors"]
_UNWANTED = ["safety_checker/*", "image_encoder/*", "*.non_ema.*", "*onnx*", "*openvino*", "*flax*"]
_HALF = ["*.fp16.*", "*.bf16.*"]


def is_id(text: str) -> bool:
    """Whether `text` has the form of a hub id and is no path below this folder."""
    return bool(_ID.fullmatch(text)) and not Path(text).parent.exists()


def fetch(name: str) -> Path:
    """The folder of `name` in the hub's cache, downloaded if need be. Raises MissingError."""
    from huggingface_hub import snapshot_download

    def snapshot(unwanted: list[str], local: bool) -> Path:
        return Path(
            snapshot_download(
                name, allow_patterns=_WANTED, ignore_patterns=unwanted, local_files_only=local
            )
        )

    try:
        return snapshot(_UNWANTED, local=True)
    except Exception:  # not in the cache: ask the network
        pass
    try:
        folder = snapshot([*_UNWANTED, *_HALF], local=False)
        # some repositories have nothing but half precision
        return folder if any(folder.glob("unet/*.safetensors")) else snapshot(_UNWANTED, False)
    except Exception as error:  # a network fails in many ways
        lines = str(error).strip().splitlines()
        raise MissingError(
            "This base model is neither on this machine nor could it be downloaded",
            where=name,
            why=f"The hub said: {lines[0][:200]}" if lines else None,
            remedy="Check the name and the network, or give a local folder.",
        ) from error
