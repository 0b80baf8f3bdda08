"""What works of the libraries that the studio can do without, found out by trying.

Owns: a finding, and the checks of attention kernels, 8-bit optimizers and taggers. Refuses to know: who
reads them. Heavy libraries are imported inside the checks, quietly.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from studio.core import device
from studio.core.text import read_json

Status = Literal["ok", "note", "problem"]
TORCH_BUILDS = (
    "Another build of torch (CUDA, ROCm) is installed into the same Python with "
    "`pip install torch --index-url <the address the selector on the torch website shows>`; the "
    "studio keeps whatever build it finds."
)


@dataclass(frozen=True)
class Check:
    """One finding. `problem` means the studio cannot do its job; `note` that something is slower
    or missing that it can do without."""

    name: str
    status: Status
    found: str
    cost: str | None = None
    """What goes without, or slower."""
    remedy: str | None = None


def attention() -> Check:
    import torch

    found = device.attention_backends()
    sdpa, xformers = found["sdpa"], found["xformers"]
    if not sdpa.works:
        return Check("attention", "problem", f"{sdpa.reason}", remedy=TORCH_BUILDS)
    if xformers.works:
        return Check("attention", "ok", f"xformers {xformers.version}, and torch's own")
    shown = f"torch's own runs; xformers: {xformers.reason}"
    if not torch.cuda.is_available():
        return Check("attention", "ok", shown, "Nothing: xformers only helps on an NVIDIA GPU.")
    pair = _xformers_pair() or "0.0.35 is built for torch 2.10 with CUDA 12.8"
    return Check(
        "attention",
        "note",
        shown,
        "Little: torch's own attention is about as fast on recent GPUs and is used instead.",
        f"A release of xformers fits one build of torch: {pair}; this torch is {torch.__version__}.",
    )


def _xformers_pair() -> str | None:
    """Which torch the installed xformers was compiled for, as it wrote down itself."""
    try:
        package = importlib.metadata.distribution("xformers")
        note = Path(str(package.locate_file("xformers/cpp_lib.json")))
        built = read_json(note)["version"]
        cuda = f"{built['cuda'] // 100}.{built['cuda'] % 100}"  # 1208 → 12.8
        return f"{package.version} is built for torch {built['torch']} with CUDA {cuda}"
    except (importlib.metadata.PackageNotFoundError, OSError, ValueError, KeyError, TypeError):
        return None


def eight_bit() -> Check:
    cost = "8-bit optimizers and 4-bit bases are off: about 6 bytes more per trained number."
    try:
        version = importlib.metadata.version("bitsandbytes")
    except importlib.metadata.PackageNotFoundError:
        return Check(
            "8-bit",
            "note",
            "bitsandbytes is not installed",
            cost,
            "Version 0.50 or newer works, on CPUs too: pip install 'bitsandbytes>=0.50'.",
        )
    import torch

    target = device.pick_device()
    with quiet():  # its import writes to the terminal
        import bitsandbytes as bnb

        weight = torch.nn.Parameter(
            torch.ones(64, 128, device=target)
        )  # ≥ 4096 numbers: really 8-bit
        optimizer = bnb.optim.AdamW8bit([weight], lr=0.1)
        weight.sum().backward()
        optimizer.step()
        layer = bnb.nn.Linear4bit(64, 64, bias=False, quant_type="nf4").to(target)
        answer = layer(torch.ones(2, 64, device=target))
    if not (float(weight.detach().max()) < 1 and bool(torch.isfinite(answer).all())):
        return Check("8-bit", "note", f"bitsandbytes {version} runs but computes nothing", cost)
    paged = "" if target.type == "cuda" else "; paged optimizers need a GPU"
    return Check("8-bit", "ok", f"bitsandbytes {version}: AdamW8bit and NF4 ran on {target}{paged}")


def taggers() -> Check:
    try:
        import onnxruntime
    except (ImportError, OSError) as error:
        missing = isinstance(error, ModuleNotFoundError)
        return Check(
            "taggers",
            "note",
            "onnxruntime is not installed" if missing else f"onnxruntime does not load: {error}",
            "WD taggers cannot write captions; every other captioner can.",
            f"{sys.executable} -m pip install onnxruntime (onnxruntime-gpu for an NVIDIA GPU)",
        )
    providers = [
        name.removesuffix("ExecutionProvider") for name in onnxruntime.get_available_providers()
    ]
    return Check("taggers", "ok", f"onnxruntime {onnxruntime.__version__}: {', '.join(providers)}")


@contextlib.contextmanager
def quiet() -> Any:
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield
