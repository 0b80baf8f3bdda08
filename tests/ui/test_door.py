"""What a request may reach, with and without a password, and how answers leave."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from studio.app import Studio
from studio.core.paths import Workspace
from studio.ui import app, requests, routes
from studio.ui.logins import (
    FREE_TRIES,
    LONGEST_WAIT,
    MOST_ADDRESSES,
    THIS_MACHINE,
    TOGETHER,
    WINDOW,
    Attempts,
    checker,
    network,
)

USER, PASSWORD = "me", "an open secret"
SECURITY = Path(__file__).parent.parent.parent / "docs" / "security.md"


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        return ", ".join(value for key, value in self.headers if key.lower() == name)


@dataclass
class Client:
    """Plain HTTP, so that nothing is added or followed."""

    server: app.Server
    cookie: str = ""

    @property
    def port(self) -> int:
        return int(self.server.url.rsplit(":", 1)[1])

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookie:
            sent["Cookie"] = self.cookie
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            stream = "event-stream" in (answer.getheader("content-type") or "")
            return Answer(answer.status, answer.getheaders(), b"" if stream else answer.read())
        finally:
            connection.close()

    def login(self, user: str = USER, password: str = PASSWORD, **headers: str) -> Answer:
        body = f"username={quote(user)}&password={quote(password)}".encode()
        headers = {"Content_Type": "application/x-www-form-urlencoded", **headers}
        answer = self.ask("POST", "/login", body, **headers)
        if answer.status == 200:
            self.cookie = "; ".join(
                value.partition(";")[0]
                for name, value in answer.headers
                if name.lower() == "set-cookie"
            )
        return answer

    def call(self, body: bytes, path: str = "component_server", **headers: str) -> Answer:
        headers = {"Content_Type": "application/json", **headers}
        return self.ask("POST", f"/gradio_api/{path}", body, **headers)


def served(root: Path, auth: tuple[str, str] | None) -> Iterator[app.Server]:
    workspace = Workspace(root)
    (workspace.outputs / "seen.txt").write_text("visible")
    studio = Studio(workspace)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Gradio's; a workspace without any base is unusual
        running = app.serve(studio, port=port, auth=auth)
    yield running
    running.close()
    studio.close()


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    for server in served(tmp_path_factory.mktemp("local"), None):
        yield Client(server)


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[app.Server]:
    yield from served(tmp_path_factory.mktemp("remote"), (USER, PASSWORD))


@pytest.fixture
def stranger(remote: app.Server) -> Client:
    return Client(remote)


@pytest.fixture
def member(remote: app.Server) -> Client:
    client = Client(remote)
    client.login()
    assert client.cookie
    return client


def example(path: str) -> str:
    """A path that a route of Gradio's would take."""
    names = {"api_name": "predict", "size": "64", "component_id": "1", "ext": "aac"}
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda found: names.get(found[1], "x"), path)


def every_route(server: app.Server) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []

    def walk(entries: Any, prefix: str = "") -> None:
        for entry in entries:
            methods = getattr(entry, "methods", None)
            inner = getattr(entry, "original_router", None) or getattr(entry, "routes", None)
            if methods:
                found.extend((method, prefix + example(entry.path)) for method in methods)
            elif inner is not None:
                walk(getattr(inner, "routes", inner), prefix)

    walk(server.demo.app.routes)
    return sorted(set(found))


# The routes that Gradio has and the studio does not.
CLOSED = (
    "/gradio_api/vibe-code", "/gradio_api/vibe-edit", "/gradio_api/undo-vibe-edit",
    "/gradio_api/vibe-starter-queries", "/gradio_api/proxy=https://a.hf.space/x",
    "/gradio_api/stream/x", "/gradio_api/stream/x/close", "/gradio_api/stream/x/y/1/playlist.m3u8",
    "/gradio_api/dev/reload", "/gradio_api/runs", "/gradio_api/deep_link", "/gradio_api/token",
    "/gradio_api/custom_component/x/client/component/index.js", "/gradio_api/process_recording",
    "/gradio_api/file/etc/passwd", "/gradio_api/run-history/buckets", "/gradio_api/mcp",
    "/monitoring", "/monitoring/summary", "/monitoring/x", "/pwa_icon", "/docs", "/redoc",
    "/openapi.json", "/gradio_api/profiling/traces", "/nothing", "//etc", "/gradio_api/../config/x",
)  # fmt: skip


