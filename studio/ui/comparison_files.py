"""Downloads of a comparison, made while they are sent: report, contact sheet, data, archive.

Owns: their addresses and answers. Nothing is written to the disk for them. Refuses to know: what is
in them (`generation.reports`), who may ask (`door`).

    /comparisons/<id>/report.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from studio.core.errors import MissingError, StudioError
from studio.core.names import path_of
from studio.ui.guard import App, Receive, Scope, Send, answer

if TYPE_CHECKING:
    from studio.generation.reports import Reports

ADDRESS = re.compile(r"/comparisons/(?P<id>[^/]+)/(?P<file>[a-z]+\.[a-z]+)")
BLOCK = 1 << 16


@dataclass(frozen=True)
class Download:
    """One file that can be asked for; `made` gives its content, in pieces."""

    file: str
    media_type: str
    made: Callable[[Reports, str], Iterable[str | bytes]]


DOWNLOADS = (
    Download("report.html", "text/html; charset=utf-8", lambda reports, one: reports.html(one)),
    Download(
        "report.md", "text/markdown; charset=utf-8", lambda reports, one: [reports.markdown(one)]
    ),
    Download("report.csv", "text/csv; charset=utf-8", lambda reports, one: [reports.csv(one)]),
    Download("comparison.json", "application/json", lambda reports, one: [reports.data(one)]),
    Download("sheet.png", "image/png", lambda reports, one: [reports.sheet(one)]),
    Download("comparison.zip", "application/zip", lambda reports, one: reports.archive(one)),
)
_BY_FILE = {download.file: download for download in DOWNLOADS}


class ComparisonFiles:
    """Pure ASGI: answers for these addresses; everything else goes on to `app`."""

    def __init__(self, app: App, reports: Reports) -> None:
        self.app, self.reports = app, reports

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = ADDRESS.fullmatch(str(scope.get("path", "")))
        if scope["type"] != "http" or asked is None:
            await self.app(scope, receive, send)
            return
        download = _BY_FILE.get(asked["file"])
        if download is None:
            await answer(send, 404, "There is no such file.")
            return
        try:
            pieces = await run_in_threadpool(download.made, self.reports, asked["id"])
        except StudioError as error:
            await answer(send, 404 if isinstance(error, MissingError) else 409, error.sentence())
            return
        await self._send(download, asked["id"], pieces, scope)(scope, receive, send)

    def _send(
        self, download: Download, identity: str, pieces: Iterable[str | bytes], scope: Scope
    ) -> StreamingResponse:
        called = path_of(identity).name
        called += ".zip" if download.file == "comparison.zip" else f"-{download.file}"
        name = quote(called.encode("utf-8", "replace"))
        shown = "inline" if download.file.endswith(".html") else "attachment"
        headers = {
            "content-disposition": f"{shown}; filename*=UTF-8''{name}",
            "cache-control": "no-store",
        }
        body = iter(()) if scope.get("method") == "HEAD" else blocks(pieces)
        return StreamingResponse(body, media_type=download.media_type, headers=headers)


def blocks(pieces: Iterable[str | bytes], size: int = BLOCK) -> Iterator[bytes]:
    """The same content in blocks of at least `size` bytes, the last one aside."""
    held = bytearray()
    for piece in pieces:
        held += piece.encode("utf-8") if isinstance(piece, str) else piece
        if len(held) >= size:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)
