"""Installing libraries into a Python, with progress to look at and failures one can understand.

Owns: running the package installer and turning what it says into the studio's errors.
Refuses to know: where the environment comes from, and which index or mirror the machine uses.
Everything is said on stderr, so that `--json` commands keep a clean stdout on the first run too.
Needs nothing but Python itself.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from studio.commands import requirements
from studio.commands.requirements import Requirement
from studio.core.errors import StorageError, StudioError, UnavailableError
from studio.core.text import lines

NO_NETWORK = re.compile(
    r"name resolution|getaddrinfo failed|nodename nor servname|NewConnectionError|NameResolution"
    r"|Network is unreachable|No route to host|ConnectTimeout|Connection refused"
    r"|ProxyError|Max retries exceeded",
    re.IGNORECASE,
)
CERTIFICATE = re.compile(r"CERTIFICATE_VERIFY_FAILED|SSLError|SSLCertVerification")
DISK_FULL = re.compile(r"No space left on device|Errno 28|not enough space on the disk|Errno 122")
NO_BUILD = re.compile(r"No matching distribution found for (\S+)")
OLDEST_PIP = (22, 3)  # Python 3.11's own; an older one overlooks today's builds for Linux
PROXIES = ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")
HEARTBEAT = 20  # seconds between "still installing" lines


def say(text: str) -> None:
    """One line to the person at the terminal."""
    print(f"[studio] {text}", file=sys.stderr, flush=True)


def estimate() -> str:
    """How much will be downloaded, as honestly as it can be known before it is."""
    size = "about 1.6 GB on disk and a few minutes"
    if sys.platform.startswith("linux") and platform.machine() == "x86_64":
        return (
            f"This takes {size} with a CPU build of torch, several times that where it brings CUDA."
        )
    return f"This takes {size}, most of it torch."


def install(python: Path, needs: Iterable[Requirement], *options: str) -> None:
    """Installs into `python`; raises StudioError when it cannot."""
    names = [need.text for need in needs]
    version = pip_version(python)
    if version is None:
        _run([str(python), "-m", "ensurepip"], python)  # environments of some tools come without
    elif version < OLDEST_PIP:
        say(f"pip {'.'.join(map(str, version))} is too old for today's packages; updating it.")
        _run([str(python), "-m", "pip", "install", "--upgrade", "pip"], python)
    code, said = _run([str(python), "-m", "pip", "install", *options, *names], python)
    if code != 0:
        raise explain(said)


def pip_version(python: Path) -> tuple[int, ...] | None:
    """The version of that Python's pip; None without one."""
    command = [str(python), "-m", "pip", "--version"]
    found = subprocess.run(command, capture_output=True, text=True, errors="replace")
    match = re.match(r"pip (\S+)", found.stdout)
    return requirements.release(match[1]) if found.returncode == 0 and match else None


def install_optional(python: Path) -> None:
    """Tries what the studio can do without; a failure costs a line, not the start."""
    for extra, options in optional_parts():
        needs = requirements.needed((extra,), only_extras=True)
        try:
            install(python, needs, *options)
        except StudioError:
            names = ", ".join(need.name for need in needs)
            say(f"{names} has no build for this machine; `studio.py doctor` says what that costs.")


def optional_parts() -> list[tuple[str, tuple[str, ...]]]:
    """Extras worth trying here, with the installer's options for each."""
    parts: list[tuple[str, tuple[str, ...]]] = [("eight-bit", ())]
    gpu = Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None
    if sys.platform.startswith("linux") and platform.machine() == "x86_64" and gpu:
        # It pins an exact torch: without --no-deps it would replace the one just installed.
        parts.append(("xformers", ("--no-deps", "--only-binary", ":all:")))
    return parts


def explain(said: str) -> StudioError:
    """The studio's error for what the installer wrote to stderr before it gave up."""
    again = "Start the studio again; what was downloaded is kept."
    if DISK_FULL.search(said):
        return StorageError(
            "The disk became full while installing",
            remedy="Free some space, then start the studio again; it begins the environment anew.",
        )
    if CERTIFICATE.search(said):
        return UnavailableError(
            "The libraries could not be downloaded",
            why="The connection's certificate is not trusted here, as behind many company proxies.",
            remedy="Give Python your organisation's certificate (SSL_CERT_FILE), then start again.",
        )
    if NO_NETWORK.search(said):
        return _no_network(said, again)
    if match := NO_BUILD.search(said):
        here = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
        return UnavailableError(
            f"There is no build of {match[1]} for {here}",
            remedy="Start the studio with another Python (3.11 and 3.12 have the most builds).",
        )
    last = [line.strip() for line in lines(said) if line.strip()][-3:]
    return UnavailableError(
        "The libraries could not be installed",
        why="The installer said: " + " / ".join(last) if last else None,
        remedy=again,
    )


def _no_network(said: str, again: str) -> StudioError:
    """Which of the two it is: nothing in between and no network, or a proxy that does not let through."""
    proxy = next((name for name in PROXIES if os.environ.get(name)), None)
    if "407 Proxy" in said or "Proxy Authentication" in said:
        why = "The proxy asks for a name and a password."
        remedy = "Put them into HTTPS_PROXY (http://name:password@host:port)."
    elif proxy is not None:
        why = f"The proxy that {proxy} names does not answer or refuses the connection."
        remedy = f"Correct or unset {proxy}."
    else:
        why = "There is no network connection, or a proxy stands in the way."
        remedy = "Check the connection; behind a proxy, set HTTPS_PROXY (http://host:port)."
    return UnavailableError(
        "The libraries could not be downloaded",
        why=why,
        remedy=f"The first start needs the internet once. {remedy} {again}",
    )


def _run(command: list[str], python: Path) -> tuple[int, str]:
    """Runs the installer: its output goes to our stderr as it comes; its complaints are kept."""
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=2,  # the terminal itself: progress bars need one
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    finished = threading.Event()
    pulse = threading.Thread(target=_pulse, args=(finished, python.parent.parent), daemon=True)
    pulse.start()
    said: list[str] = []
    assert process.stderr is not None
    try:
        for line in process.stderr:
            said.append(line)
            if "Retrying (" in line:
                say("No answer from the network yet; trying again.")
            else:
                print(line, end="", file=sys.stderr, flush=True)
        return process.wait(), "".join(said)
    except BaseException:  # Ctrl-C: do not leave an installer working behind the prompt
        process.terminate()
        process.wait()
        raise
    finally:
        finished.set()


def _pulse(finished: threading.Event, folder: Path) -> None:
    """Unpacking is silent for a minute or more: show that something grows."""
    started = time.monotonic()
    while not finished.wait(HEARTBEAT):
        minutes, seconds = divmod(int(time.monotonic() - started), 60)
        say(f"still installing: {minutes}:{seconds:02d}, {_size(folder) / 1e9:.2f} GB in place")


def _size(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size
            except OSError:  # a temporary file that is gone already
                continue
    return total