@pytest.mark.parametrize("path", CLOSED)
def test_what_the_page_does_not_use_is_not_there(
    local: Client, member: Client, stranger: Client, path: str
) -> None:
    for client in (local, member, stranger):
        for method in ("GET", "POST"):
            assert client.ask(method, path).status == 404, (method, path)


def test_every_route_of_gradio_is_decided(local: Client, stranger: Client) -> None:
    """An update of Gradio that adds a route adds nothing that can be reached."""
    known = every_route(local.server)
    assert len(known) > 60
    for method, path in known:
        route = routes.find(method, path)
        if not isinstance(route, routes.Route):
            assert stranger.ask(method, path).status in (404, 405), (method, path)
            assert local.ask(method, path).status in (404, 405), (method, path)
        elif route.who == "signed in":
            assert stranger.ask(method, path).status == 401, (method, path)


def test_the_document_lists_the_same_routes() -> None:
    told = set(
        re.findall(
            r"^\| `(\S+)` \| `(\S+)` \| (.+?) \| (.+?) \| (.+?) \|$", SECURITY.read_text(), re.M
        )
    )
    want = {
        (
            " ".join(route.methods).replace(" ", "/"),
            route.pattern.replace("|", "¦"),
            "yes",
            "yes" if route.who == "everyone" else "no",
            "yes",
        )
        for route in routes.ROUTES
    }
    assert told == want


def test_without_a_password_the_page_tells_nothing_of_itself(stranger: Client) -> None:
    page = stranger.ask("GET", "/")
    assert page.status == 200
    assert b"Sign in" in page.body
    for word in (b"gradio", b"endpoint", b"train_start", b"config", b"component"):
        assert word not in page.body.lower()
    for path in ("/config", "/gradio_api/info", "/gradio_api/openapi.json", "/theme.css",
                 "/gradio_api/app_id", "/gradio_api/heartbeat/x", "/assets/x.js"):  # fmt: skip
        assert stranger.ask("GET", path).status == 401
    seen = stranger.server.page.studio.workspace.outputs / "seen.txt"
    assert stranger.ask("GET", f"/gradio_api/file={seen}").status == 401
    for path in ("cancel", "reset", "component_server", "queue/join", "upload", "run/predict"):
        assert stranger.call(b"{}", path).status == 401


def test_signed_in_the_page_is_there_until_one_signs_out(remote: app.Server) -> None:
    client = Client(remote)
    assert client.login().status == 200
    page = client.ask("GET", "/")
    assert b"gradio_config" in page.body
    assert b"Sign out" in page.body
    assert client.ask("GET", "/config").status == 200
    assert client.ask("GET", "/logout").status == 405
    assert client.ask("GET", "/config").status == 200  # a link did not sign anybody out
    foreign = client.ask("POST", "/logout", b"", Origin="http://evil.example")
    assert foreign.status == 403
    assert client.ask("POST", "/logout", b"").status == 302
    assert client.ask("GET", "/config").status == 401


@pytest.mark.parametrize("encrypted", [False, True])
def test_the_session_belongs_to_this_site_alone(remote: app.Server, encrypted: bool) -> None:
    client = Client(remote)
    answer = client.login(**({"X_Forwarded_Proto": "https"} if encrypted else {}))
    cookies = [value for name, value in answer.headers if name.lower() == "set-cookie"]
    assert cookies
    for cookie in cookies:
        attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"httponly", "samesite=lax"} <= attributes
        assert "samesite=none" not in attributes
        assert ("secure" in attributes) is encrypted


def test_every_answer_carries_the_headers(local: Client, stranger: Client, member: Client) -> None:
    seen = local.server.page.studio.workspace.outputs / "seen.txt"
    asked = [(local, "/"), (stranger, "/"), (member, "/"), (stranger, "/config"), (local, "/nothing"),
             (local, f"/gradio_api/file={seen}"), (local, "/gradio_api/heartbeat/x")]  # fmt: skip
    for client, path in asked:
        answer = client.ask("GET", path)
        assert answer.header("x-content-type-options") == "nosniff"
        assert answer.header("x-frame-options") == "DENY"
        assert "frame-ancestors 'none'" in answer.header("content-security-policy")
        assert answer.header("referrer-policy") == "same-origin"
    file = local.ask("GET", f"/gradio_api/file={seen}")
    assert file.body == b"visible"
    assert "script-src" not in file.header("content-security-policy")
    assert "default-src 'none'" in file.header("content-security-policy")


