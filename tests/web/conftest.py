"""The real page on a free port, with a tiny base and two small datasets, seen by a real browser.

Owns: `served` (one studio per test file), `page` (a fresh browser tab that reports every
uncaught error and every request to elsewhere) and the images. Refuses to know: what the tabs do.
"""

from __future__ import annotations

import contextlib
import gc
import os
import random
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from studio.app import Studio
from studio.core.errors import InputError
from studio.core.paths import Workspace
from studio.ui import app
from tests.tiny import make_tiny_sd1

# How many times slower the page computes than this machine could: STUDIO_TEST_THROTTLE=6. What
# holds only while the page is quick, breaks then.
THROTTLE = float(os.environ.get("STUDIO_TEST_THROTTLE", "1"))
SLOW_NETWORK = {
    "offline": False, "latency": 150, "downloadThroughput": 400_000, "uploadThroughput": 400_000,
}  # fmt: skip
WIDTH, HEIGHT = 1440, 900
TIMEOUT = int(60_000 * THROTTLE)  # milliseconds: a shared core can be slow


def until(true: Callable[[], Any], seconds: float = 60) -> Any:
    """Waits for something outside the browser to become true."""
    end = time.monotonic() + seconds * THROTTLE
    while not (value := true()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
    return value


def throttle(page: Any, rate: float, *, network: bool = False) -> None:
    """Makes a page compute `rate` times slower, and wait for a slow network too."""
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": rate})
    if network:
        session.send("Network.enable")
        session.send("Network.emulateNetworkConditions", SLOW_NETWORK)


@pytest.fixture(scope="session", autouse=True)
def throttled() -> Iterator[None]:
    """Every page of every test computes as slowly as STUDIO_TEST_THROTTLE says."""
    if THROTTLE <= 1:
        yield
        return
    from playwright.sync_api import Browser, BrowserContext

    def slowly(new_page: Any) -> Any:
        def opened(self: Any, **named: Any) -> Any:
            page = new_page(self, **named)
            page.set_default_timeout(TIMEOUT)
            throttle(page, THROTTLE)
            return page

        return opened

    with pytest.MonkeyPatch.context() as patch:
        for kind in (Browser, BrowserContext):
            patch.setattr(kind, "new_page", slowly(kind.new_page))
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Gradio's own warnings (pandas options, loops left open) are no failures here."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings("ignore"))


@pytest.fixture(autouse=True, scope="module")
def no_leftovers() -> Iterator[None]:
    """Clears them away before another file's tests would be blamed."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


@dataclass
class Served:
    """A studio and the page it is served on."""

    url: str
    studio: Studio
    workspace: Workspace
    server: app.Server

    def dataset(self, name: str, captions: list[str | None]) -> Path:
        """A dataset of small images; None leaves one without caption."""
        folder = self.workspace.datasets / name
        folder.mkdir()
        for number, caption in enumerate(captions, 1):
            save_image(folder / f"{number}.png", number)
            if caption is not None:
                (folder / f"{number}.txt").write_text(caption, encoding="utf-8")
        (folder / "dataset.toml").write_text('trigger = "zorp"\nclass_word = "blob"\n')
        return folder


def save_image(path: Path, seed: int) -> None:
    """A 32 px image that differs by seed."""
    dice = random.Random(seed)
    image = Image.new("RGB", (32, 32), tuple(dice.randrange(256) for _ in range(3)))
    colour = tuple(dice.randrange(256) for _ in range(3))
    ImageDraw.Draw(image).ellipse((6, 6, 26, 26), fill=colour)
    image.save(path)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A running studio with a tiny base."""
    workspace = Workspace(tmp_path_factory.mktemp("web") / "workspace")
    make_tiny_sd1(workspace.bases / "tiny")
    with serving(workspace) as served:
        yield served


@pytest.fixture(autouse=True)
def forms_as_new(request: pytest.FixtureRequest) -> None:
    """No test finds in a form what another one has typed there."""
    if "served" in request.fixturenames:
        workspace = request.getfixturevalue("served").workspace
        for form in ("generate", "compare"):
            (workspace.cache / f"{form}-form.json").unlink(missing_ok=True)


@contextlib.contextmanager
def serving(workspace: Workspace) -> Iterator[Served]:
    """A running studio on a workspace; the heavy libraries load meanwhile."""
    studio = Studio(workspace)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = app.serve(studio, port=port)
    warm = threading.Thread(target=app.warm_up, args=(server.page,))
    warm.start()
    yield Served(server.url, studio, workspace, server)
    warm.join()
    studio.close()
    server.close()


@pytest.fixture(autouse=True)
def nothing_goes_on(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that fails halfway leaves no runs behind that the next one would wait for."""
    yield
    if "served" not in request.fixturenames:
        return
    runs = request.getfixturevalue("served").studio.runs
    runs.continue_on_error = True
    for run in reversed(runs.active()):
        with contextlib.suppress(InputError):  # it has ended by now
            runs.command(run, "stop")
        runs.wait(run)


@pytest.fixture(scope="module")
def people(browser: Any, served: Served) -> Iterator[Callable[[int], Any]]:
    """`people(k)` → the browser of the k-th person, which has the page's scripts once for a test file."""
    contexts: list[Any] = []

    def context_of(person: int) -> Any:
        while len(contexts) <= person:
            contexts.append(browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}))
        return contexts[person]

    yield context_of
    for context in contexts:
        context.close()


