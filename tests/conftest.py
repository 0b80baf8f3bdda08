"""What every test may ask for: a free port, an empty workspace, a real browser.

Owns: fixtures that are about the machine. Refuses to know: bases, methods and pages; folders of
tests that need those have a `conftest.py` of their own.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
STARTER = ROOT / "assets" / "starter"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
CHROMIUM_ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-prefers-reduced-motion",  # nothing is drawn anew and anew while a test waits
)


def pytest_configure(config: pytest.Config) -> None:
    """Nothing a test starts may phone home or wait for somebody who does not answer."""
    # Bytes are equal for one thread count, and tiny tensors are fastest on one.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """An empty workspace folder of this test's own."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


@pytest.fixture
def free_port() -> int:
    """A port nobody listens on (as far as can be known before it is bound)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session", autouse=True)
def no_samples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The library shows a workspace's own files only; the folder of the shipped ones is given."""
    from studio.library import files

    shipped = files.SAMPLE_ADAPTERS
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "SAMPLE_ADAPTERS", tmp_path_factory.mktemp("no-samples"))
        yield shipped


@pytest.fixture(scope="session")
def everything() -> bool:
    """True under `studio.py test --all`: sweeps then run in full instead of a slice."""
    return os.environ.get("STUDIO_TEST_ALL") == "1"


@pytest.fixture(scope="session")
def starter() -> Path:
    """The starter model that ships; a checkout without it is broken, so its absence fails."""
    assert (STARTER / "model_index.json").is_file(), f"the starter model is missing from {STARTER}"
    return STARTER


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a real Chromium. Without one: skip, or fail where STUDIO_REQUIRE_BROWSER=1."""
    found = os.environ.get("STUDIO_CHROMIUM") or next(
        (path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None
    )
    if found is None:
        reason = "no Chromium on this machine: install one, or name it in STUDIO_CHROMIUM"
        if os.environ.get("STUDIO_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[object]:
    """A headless Chromium (a Playwright `Browser`) that all browser tests share."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        instance = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_ARGS))
        yield instance
        instance.close()
