"""The process the studio runs in: its environment variables, and getting into it.

Owns: the settings that must be in place before the interpreter starts, and the re-execution that
puts them there. Refuses to know: how an environment is made. Needs nothing but Python itself.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

# The prefix of the Python this process was meant to become: set once, read after re-execution.
MARKER = "STUDIO_PROCESS"

# Large tensors come from huge pages and go back to a pool rather than to the system. At Stable
# Diffusion's size this halves a training step on a CPU; glibc reads it only at process start.
ALLOCATOR = {
    "glibc.malloc.hugetlb": "1",
    "glibc.malloc.mmap_threshold": "4294967296",
    "glibc.malloc.trim_threshold": "4294967296",
}
# The page calls itself while it starts; a proxy that is set for the internet must not answer that.
LOCAL = ("localhost", "127.0.0.1", "::1", "0.0.0.0")
QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


def settings(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` plus the studio's settings; allocator choices the user made are kept."""
    result = {**environment, **QUIET, **_no_proxy(environment)}
    if _glibc():
        chosen = [part for part in environment.get("GLIBC_TUNABLES", "").split(":") if "=" in part]
        names = {part.split("=", 1)[0] for part in chosen}
        chosen += [f"{name}={value}" for name, value in ALLOCATOR.items() if name not in names]
        result["GLIBC_TUNABLES"] = ":".join(chosen)
    return result


def _no_proxy(environment: Mapping[str, str]) -> dict[str, str]:
    """This machine's own names added to the list of hosts reached without the proxy."""
    found = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    hosts = [host.strip() for host in found.split(",") if host.strip()]
    if "*" in hosts or not any(name.lower().endswith("_proxy") for name in environment):
        return {}
    value = ",".join([*hosts, *(name for name in LOCAL if name not in hosts)])
    return {"no_proxy": value, "NO_PROXY": value}


def inside() -> bool:
    """True when this process already is the one that `become` started."""
    return os.environ.get(MARKER) == sys.prefix


def become(python: Path, prefix: Path | str, arguments: list[str]) -> None:
    """Continues in `python` with the studio's settings; returns only if nothing had to change."""
    wanted = settings(os.environ)
    wanted[MARKER] = str(prefix)
    same_python = Path(prefix) == Path(sys.prefix)
    if same_python and wanted.get("GLIBC_TUNABLES") == os.environ.get("GLIBC_TUNABLES"):
        os.environ.update(wanted)  # everything else may still be set from inside
        return
    _replace([str(python), *_interpreter_flags(), *arguments], wanted)


def _replace(command: list[str], environment: dict[str, str]) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "nt":  # Windows would start a stranger and give the prompt back at once
        sys.exit(subprocess.call(command, env=environment))
    os.execve(command[0], command, environment)


def _interpreter_flags() -> list[str]:
    """`-u`, `-X …`, `-W …` that this interpreter was started with, for the next one."""
    return sys.orig_argv[1 : len(sys.orig_argv) - len(sys.argv)]


def _glibc() -> bool:
    if not sys.platform.startswith("linux"):
        return False
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except ValueError:
        return False