def forget(context: Any, url: str) -> None:
    """Nothing of what a test did stays in a browser but the scripts that it has loaded."""
    context.set_offline(False)
    context.unroute_all()
    for page in context.pages:
        page.close()
    context.clear_cookies()
    context.clear_permissions()
    page = context.new_page()
    page.goto(f"{url}/scripts/none.js")  # a page of the same origin on which nothing runs
    page.evaluate("localStorage.clear()")
    page.close()


@pytest.fixture
def open_page(
    browser: Any, served: Served, people: Callable[[int], Any]
) -> Iterator[Callable[..., Any]]:
    """`open_page(tab)` → a new browser tab, as a second person would open it."""
    contexts: list[Any] = []
    others: list[Any] = []  # of another width
    problems: list[str] = []

    def open_tab(
        tab: str = "caption",
        path: str = "/?__theme=light",
        answers: Sequence[bool] = (),
        width: int = WIDTH,
    ) -> Any:
        """`answers` are given to the page's questions in turn; then, as without any, yes."""
        waiting = list(answers)

        def answer(dialog: Any) -> None:
            if waiting and not waiting.pop(0):
                dialog.dismiss()
            else:
                dialog.accept()

        if width == WIDTH:
            context = people(len(contexts))
            contexts.append(context)
        else:
            context = browser.new_context(viewport={"width": width, "height": HEIGHT})
            others.append(context)
        page = context.new_page()
        page.set_default_timeout(TIMEOUT)
        page.on("pageerror", lambda error: problems.append(f"error in the page: {error}"))
        page.on("dialog", answer)
        page.on("request", lambda request: problems.extend(_elsewhere(request.url, served.url)))
        page.goto(served.url + path)
        page.wait_for_selector(".cs-header")
        if tab != "caption":
            page.click(f"#cs-tab-{tab}-button")
        return page

    yield open_tab
    for context in contexts:
        forget(context, served.url)
    for context in others:
        context.close()
    assert not problems, "\n".join(problems)


@pytest.fixture
def page(open_page: Any) -> Any:
    """A fresh browser tab on the page."""
    return open_page()


def _elsewhere(url: str, own: str) -> list[str]:
    inside = url.startswith((own, "data:", "blob:", own.replace("http", "ws", 1)))
    return [] if inside else [f"request to elsewhere: {url}"]
