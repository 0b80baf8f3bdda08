"""Downloads of a comparison: through the door, streamed, and of nothing else."""

from __future__ import annotations

import csv
import http.client
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from studio.app import Studio
from studio.core.paths import Workspace
from studio.ui import app
from studio.ui.comparison_files import DOWNLOADS, blocks
from tests.compare.made import column, make
from tests.compare.test_report import Page

NAME = "20260101-120000-größe 日本"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A studio with one comparison, served."""
    import socket

    studio = Studio(Workspace(tmp_path_factory.mktemp("w")))
    make(studio.workspace.comparisons / NAME, [column("a"), column("b")], seeds=[1, 2])
    (studio.workspace.comparisons / "empty").mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server = app.serve(studio, port=port)
    yield server.url
    server.close()
    studio.close()


def asked(
    address: str, path: str, method: str = "GET"
) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    connection.request(method, path)
    answer = connection.getresponse()
    found = answer.status, answer.headers, answer.read()
    connection.close()
    return found


def of(name: str, file: str) -> str:
    return f"/comparisons/{quote(name, safe='')}/{file}"


@pytest.mark.filterwarnings("ignore")
def test_every_file_arrives_and_may_run_nothing(address: str) -> None:
    got = {}
    for one in DOWNLOADS:
        status, headers, body = asked(address, of(NAME, one.file))
        assert (status, headers["content-type"]) == (200, one.media_type), one.file
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert (
            headers["cache-control"] == "no-store"
            and "filename*=" in headers["content-disposition"]
        )
        got[one.file] = body
        status, headers, body = asked(address, of(NAME, one.file), "HEAD")
        assert (status, body) == (200, b"")
    assert len(Page(got["report.html"].decode()).all("img")) == 4
    assert [row["column"] for row in csv.DictReader(io.StringIO(got["report.csv"].decode()))] == [
        "a",
        "b",
    ]
    assert json.loads(got["comparison.json"])["columns"][0]["name"] == "a"
    assert got["sheet.png"].startswith(b"\x89PNG")
    with zipfile.ZipFile(io.BytesIO(got["comparison.zip"])) as archive:
        assert archive.testzip() is None and f"{NAME}/comparison.json" in archive.namelist()


@pytest.mark.filterwarnings("ignore")
def test_there_is_nothing_else(address: str) -> None:
    for path in (
        of("empty", "report.html"), of("no-such-one", "report.html"), of(NAME, "votes.jsonl"),
        of("..", "report.html"), of("../comparisons/" + NAME, "report.html"), of(".", "report.html"),
        "/comparisons/", f"/comparisons/{quote(NAME)}", of(NAME, "comparison.exe"),
    ):  # fmt: skip
        status, _, body = asked(address, path)
        assert status in (404, 400), path
        assert b"Traceback" not in body
    assert asked(address, of(NAME, "report.html"), "POST")[0] in (403, 405)


def test_pieces_are_sent_in_blocks() -> None:
    sent = list(blocks(["ä" * 10] * 10, 64))
    assert b"".join(sent) == "ä".encode() * 100 and [len(one) for one in sent] == [80, 80, 40]
    assert list(blocks([])) == [] and list(blocks([b""])) == []


@pytest.mark.filterwarnings("ignore")
def test_with_a_password_they_are_for_those_who_signed_in(tmp_path: Path, free_port: int) -> None:
    studio = Studio(Workspace(tmp_path))
    make(studio.workspace.comparisons / "x", [column("a")])
    server = app.serve(studio, port=free_port, auth=("a", "secret"))
    try:
        assert asked(server.url, of("x", "report.html"))[0] == 401
    finally:
        server.close()
        studio.close()
