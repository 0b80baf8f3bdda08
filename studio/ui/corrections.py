"""Corrections to Gradio's own scripts, made as they are served.

Owns: which text of which file is replaced. Refuses to know: what else is in these files.

The names contain a hash of the contents, so another version of Gradio is served as it comes.
"""

from __future__ import annotations

import functools
from importlib.util import find_spec
from pathlib import Path

from studio.core.text import read_text
from studio.ui.guard import App, Receive, Scope, Send

ASSETS = "/assets/"
CORRECTIONS: dict[str, tuple[str, str]] = {
    # 6.31: the loading indicator goes on asking for frames when it is gone, sixty times a second
    "statustracker-DQF-KcRT.js": ("W&&ze()", "W&&U?.isConnected&&ze()"),
}


class Corrections:
    """Pure ASGI: answers for the files of the table; everything else goes on to `app`."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope.get("path", ""))
        body = corrected(path.removeprefix(ASSETS)) if path.startswith(ASSETS) else None
        if scope["type"] != "http" or body is None:
            await self.app(scope, receive, send)
            return
        headers = [
            (b"content-type", b"text/javascript; charset=utf-8"),
            (b"cache-control", b"private, max-age=86400"),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        sent = b"" if scope["method"] == "HEAD" else body
        await send({"type": "http.response.body", "body": sent})


@functools.cache
def corrected(name: str) -> bytes | None:
    """The file with its correction; None for one that needs none, or is another than was corrected."""
    if name not in CORRECTIONS:
        return None
    before, after = CORRECTIONS[name]
    gradio = find_spec("gradio")
    if gradio is None or gradio.origin is None:
        return None
    file = Path(gradio.origin).parent / "templates" / "frontend" / "assets" / name
    try:
        text = read_text(file)
    except OSError:
        return None
    return text.replace(before, after).encode() if text.count(before) == 1 else None
