"""Only the page itself, under its own name, may talk to the studio."""

from __future__ import annotations

import http.client
import itertools
import json
import socket
import warnings
from collections.abc import Iterator

import pytest

from studio.app import Studio
from studio.core.paths import Workspace
from studio.ui import app
from studio.ui.guard import Guard, host_name

KINDS = ("page", "call", "upload", "file")
UPLOAD = (
    b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.txt"\r\n'
    b"Content-Type: text/plain\r\n\r\nhello\r\n--x--\r\n"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[app.Server]:
    workspace = Workspace(tmp_path_factory.mktemp("guard"))
    (workspace.outputs / "seen.txt").write_text("visible")
    studio = Studio(workspace)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Gradio's; a workspace without any base is unusual
        running = app.serve(studio, port=port)
    yield running
    running.close()
    studio.close()


def ask(server: app.Server, kind: str, headers: dict[str, str]) -> int:
    """The status a request of this kind gets."""
    port = int(server.url.rsplit(":", 1)[1])
    seen = server.page.studio.workspace.outputs / "seen.txt"
    header = next(
        b for b in server.demo.blocks.values() if getattr(b, "elem_id", "") == "cs-header"
    )
    call = json.dumps(
        {"component_id": header._id, "fn_name": "readiness", "session_hash": "t", "data": None}
    ).encode()
    method, path, body, content = {
        "page": ("GET", "/", None, None),
        "call": ("POST", "/gradio_api/component_server", call, "text/plain"),
        "upload": ("POST", "/gradio_api/upload", UPLOAD, "multipart/form-data; boundary=x"),
        "file": ("GET", f"/gradio_api/file={seen}", None, None),
    }[kind]
    if kind == "call" and headers.get("Origin", "").startswith("http://127"):
        content = "application/json"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest(method, path, skip_host=True)
    for name, value in {"Host": f"127.0.0.1:{port}", **headers}.items():
        connection.putheader(name, value.replace("PORT", str(port)))
    if content:
        connection.putheader("Content-Type", content)
        connection.putheader("Content-Length", str(len(body or b"")))
    connection.endheaders(body)
    try:
        return connection.getresponse().status
    finally:
        connection.close()


OWN = [{}, {"Origin": "http://127.0.0.1:PORT"}, {"Host": "localhost:PORT"}]
FOREIGN_HOST = [{"Host": "evil.example:PORT"}, {"Host": "127.0.0.1.evil.example"}, {"Host": ""}]
FOREIGN_ORIGIN = [
    {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"},
    {"Origin": "http://127.0.0.1:PORT", "Sec-Fetch-Site": "cross-site"},
]  # fmt: skip


@pytest.mark.parametrize(("kind", "headers"), list(itertools.product(KINDS, OWN)))
def test_own_requests_pass(server: app.Server, kind: str, headers: dict[str, str]) -> None:
    if kind == "call" and "Origin" not in headers:
        headers = {**headers, "Origin": f"http://{headers.get('Host', '127.0.0.1:PORT')}"}
    assert ask(server, kind, headers) == 200


@pytest.mark.parametrize(("kind", "headers"), list(itertools.product(KINDS, FOREIGN_HOST)))
def test_foreign_host_is_refused(server: app.Server, kind: str, headers: dict[str, str]) -> None:
    assert ask(server, kind, headers) == 400


@pytest.mark.parametrize(("kind", "headers"), list(itertools.product(KINDS, FOREIGN_ORIGIN)))
def test_foreign_origin_gives_no_command(
    server: app.Server, kind: str, headers: dict[str, str]
) -> None:
    expected = 403 if kind in ("call", "upload") else 200
    assert ask(server, kind, headers) == expected


def guard(**named: object) -> Guard:
    return Guard(**named)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("named", "name", "known"),
    [
        ({}, "[::1]:7860", True),
        ({}, "192.168.1.5:7860", False),
        ({}, "abc.gradio.live", False),
        ({"share": True}, "abc.gradio.live", True),
        ({"share": True}, "gradio.live.evil.example", False),
        ({"host": "0.0.0.0"}, "192.168.1.5:7860", True),
        ({"host": "0.0.0.0"}, "evil.example", False),
        ({"host": "studio.lan"}, "studio.lan:7860", True),
    ],
)
def test_names_that_are_ours(named: dict[str, object], name: str, known: bool) -> None:
    assert guard(**named).known(host_name(name)) is known


def test_websocket_from_elsewhere_is_refused() -> None:
    own = guard()
    headers = {"host": ["localhost:7860"], "origin": ["http://evil.example"]}
    assert own.refusal("websocket", "GET", headers) is not None
    headers["origin"] = ["http://localhost:7860"]
    assert own.refusal("websocket", "GET", headers) is None


def test_two_host_lines_are_refused() -> None:
    assert guard().refusal("http", "GET", {"host": ["localhost", "evil.example"]}) is not None
