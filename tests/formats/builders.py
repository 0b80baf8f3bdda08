"""Files of other programs, built by their described layout for the tests (never copied)."""

from __future__ import annotations

import collections
import json
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import torch

UNET_PATH = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
TEXT_PATH = "text_model.encoder.layers.0.self_attn.q_proj"


def pair(out: int = 8, rank: int = 2, inputs: int = 12, seed: int = 0):
    """An up [out, rank] and a down [rank, inputs] matrix, never zero."""
    generator = torch.Generator().manual_seed(seed)
    up = torch.randn(out, rank, generator=generator)
    return up, torch.randn(rank, inputs, generator=generator)


def safetensors_bytes(fields: Any, data: bytes = b"") -> bytes:
    """A container with any header, also a wrong one."""
    header = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    return struct.pack("<Q", len(header)) + header + data


def torch_zip(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    """A zip container laid out as PyTorch does, with whatever is wanted in it."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(f"archive/{name}", data)
    return path


def legacy(path: Path, body: bytes, keys: list[str] | None = None, tail: bytes = b"") -> Path:
    """The layout of before 2020 around a hand-made object pickle."""
    parts = [
        pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2),
        pickle.dumps(1001, protocol=2),
        pickle.dumps({"protocol_version": 1001, "little_endian": True}, protocol=2),
        body,
        pickle.dumps(keys or [], protocol=2),
        tail,
    ]
    path.write_bytes(b"".join(parts))
    return path


def hypernetwork_state(width: int, seed: int = 0) -> collections.OrderedDict:
    """The plainest network, 1 → 2 → 1 times the width, in today's key style."""
    generator = torch.Generator().manual_seed(seed)

    def numbers(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator) * 0.01

    return collections.OrderedDict(
        {
            "linear.0.weight": numbers(2 * width, width),
            "linear.0.bias": numbers(2 * width),
            "linear.1.weight": numbers(width, 2 * width),
            "linear.1.bias": numbers(width),
        }
    )
