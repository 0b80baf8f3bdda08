"""Weights of a base offloaded to disk while copies of them learn.

Owns: when that is worth it, and the scratch file. Refuses to know: methods, models, runs.

They stay usable: a mapped weight is read from the disk when somebody asks for it, and the system
forgets it again when memory is short. The file is ours and has no name, so nobody can change it.
"""

from __future__ import annotations

import mmap
import shutil
import tempfile
from collections.abc import Sequence

import psutil
import torch
from torch import nn

PART_OF_MEMORY = 1 / 8
"""Weights smaller than this part of the machine's memory stay where they are."""
_ALIGNED = 64  # bytes, as torch aligns its own memory


def offload_to_disk(parameters: Sequence[nn.Parameter], always: bool = False) -> bool:
    """Moves the values of large weights on the CPU into a scratch file, bit for bit; with `always` also
    those of small ones.

    False where they stay in memory: they are small, on a GPU, or the disk has no room for them.
    """
    places, total = [], 0
    for parameter in parameters:
        places.append(total)
        total += -(-parameter.nbytes // _ALIGNED) * _ALIGNED
    if any(parameter.device.type != "cpu" for parameter in parameters):
        return False
    if not always and total <= PART_OF_MEMORY * psutil.virtual_memory().total:
        return False
    if shutil.disk_usage(tempfile.gettempdir()).free < 2 * total:
        return False
    with tempfile.TemporaryFile() as file:
        file.truncate(total)
        scratch = mmap.mmap(file.fileno(), total)
    memory = torch.frombuffer(scratch, dtype=torch.uint8)
    for parameter, place in zip(parameters, places, strict=True):
        mapped = memory[place : place + parameter.nbytes].view(parameter.dtype)
        mapped = mapped.view(parameter.shape)
        mapped.copy_(parameter.data)
        parameter.data = mapped
    scratch.flush()
    if hasattr(scratch, "madvise"):
        scratch.madvise(mmap.MADV_DONTNEED)  # of a shared mapping this drops no bytes, only memory
    return True
