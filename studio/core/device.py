"""The machine that computes: which device, which precision, which attention kernels, how much memory.

Owns: these choices and measurements. Refuses to know: models, runs, the page.
torch is imported inside functions only: the page must open without it.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.core import text
from studio.core.errors import SettingsError, UnavailableError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

PRECISIONS = ("auto", "fp32", "fp16", "bf16")


def pick_device(request: str = "auto") -> torch.device:
    """`auto`, `cpu`, `cuda`, `cuda:N` or `mps` → a device that really computes here.

    Raises SettingsError for a word that is no device, UnavailableError for one that is not here.
    """
    import torch

    if request == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(request)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda", "mps"):
        raise SettingsError(
            f"“{request}” is not a device", remedy="Use auto, cpu, cuda, cuda:N or mps."
        )
    count = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(_has_mps())}[device.type]
    if (device.index or 0) >= count:
        raise UnavailableError(
            f"The device “{request}” is not available",
            why=_why_no_gpu(count),
            remedy="Use auto or cpu; `python studio.py doctor` says what this machine has.",
        )
    return device


def pick_dtype(device: torch.device | str, request: str = "auto") -> torch.dtype:
    """The precision in which the frozen base computes: `auto`, `fp32`, `fp16` or `bf16`.

    auto: bf16 on a GPU that has it, fp16 on an older one, fp32 elsewhere. On a CPU, bf16 was
    unsteady at full size and slower at the starter's.
    """
    import torch

    if request not in PRECISIONS:
        raise SettingsError(
            f"“{request}” is not a precision", remedy=f"Use {', '.join(PRECISIONS)}."
        )
    if request != "auto":
        return {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[request]
    device = torch.device(device)
    if device.type != "cuda":
        return torch.float32
    major, _ = torch.cuda.get_device_capability(device)
    return torch.bfloat16 if major >= 8 else torch.float16  # 8 = Ampere, the first with bf16 units


def has_gpu_driver() -> bool:
    """Whether NVIDIA's driver is installed: a guess without torch, good enough to say how long
    something will about take."""
    return shutil.which("nvidia-smi") is not None


@dataclass(frozen=True)
class Probe:
    """Whether something works here, known by trying it."""

    name: str
    works: bool
    version: str | None = None
    reason: str | None = None
    """Why it does not work, in plain words."""


def attention_backends(device: torch.device | str = "auto") -> dict[str, Probe]:
    """Runs a small attention through each kernel and compares with the plain formula."""
    import torch

    target = pick_device(device) if isinstance(device, str) else device
    return {
        "sdpa": _probe("sdpa", torch.__version__, target, _sdpa),
        "xformers": _probe("xformers", _version("xformers"), target, _xformers),
    }


def best_attention(device: torch.device | str = "auto") -> str:
    """`xformers` where its kernels run, `sdpa` everywhere else."""
    return "xformers" if attention_backends(device)["xformers"].works else "sdpa"


def peak_memory(device: torch.device | str) -> int:
    """Bytes, tensors on a GPU or the whole process on a CPU, at the highest point since `reset_peak_memory`, or since the start where the system
    cannot forget."""
    if _is_cuda(device):
        import torch

        return int(torch.cuda.max_memory_allocated(device))
    status = Path("/proc/self/status")
    if status.exists():
        for line in text.lines(text.read_text(status)):
            if line.startswith("VmHWM:"):  # kB, resettable, unlike getrusage
                return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def free_memory(device: torch.device | str) -> int | None:
    """Bytes that can be had now, on a GPU or in the machine; None where nobody can say."""
    if _is_cuda(device):
        import torch

        reserved = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0] + reserved)
    if str(device) != "cpu":
        return None
    import psutil

    return int(psutil.virtual_memory().available)


def reset_peak_memory(device: torch.device | str) -> None:
    """Starts the measurement of `peak_memory` anew, where the system can."""
    if _is_cuda(device):
        import torch

        torch.cuda.reset_peak_memory_stats(device)
        return
    try:
        handle = os.open("/proc/self/clear_refs", os.O_WRONLY)
    except OSError:
        return
    try:
        os.write(handle, b"5")  # proc(5): resets the peak of the resident set
    except OSError:
        pass
    finally:
        os.close(handle)


def device_facts(device: torch.device | str = "auto") -> dict[str, Any]:
    """What a benchmark or a bug report must name: device, memory, versions, threads."""
    import psutil
    import torch

    target = pick_device(device) if isinstance(device, str) else device
    facts: dict[str, Any] = {
        "device": str(target),
        "name": processor_name(),
        "memory": int(psutil.virtual_memory().total),
        "precision": str(pick_dtype(target)).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "vector_units": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }
    if target.type == "cuda":
        properties = torch.cuda.get_device_properties(target)
        facts.update(
            name=properties.name,
            memory=int(properties.total_memory),
            capability=f"{properties.major}.{properties.minor}",
            cuda=torch.version.cuda,
        )
    return facts


def _probe(
    name: str,
    version: str | None,
    device: torch.device,
    attend: Callable[[Tensor, Tensor, Tensor], Tensor],
) -> Probe:
    if version is None:
        return Probe(name, False, None, "it is not installed")
    import torch

    dtype = torch.float16 if device.type == "cuda" else torch.float32
    generator = torch.Generator().manual_seed(0)
    query, key, value = (  # B=1, heads=2, positions=16, width=32: one tile of every kernel
        torch.randn(1, 2, 16, 32, generator=generator).to(device, dtype) for _ in range(3)
    )
    plain = torch.softmax(query @ key.transpose(-1, -2) / 32**0.5, dim=-1) @ value
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a build for another torch announces itself loudly
            result = attend(query, key, value)
    except Exception as error:  # a missing kernel shows itself as nearly any type
        first = next(iter(text.lines(str(error).strip())), type(error).__name__)
        return Probe(name, False, version, f"its kernels do not run on {device}: {first[:160]}")
    if not torch.allclose(result.float(), plain.float(), atol=2e-2):
        return Probe(name, False, version, f"its kernels give wrong numbers on {device}")
    return Probe(name, True, version)


def _sdpa(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    import torch

    return torch.nn.functional.scaled_dot_product_attention(query, key, value)


def _xformers(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    from xformers.ops import memory_efficient_attention

    # xformers wants positions before heads
    swapped = (tensor.transpose(1, 2).contiguous() for tensor in (query, key, value))
    return memory_efficient_attention(*swapped).transpose(1, 2)


def _version(package: str) -> str | None:
    import importlib.metadata

    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _is_cuda(device: torch.device | str) -> bool:
    return str(device).startswith("cuda")


def _has_mps() -> bool:
    import torch

    return torch.backends.mps.is_available()


def _why_no_gpu(count: int) -> str:
    import torch

    if count:
        return f"This machine has {count} of that kind, counted from 0."
    if torch.version.cuda is None:
        return f"The installed torch ({torch.__version__}) is built without CUDA."
    return "torch finds no such device: no GPU, no driver, or a driver too old for this build."


def processor_name() -> str:
    """What the processor calls itself."""
    try:
        for line in text.lines(text.read_text("/proc/cpuinfo")):
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
