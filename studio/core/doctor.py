"""What works on this machine, found out by trying, and what a missing part costs.

Owns: the checks. Refuses to know: who reads them, and how anything is installed or repaired.
Nothing here changes the machine; nothing needs a network. Heavy libraries are imported inside
the checks, quietly.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import os
import platform
import shutil
import sys
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from studio import __version__
from studio.core import device
from studio.core.counts import counted
from studio.core.errors import StudioError
from studio.core.text import lines, read_json

Status = Literal["ok", "note", "problem"]
TORCH_BUILDS = (
    "Another build of torch (CUDA, ROCm) is installed into the same Python with "
    "`pip install torch --index-url <the address the selector on the torch website shows>`; the "
    "studio keeps whatever build it finds."
)
LOW_DISK = 5_000_000_000  # bytes; a dozen runs at Stable Diffusion's size


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


def examine(workspace: Path, starter: Path) -> list[Check]:
    """Runs every check, the cheap ones first. A check that fails unexpectedly is a finding too."""
    checks: list[tuple[str, Callable[[], Check]]] = [
        ("python", _python),
        ("libraries", _libraries),
        ("workspace", lambda: _workspace(workspace)),
        ("disk", lambda: _disk(workspace)),
        ("starter model", lambda: _starter(starter)),
        ("torch", _torch),
        ("gpu", _gpu),
        ("attention", _attention),
        ("8-bit", _eight_bit),
        ("taggers", _taggers),
    ]
    return [_safely(name, check) for name, check in checks]


def healthy(checks: list[Check]) -> bool:
    """True when nothing stands in the way of training and generating."""
    return all(check.status != "problem" for check in checks)


def as_dict(checks: list[Check]) -> dict[str, Any]:
    """For `--json` and bug reports."""
    return {
        "studio": __version__,
        "ok": healthy(checks),
        "machine": _machine(),
        "checks": [asdict(check) for check in checks],
    }


def _python() -> Check:
    return Check("python", "ok", f"{platform.python_version()} ({sys.executable})")


def _libraries() -> Check:
    names = ("torch", "diffusers", "transformers", "peft", "safetensors", "gradio")
    found, lacking = [], []
    for name in names:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            lacking.append(name)
    if lacking:
        return Check(
            "libraries",
            "problem",
            "missing: " + ", ".join(lacking),
            remedy="Start with `python studio.py`, which installs them.",
        )
    return Check("libraries", "ok", ", ".join(found))


def _workspace(folder: Path) -> Check:
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return Check(
            "workspace",
            "problem",
            f"{folder} cannot be written",
            remedy="Choose another folder with --workspace DIR.",
        )
    return Check("workspace", "ok", str(folder))


def _disk(folder: Path) -> Check:
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    found = f"{free / 1e9:.1f} GB free"
    if free < LOW_DISK:
        return Check(
            "disk", "note", found, "Checkpoints of big models may not fit.", "Free some space."
        )
    return Check("disk", "ok", found)


def _starter(folder: Path) -> Check:
    lacking = [
        part
        for part in ("model_index.json", "unet", "vae", "text_encoder", "tokenizer")
        if not (folder / part).exists()
    ]
    if lacking:
        return Check(
            "starter model",
            "problem",
            f"{', '.join(lacking)} missing from {folder}",
            "The tour and the tests need it; your own base models work without.",
            "Get a complete checkout, or make it with `python -m studio.starter.build`.",
        )
    weights = sum(file.stat().st_size for file in folder.rglob("*.safetensors"))
    pointers = [file for file in folder.rglob("*.safetensors") if file.stat().st_size < 1000]
    if pointers:
        return Check(
            "starter model",
            "problem",
            f"{pointers[0].name} is a placeholder, not the model",
            remedy="Fetch the repository's large files, then try again.",
        )
    return Check("starter model", "ok", f"{weights / 1e6:.1f} MB of weights in {folder}")


def _torch() -> Check:
    import torch

    product = torch.ones(8, 8) @ torch.ones(8, 8)
    if not bool((product == 8).all()):
        return Check(
            "torch", "problem", f"{torch.__version__} multiplies wrongly on this processor"
        )
    return Check(
        "torch", "ok", f"{torch.__version__}, {counted(torch.get_num_threads(), 'thread')}"
    )


def _gpu() -> Check:
    import torch

    if not torch.cuda.is_available():
        built = torch.version.cuda or torch.version.hip
        driver = Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi")
        cost = "Everything runs on the CPU: the starter in minutes, Stable Diffusion slowly."
        if driver and not built:
            return Check(
                "gpu",
                "note",
                "there is a driver, but torch is built without CUDA",
                cost,
                TORCH_BUILDS,
            )
        if driver:
            return Check(
                "gpu",
                "note",
                f"torch is built for CUDA {built}, but finds no usable GPU",
                cost,
                f"Update the driver, or install a build for an older CUDA. {TORCH_BUILDS}",
            )
        return Check("gpu", "note", "none found", cost, None if built else TORCH_BUILDS)
    facts = device.device_facts("cuda")
    a = torch.ones(64, 64, device="cuda", dtype=torch.float16)
    if float((a @ a)[0, 0]) != 64:  # raises where the build has no kernels for this GPU
        return Check("gpu", "problem", f"{facts['name']} multiplies wrongly", remedy=TORCH_BUILDS)
    memory = facts["memory"] / 1e9
    return Check("gpu", "ok", f"{facts['name']}, {memory:.0f} GB, {facts['precision']}")


def _attention() -> Check:
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


def _eight_bit() -> Check:
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
    with _quiet():  # its import writes to the terminal
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


def _taggers() -> Check:
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


def _machine() -> dict[str, Any]:
    try:
        return device.device_facts()
    except Exception as error:  # torch itself may be what is broken
        return {"error": f"{type(error).__name__}: {error}"}


def _safely(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except StudioError as error:
        return Check(name, "problem", str(error))
    except Exception as error:  # anything may be broken here: that is the point of looking
        first = next(iter(lines(str(error).strip())), "")
        status: Status = "note" if name in ("8-bit", "attention", "gpu") else "problem"
        return Check(name, status, f"failed: {type(error).__name__}: {first[:200]}")


@contextlib.contextmanager
def _quiet() -> Any:
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield
