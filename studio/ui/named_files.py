"""Files below a folder whose name is no Unicode: the page asks for them by the printable name.

Owns: turning that name back before the file is looked up. Refuses to know: which files may be
served (Gradio's allowed folders decide on the path that comes out).
"""

from __future__ import annotations

from studio.core.names import path_of
from studio.ui.guard import App, Receive, Scope, Send

ASKED = "/gradio_api/file="


class NamedFiles:
    """Pure ASGI middleware: the path of a request for a file as the system gives it."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope.get("path", ""))
        before, asked, name = path.partition(ASKED)
        if asked and "\ufffd" in name:
            scope = {**scope, "path": f"{before}{asked}{path_of(name)}"}
        await self.app(scope, receive, send)
