"""Every random draw of a run, as a pure function of (seed, purpose, keys).

Owns: the generators. Because none is carried from step to step, resuming needs no random state, and
samples cannot disturb training. Refuses to know: what is drawn for whom.
"""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor


def derived_seed(seed: int, purpose: str, *keys: int) -> int:
    """A 63-bit seed that depends on its arguments alone."""
    text = f"{seed}/{purpose}/" + "/".join(str(key) for key in keys)
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator(seed: int, purpose: str, *keys: int) -> torch.Generator:
    """A CPU generator that depends on its arguments alone."""
    return torch.Generator("cpu").manual_seed(derived_seed(seed, purpose, *keys))


def gaussian(shape: tuple[int, ...], seed: int, purpose: str, *keys: int) -> Tensor:
    """Standard normal noise of `shape` on the CPU, fp32."""
    return torch.randn(shape, generator=generator(seed, purpose, *keys))


def uniform(seed: int, purpose: str, *keys: int) -> float:
    """One number in [0, 1)."""
    return float(torch.rand((), generator=generator(seed, purpose, *keys)))


def permutation(count: int, seed: int, purpose: str, *keys: int) -> list[int]:
    """An order of `count` items."""
    order: list[int] = torch.randperm(count, generator=generator(seed, purpose, *keys)).tolist()
    return order
