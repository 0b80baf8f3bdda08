"""CLIP's vocabulary on disk: writing it so that old and new readers find it.

Owns: a tokenizer folder's files. Refuses to know: prompts, encoders.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from studio import atomic

USUAL_SIZE = 49408
"""Tokens of CLIP's published vocabulary (Radford et al. 2021); OpenCLIP uses the same one."""
BESIDE = ".tokenizer"
"""A one-file base called `mine.safetensors` finds its vocabulary in `mine.tokenizer/`."""


def is_unusual(tokenizer: Any) -> bool:
    """Whether other programs could not guess this vocabulary."""
    return len(tokenizer) != USUAL_SIZE


def write(tokenizer: Any, folder: Path) -> Path:
    """Writes `tokenizer.json` (today's readers), `vocab.json` and `merges.txt` (older ones)."""
    whole = json.loads(tokenizer.backend_tokenizer.to_str())
    whole |= {"truncation": None, "padding": None}
    merges = [
        pair if isinstance(pair, str) else " ".join(pair) for pair in whole["model"]["merges"]
    ]
    special = ("bos_token", "eos_token", "pad_token", "unk_token")
    tokens = {name: str(getattr(tokenizer, name)) for name in special}
    compact: dict[str, Any] = {"ensure_ascii": False, "separators": (",", ":")}
    atomic.write_text(folder / "tokenizer.json", json.dumps(whole, **compact))
    atomic.write_text(folder / "vocab.json", json.dumps(whole["model"]["vocab"], **compact))
    atomic.write_text(folder / "merges.txt", "\n".join(["#version: 0.2", *merges, ""]))
    atomic.write_json(folder / "special_tokens_map.json", tokens)
    length = min(int(tokenizer.model_max_length), 77)
    atomic.write_json(
        folder / "tokenizer_config.json",
        {"tokenizer_class": "CLIPTokenizer", "model_max_length": length, **tokens},
    )
    return folder
