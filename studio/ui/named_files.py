"""Files and folders whose names are no Unicode: the page asks for them by the printable name.

Owns: turning that name back before the file is looked up, and the name that is sent with the file,
which has to be printable again. Refuses to know: which files may be
served (Gradio's allowed folders decide on the path that comes out).
"""

from __future__ import annotations

from typing import Any

from gradio import route_utils
from starlette.responses import FileResponse

from studio.core.names import path_of, printable
from studio.ui.guard import App, Receive, Scope, Send

ASKED = "/gradio_api/file="


class NamedFiles:
    """Pure ASGI middleware: the path of a request for a file as the system gives it."""

    def __init__(self, app: App) -> None:
        self.app = app
        route_utils.FileResponse = _Printable

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope.get("path", ""))
        before, asked, name = path.partition(ASKED)
        if asked and "\ufffd" in name:
            scope = {**scope, "path": f"{before}{asked}{path_of(name)}"}
        await self.app(scope, receive, send)


class _Printable(FileResponse):
    """Gradio sends a file's name in a header, which can hold Unicode alone."""

    def __init__(self, path: Any, *, filename: str | None = None, **options: Any) -> None:
        shown = None if filename is None else printable(filename)
        super().__init__(path, filename=shown, **options)
