"""What works on this machine, found out by trying, and what a missing part costs.

Owns: the checks. Refuses to know: who reads them, and how anything is installed or repaired.
Nothing here changes the machine; nothing needs a network. Heavy libraries are imported inside
the checks, quietly.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from studio import __version__
from studio.core import device
from studio.core.counts import counted
from studio.core.doctor_libraries import (
    TORCH_BUILDS,
    Check,
    Status,
    attention,
    eight_bit,
    taggers,
)
from studio.core.errors import StudioError
from studio.core.text import lines

LOW_DISK = 5_000_000_000  # bytes; a dozen runs at Stable Diffusion's size


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
        ("attention", attention),
        ("8-bit", eight_bit),
        ("taggers", taggers),
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
        status: Status = "note" if name in ("8-bit", "attention", "gpu", "taggers") else "problem"
        return Check(name, status, f"failed: {type(error).__name__}: {first[:200]}")
