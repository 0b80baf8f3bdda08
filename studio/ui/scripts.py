"""The page's scripts: modules that are served as they lie in `static/scripts/`.

Owns: their address, the answers for it, and what a part of the page runs when Gradio makes it.
Refuses to know: what a script does.

The address contains a hash of all of them, so a browser may keep them for good, and an update of
the studio never mixes old modules with new ones: an address of another version has nothing behind it.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path

from studio.core.text import read_text
from studio.ui.guard import App, Receive, Scope, Send, answer

FOLDER = Path(__file__).parent / "static" / "scripts"
ENTRY = "main.js"
FIRST = ("main.js", "core/", "caption/")  # what the tab that is open first needs
ADDRESS = re.compile(r"/scripts/(?P<version>[0-9a-f]+)/(?P<name>[a-z_/]+\.js)")
KEEP = b"private, max-age=31536000, immutable"
SMALL = 1000  # bytes that are not worth compressing
LOST = "This part of the page could not be loaded. Reload the page."


@functools.cache
def modules() -> dict[str, bytes]:
    """Every module by its place below `static/scripts/`, those needed first in front."""
    names = [path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.js")]
    names.sort(key=lambda name: (not name.startswith(FIRST), name))
    return {name: read_text(FOLDER / name).encode() for name in names}


@functools.cache
def version() -> str:
    """A name for the contents of all modules."""
    digest = hashlib.sha256()
    for name, text in modules().items():
        digest.update(f"{name}\0{len(text)}\0".encode() + text)
    return digest.hexdigest()[:16]


def address(name: str) -> str:
    """Where the page finds a module, as seen from the page's own address."""
    return f"scripts/{version()}/{name}"


def preloads() -> str:
    """For the head of the document: the modules of the tab that is open first are fetched at once, not
    one after the other; `main.js` fetches the others, which are named here, when that tab is there."""
    first = [name for name in modules() if name.startswith(FIRST)]
    later = " ".join(name for name in modules() if not name.startswith(FIRST))
    links = "".join(f'<link rel="modulepreload" href="{address(name)}">' for name in first)
    return f'{links}<meta name="cs-later" content="{later}">'


def start(name: str, events: Sequence[str] = ()) -> str:
    """What Gradio runs when it makes a component: the module `name` starts in its element.

    Gradio listens to those `events` only that stand in this text.
    """
    part = "{element, trigger, props, server, upload, watch}"
    return (
        f"element.inert = true;\n"  # a click before anybody listens would be lost
        f"import(new URL('{address(ENTRY)}', document.baseURI)).then(\n"
        f"  (page) => page.mount({json.dumps(name)}, {part}, {json.dumps(list(events))}),\n"
        f"  () => {{ element.inert = false; element.textContent = {json.dumps(LOST)}; }});"
    )


class Scripts:
    """Pure ASGI: answers for the modules; everything else goes on to `app`."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = ADDRESS.fullmatch(str(scope.get("path", "")))
        if scope["type"] != "http" or asked is None:
            await self.app(scope, receive, send)
        elif asked["version"] != version() or asked["name"] not in modules():
            await answer(send, 404, "There is no such script.")
        else:
            await _module(asked["name"], scope, send)


async def _module(name: str, scope: Scope, send: Send) -> None:
    accepted = b", ".join(value for key, value in scope["headers"] if key == b"accept-encoding")
    body, packed = modules()[name], _packed(name)
    headers = [(b"content-type", b"text/javascript; charset=utf-8"), (b"cache-control", KEEP)]
    headers.append((b"vary", b"accept-encoding"))
    if packed and b"gzip" in accepted:
        body = packed
        headers.append((b"content-encoding", b"gzip"))
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


@functools.cache
def _packed(name: str) -> bytes | None:
    text = modules()[name]
    return gzip.compress(text, mtime=0) if len(text) > SMALL else None
