"""A hub on this machine: the few requests that the hub's library makes, with everything that goes wrong.

Owns: one repository, what was asked of it, and failures that a test sets. The library itself is the
real one, and so are its cache, its ranges and its errors.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

NAME, COMMIT = "somebody/model", "c0ffee" + "0" * 34


class HubServer:
    """Serves the files of `source` as `somebody/model`."""

    def __init__(self, source: Path) -> None:
        self.source = source
        self.files = [p.relative_to(source).as_posix() for p in source.rglob("*") if p.is_file()]
        self.asked: list[str] = []
        """`GET /path`, with `from N` where a range was asked for."""
        self.status = 200
        """What every request is answered with."""
        self.gated = False
        self.cut: tuple[str, int] | None = None
        """(file, bytes): its body ends there, and everything later is refused."""
        self.damaged = ""
        """A file of which other bytes are sent than the hub states."""
        self.slow: threading.Event | None = None
        """Waited for before each weight file is sent."""
        self.address = ""

    def bytes_of(self, file: str) -> bytes:
        return (self.source / file).read_bytes()

    def facts(self, file: str) -> dict[str, Any]:
        data = self.bytes_of(file) if (self.source / file).is_file() else b"x" * 100
        if not file.endswith(".safetensors"):
            oid = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            return {"size": len(data), "oid": oid}
        return {"size": len(data), "oid": "0" * 40, "sha256": hashlib.sha256(data).hexdigest()}

    def about(self) -> dict[str, Any]:
        siblings = []
        for file in self.files:
            facts = self.facts(file)
            entry = {"rfilename": file, "size": facts["size"], "blobId": facts["oid"]}
            if sha := facts.get("sha256"):
                entry["lfs"] = {"sha256": sha, "size": facts["size"], "pointerSize": 100}
            siblings.append(entry)
        tags = ["diffusers", "license:openrail++"]
        return {"id": NAME, "sha": COMMIT, "siblings": siblings, "tags": tags, "gated": self.gated}

    def tree(self) -> list[dict[str, Any]]:
        found = []
        for file in self.files:
            facts = self.facts(file)
            entry = {"type": "file", "path": file, "size": facts["size"], "oid": facts["oid"]}
            if sha := facts.get("sha256"):
                entry["lfs"] = {"oid": sha, "size": facts["size"], "pointerSize": 100}
            found.append(entry)
        return found

    def refusal(self) -> dict[str, str]:
        return {"X-Error-Code": "GatedRepo"} if self.gated else {}


class _Handler(BaseHTTPRequestHandler):
    hub: HubServer

    def log_message(self, *_: Any) -> None:
        """Says nothing."""

    def do_HEAD(self) -> None:
        self._answered(False)

    def do_GET(self) -> None:
        self._answered(True)

    def _answered(self, body: bool) -> None:
        hub, path = self.hub, unquote(urlsplit(self.path).path)
        begin = int(self.headers.get("Range", "bytes=0-")[6:].split("-")[0])
        hub.asked.append(f"{self.command} {path}" + (f" from {begin}" if begin else ""))
        if hub.status != 200:
            self._send(hub.status, b"", hub.refusal())
        elif path.startswith("/api/"):
            found = hub.tree() if "/tree/" in path else hub.about()
            self._send(200, json.dumps(found).encode(), {"Content-Type": "application/json"})
        else:
            self._file(path.partition("/resolve/")[2].partition("/")[2], begin, body)

    def _file(self, file: str, begin: int, body: bool) -> None:
        hub = self.hub
        if hub.gated:
            return self._send(401, b"", hub.refusal())
        if hub.slow is not None and body and file.endswith(".safetensors"):
            hub.slow.wait(20)
        facts, data = hub.facts(file), hub.bytes_of(file)
        if file == hub.damaged:
            data = bytes(len(data))
        headers = {"ETag": f'"{facts.get("sha256", facts["oid"])}"', "X-Repo-Commit": COMMIT}
        if begin:
            headers["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
        rest = data[begin:]
        if hub.cut and hub.cut[0] == file and body:
            hub.status = 503
            self._send(206 if begin else 200, rest, headers, hub.cut[1])
            self.close_connection = True
            return None
        return self._send(206 if begin else 200, rest if body else b"", headers, None, len(rest))

    def _send(
        self, status: int, data: bytes, headers: dict[str, str], most: int | None = None,
        length: int | None = None,
    ) -> None:  # fmt: skip
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        self.end_headers()
        self.wfile.write(data if most is None else data[:most])


@contextmanager
def serving_hub(source: Path, cache: Path) -> Iterator[HubServer]:
    """The hub's library asks this machine, and keeps what it gets in `cache`."""
    from huggingface_hub import constants

    hub = HubServer(source)
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constants, "ENDPOINT", hub.address)
        template = hub.address + "/{repo_id}/resolve/{revision}/{filename}"
        patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        patch.setattr(constants, "HF_HUB_CACHE", str(cache))
        patch.setattr(constants, "HF_HUB_OFFLINE", False)
        patch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)
        yield hub
    server.shutdown()
    thread.join()
    server.server_close()
