"""The page as a whole: four tabs on one page, and how it is served.

Owns: `build` (layout, header, tab order), `serve`/`launch` (every launch argument, said aloud).
Refuses to know: what the tabs do, and torch: the engine loads in a thread after the page is up.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import logging.handlers
import os
import socket
import threading
import time
import webbrowser
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported

import gradio as gr

from studio.core.access import Access
from studio.core.errors import BusyError, InputError
from studio.library.tidying import UPLOADS
from studio.ui import header, scripts, theme
from studio.ui.base_uploads import BaseUploads
from studio.ui.comparison_files import ComparisonFiles
from studio.ui.components.add_base import add_base
from studio.ui.components.dataset_export import EXPORTS
from studio.ui.corrections import Corrections
from studio.ui.door import Door
from studio.ui.guard import EVERYWHERE, App, Guard
from studio.ui.launch_options import launch_options
from studio.ui.live import Page
from studio.ui.logins import checker
from studio.ui.named_files import NamedFiles
from studio.ui.tabs import caption, compare, generate, train

if TYPE_CHECKING:
    from studio.app import Studio

log = logging.getLogger("studio.ui")

TABS = (
    ("caption", "Caption", caption),
    ("train", "Train", train),
    ("generate", "Generate", generate),
    ("compare", "Compare", compare),
)
MAX_QUEUE = 64
TITLE = "Concept Studio"
UNSEEN_SECONDS, AFTER_PAINT_SECONDS = 15.0, 1.0  # until the engine loads


def build(studio: Studio) -> gr.Blocks:
    """The page for one studio."""
    return _build(Page(studio))


def _build(page: Page) -> gr.Blocks:
    studio = page.studio
    os.environ["GRADIO_TEMP_DIR"] = str(studio.workspace.cache / UPLOADS)
    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as demo:
        header.build(page)
        add_base(page)
        with gr.Tabs(elem_classes=["cs-tabs"], selected="caption") as page.tabs:
            for name, title, module in TABS:
                with gr.Tab(title, id=name, elem_id=f"cs-tab-{name}"):
                    module.build(studio, page)
    return demo


@dataclass
class Server:
    """A page being served."""

    url: str
    share_url: str | None
    demo: gr.Blocks
    page: Page

    def close(self) -> None:
        """Stops serving, and what the page does in the background; runs go on until the studio itself
        is closed."""
        self.page.tasks.close()
        self.demo.close(verbose=False)


async def _start(page: Page, options: dict[str, Any]) -> tuple[gr.Blocks, str, str]:
    """Builds the page and begins to serve it: (page, address, shared address or nothing)."""
    demo = _build(page)
    demo.queue(default_concurrency_limit=1, max_size=MAX_QUEUE, api_open=False)
    _, local, shared = demo.launch(**options)
    if not isinstance(demo.app.middleware_stack, Door):  # then it would be open to all
        demo.close(verbose=False)
        raise RuntimeError("the server's door is not in its place")
    # A shared page of Gradio's loads its program from somebody else's server; ours is right here.
    demo.share = False
    return demo, local, shared


def serve(
    studio: Studio,
    *,
    host: str = "127.0.0.1",
    port: int = 7860,
    share: bool = False,
    auth: tuple[str, str] | None = None,
    allow: Sequence[str | Path] = (),
) -> Server:
    """Serves the page and returns. Raises InputError or BusyError when the address is no good.

    As soon as others may be there, its paths are limited to the workspace and `allow`.
    """
    _check_address(host, port)
    if share or auth is not None or host not in ("127.0.0.1", "::1", "localhost"):
        studio.workspace.access = Access.over_a_link(allow)
    _log_to(studio)
    workspace = studio.workspace
    page = Page(studio, login=auth is not None)
    served = [
        workspace.runs,
        workspace.outputs,
        workspace.comparisons,
        workspace.grids,
        workspace.stacks,
        workspace.root / EXPORTS,
        workspace.cache / "thumbnails",
    ]
    guard = Guard(host=host, share=share)

    @contextlib.asynccontextmanager
    async def stand_outside(gradio: Any) -> AsyncIterator[None]:
        """Gradio puts its own middleware outside of any that is handed to it; the door goes first."""
        gradio.middleware_stack = Door(
            _with_files(gradio.middleware_stack, studio),
            guard,
            served=served,
            login_page=theme.login_page if auth else None,
        )
        yield

    options = {
        **launch_options(),
        "server_name": host,
        "server_port": port,
        "share": share,
        "auth": checker(*auth) if auth else None,
        "allowed_paths": [str(folder) for folder in served],
        "app_kwargs": {
            "lifespan": stand_outside,
            "docs_url": None,
            "redoc_url": None,
            "openapi_url": None,
        },
    }

    return _served(page, options, port)


def _with_files(app: App, studio: Studio) -> App:
    """What answers for files goes before everything of Gradio's."""
    sent = NamedFiles(BaseUploads(app, studio))
    return scripts.Scripts(Corrections(ComparisonFiles(sent, studio.generation.reports)))