@pytest.mark.parametrize(
    "origin", ["http://localhost:9999", "http://127.0.0.1:1", "null", "https://evil.example"]
)
def test_no_other_origin_may_read(local: Client, origin: str) -> None:
    for method in ("GET", "OPTIONS"):
        answer = local.ask(method, "/config", Origin=origin, Access_Control_Request_Method="POST")
        assert not [name for name, _ in answer.headers if name.lower().startswith("access-control")]
        assert answer.header("cross-origin-resource-policy") == "same-origin"
    assert local.ask("OPTIONS", "/config", Origin=origin).status in (403, 405)


@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_have_a_limit(local: Client, chunked: bool) -> None:
    body = b'{"data": "' + b"x" * requests.LARGEST_JSON + b'"}'
    sent: Any = iter([body[:1000], body[1000:]]) if chunked else body
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused while it was sent
        assert local.call(sent, "queue/join").status == 413
    small = b'{"data": [], "fn_index": 0, "session_hash": "s"}'
    assert local.call(small, "reset").status != 413


def test_a_password_is_not_a_book(stranger: Client) -> None:
    answer = stranger.login("x", "y" * requests.LARGEST_FORM)
    assert answer.status == 413


FILES: list[Any] = [
    {"path": "x", "url": "http://canary.invalid/x.png", "meta": {"_type": "gradio.FileData"}},
    {"path": "http://canary.invalid/x.png"},
    {"path": "x", "meta": {"_type": "gradio.FileData"}},
    {"path": "/etc/passwd", "meta": {}},
    {"url": " HTTPS://canary.invalid/"},
    {"url": "ftp://canary.invalid/"},
    {"inner": [{"deep": {"_type": "gradio.FileData"}}]},
]


@pytest.mark.parametrize("path", ["queue/join", "run/predict", "component_server", "call/x"])
@pytest.mark.parametrize("value", FILES)
def test_a_file_by_address_is_refused_before_anybody_looks(
    local: Client, monkeypatch: pytest.MonkeyPatch, path: str, value: Any
) -> None:
    def asked(host: Any, *rest: Any, **named: Any) -> Any:
        raise AssertionError(f"{host} was looked up")

    body = json.dumps({"data": [value], "session_hash": "s", "fn_index": 0}).encode()
    monkeypatch.setattr(socket, "getaddrinfo", asked)
    connection = http.client.HTTPConnection("127.0.0.1", local.port, timeout=60)
    connection.sock = socket.socket()
    connection.sock.connect(("127.0.0.1", local.port))
    connection.request("POST", f"/gradio_api/{path}", body, {"Content-Type": "text/plain"})
    assert connection.getresponse().status == 400
    connection.close()


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b"{" * 50, b"\xff\xfe", b"[" * 70 + b"]" * 70, b"nonsense"]
)
def test_what_is_no_call_is_refused(local: Client, body: bytes) -> None:
    assert local.call(body, "queue/join").status == 400


def test_what_parts_send_is_let_through() -> None:
    usual = {"data": [{"path": "/w/adapters/a.pt", "strength": 1}], "component_id": 3}
    assert requests.json_problem(json.dumps(usual).encode()) is None
    prompt = {"data": ["see https://example.org", {"prompt": "http://x"}]}
    assert requests.json_problem(json.dumps(prompt).encode()) is None


def test_uploads_are_forms(local: Client) -> None:
    assert (
        local.ask("POST", "/gradio_api/upload", b"{}", Content_Type="application/json").status
        == 415
    )
    form = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.txt"\r\n\r\nhi\r\n--x--\r\n'
    kind = "multipart/form-data; boundary=x"
    assert local.ask("POST", "/gradio_api/upload", form, Content_Type=kind).status == 200
    assert local.call(form, "component_server", Content_Type=kind).status == 400


def test_files_are_served_from_our_folders_only(local: Client, tmp_path: Path) -> None:
    workspace = local.server.page.studio.workspace
    (workspace.root / "private.txt").write_text("not for the page")
    (tmp_path / "secret.txt").write_text("secret")
    link = workspace.outputs / "link.txt"
    link.unlink(missing_ok=True)
    link.symlink_to(tmp_path / "secret.txt")
    asked = [
        tmp_path / "secret.txt", tmp_path / "nothing.txt", link, workspace.root / "private.txt",
        workspace.outputs / ".." / "private.txt", "http://canary.invalid/x", "outputs/seen.txt",
        "~/.ssh/id_rsa", "/proc/self/environ", "/" + "x" * 5000, "a%00b",
    ]  # fmt: skip
    answers = {
        (a.status, a.body) for a in (local.ask("GET", f"/gradio_api/file={p}") for p in asked)
    }
    assert answers == {(403, b"This file is not served.")}  # no answer tells what is there