def _served(page: Page, options: dict[str, Any], port: int) -> Server:
    """The server, begun on a thread of its own; BusyError where the port is taken."""
    try:
        # Inside a running loop, because without one Gradio makes several and never closes them;
        # on a thread, because the caller may have a loop of its own.
        with ThreadPoolExecutor(1) as thread:
            demo, local, shared = thread.submit(asyncio.run, _start(page, options)).result()
    except OSError as error:
        raise _port_taken(port) from error
    return Server(url=local.rstrip("/") or local, share_url=shared or None, demo=demo, page=page)


def launch(
    studio: Studio,
    *,
    host: str = "127.0.0.1",
    port: int = 7860,
    share: bool = False,
    auth: tuple[str, str] | None = None,
    allow: Sequence[str | Path] = (),
    open_browser: bool = True,
    grace: float = 80.0,
) -> None:
    """Serves the page until Ctrl-C, or a polite kill, after which saving may take `grace` seconds;
    the engine loads in the background meanwhile."""
    server = serve(studio, host=host, port=port, share=share, auth=auth, allow=allow)
    gc.freeze()  # what start-up made stays: later collections need not look at it again
    gc.enable()
    log.info("%s is open at %s", TITLE, server.url)
    print(f"{TITLE} is open at {server.url}", flush=True)  # noqa: T201
    if share:
        print(  # noqa: T201
            f"Shared at {server.share_url}" if server.share_url
            else "No share link could be made; the studio is reachable on this machine only.",
            flush=True,
        )  # fmt: skip
    threading.Thread(target=warm_up, args=(server.page,), name="warm-up", daemon=True).start()
    if open_browser:
        threading.Thread(target=webbrowser.open, args=(server.url,), daemon=True).start()
    try:
        threading.Event().wait()
    except KeyboardInterrupt as ended:
        print("\nClosing; a running training saves first.", flush=True)  # noqa: T201
        server.page.tasks.close(0)  # not waiting: they would only delay the saving
        if hasattr(ended, "exit_code"):  # a polite kill: whoever sent it will not wait for ever
            studio.close(grace)
            raise
    finally:
        studio.close()
        server.close()


def warm_up(page: Page) -> None:
    """Loads the engine; a failure is shown in the header, never as a crash.

    It begins when the first page has been painted, because both want the processor; without a
    page, after a while all the same.
    """
    if page.painted.wait(UNSEEN_SECONDS):
        time.sleep(AFTER_PAINT_SECONDS)
    try:
        page.studio.warm_up()
        page.studio.generation.shootouts.resume_all()
    except Exception as error:
        log.exception("the engine could not be loaded")
        page.problem = (
            f"the engine could not be loaded ({type(error).__name__}): run `studio.py doctor`"
        )


def _check_address(host: str, port: int) -> None:
    if not 0 < port < 65536:
        raise InputError(f"{port} is not a port", remedy="Use a number from 1 to 65535.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("" if host in EVERYWHERE and ":" not in host else host, port))
        except PermissionError as error:
            raise InputError(
                f"The system does not allow port {port}", remedy="Use a port above 1023."
            ) from error
        except OSError as error:
            if isinstance(error, socket.gaierror) or error.errno in (99, 10049):  # no such address
                raise InputError(
                    f"“{host}” is not an address of this machine",
                    remedy="Use 127.0.0.1, or --listen for every address.",
                ) from error
            raise _port_taken(port) from error


def _port_taken(port: int) -> BusyError:
    return BusyError(
        f"Port {port} is in use, perhaps by a studio that is already open",
        remedy=f"Use that one, close it, or start with --port {min(port + 1, 65535)}.",
    )


class _LogFile(logging.handlers.RotatingFileHandler):
    """A log that the disk does not take is left out; it must not cover the terminal instead."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Says nothing."""


def _log_to(studio: Studio) -> None:
    root = logging.getLogger("studio")
    path = studio.workspace.logs / "studio.log"
    if any(getattr(h, "baseFilename", None) == str(path) for h in root.handlers):
        return
    target = _LogFile(
        path,
        maxBytes=2_000_000,
        backupCount=2,
        encoding="utf-8",
        errors="backslashreplace",
        delay=True,
    )
    target.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root.addHandler(target)
    root.setLevel(logging.INFO)