# Trying passwords.


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def tries(attempts: Attempts, addresses: list[str]) -> int:
    return sum(attempts.begin(address) == 0 for address in addresses)


def test_one_address_soon_waits_and_is_never_shut_out() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    assert tries(attempts, ["10.0.0.1"] * 300) == FREE_TRIES
    waits = []
    for _ in range(12):
        waits.append(attempts.begin("10.0.0.1"))
        clock.now += waits[-1]
        assert attempts.begin("10.0.0.1") == 0
    assert waits[0] == 1.0
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_WAIT


def test_other_addresses_are_not_held_up_by_one() -> None:
    attempts = Attempts(Clock())
    tries(attempts, ["10.0.0.1"] * 300)
    assert attempts.begin("10.0.0.2") == 0


@pytest.mark.parametrize("pattern", ["10.0.{high}.{low}", "2001:db8:{high:x}:{low:x}::1"])
def test_changing_addresses_does_not_help(pattern: str) -> None:
    clock = Clock()
    attempts = Attempts(clock)
    many = [pattern.format(high=k // 250, low=k % 250) for k in range(5000)]
    assert tries(attempts, many) == TOGETHER
    assert attempts.begin(THIS_MACHINE) == 0  # its owner still gets in
    clock.now += WINDOW
    assert attempts.begin("192.0.2.1") == 0


def test_one_person_s_ipv6_addresses_are_one() -> None:
    assert network("2001:db8::1") == network("2001:db8::ffff:1")
    assert network("::ffff:10.0.0.1") == network("10.0.0.1")
    assert network("fe80::1%eth0") == network("fe80::2")


def test_a_right_one_forgives_the_wrong_ones() -> None:
    attempts = Attempts(Clock())
    tries(attempts, ["10.0.0.1"] * FREE_TRIES)
    attempts.succeeded("10.0.0.1")
    assert tries(attempts, ["10.0.0.1"] * 300) == FREE_TRIES


def test_what_is_remembered_is_bounded() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for number in range(MOST_ADDRESSES * 2):
        clock.now += 2 * WINDOW / TOGETHER
        attempts.begin(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(attempts._tries) <= MOST_ADDRESSES + 1


def test_three_hundred_passwords_are_not_tried(
    remote: app.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the real server; the password is right in the end and still not looked at."""
    monkeypatch.setattr(remote.demo.app.middleware_stack, "attempts", Attempts(Clock()))
    client = Client(remote)
    statuses = [client.login(password=f"guess {k}").status for k in range(60)]
    assert statuses == [400] * FREE_TRIES + [429] * (60 - FREE_TRIES)
    refused = client.login()
    assert refused.status == 429
    assert refused.header("retry-after").isdigit()
    assert not client.cookie
    # a name of its own for every try, as a proxy would give them
    elsewhere = [
        client.login(password="guess", X_Forwarded_For=f"192.0.2.{k}").status for k in range(60)
    ]
    assert elsewhere.count(400) == TOGETHER


@pytest.mark.parametrize(
    ("user", "password", "right"),
    [
        ("me", "an open secret", True), ("me", "an open secret ", False), ("", "", False),
        ("ME", "an open secret", False), ("me", "", False), ("mé", "né\ud800", False),
    ],
)  # fmt: skip
def test_only_the_right_login_is_right(user: str, password: str, right: bool) -> None:
    assert checker(USER, PASSWORD)(user, password) is right


def test_comparing_takes_as_many_steps_whatever_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    import hmac

    compared: list[int] = []
    real = hmac.compare_digest

    def counted(left: bytes, right: bytes) -> bool:
        compared.append(len(left))
        return real(left, right)

    monkeypatch.setattr(hmac, "compare_digest", counted)
    for user, password in (("me", "an open secret"), ("you", "x"), ("me", "x" * 1000)):
        compared.clear()
        checker(USER, PASSWORD)(user, password)
        assert compared == [32, 32]
