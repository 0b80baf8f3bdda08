"""A server on this machine that plays an endpoint: a good one, and every bad one there is.

Owns: the behaviours, by name, and what was asked of it.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def completion(text: Any) -> bytes:
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]}).encode()


@dataclass
class Fake:
    """What the server does next (the last one stays), and what came."""

    address: str = ""
    plan: list[str] = field(default_factory=lambda: ["good"])
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    text: Any = "a cat on a mat"
    elsewhere: str = ""
    over: threading.Event = field(default_factory=threading.Event)

    def next(self) -> str:
        return self.plan.pop(0) if len(self.plan) > 1 else self.plan[0]


class _Handler(BaseHTTPRequestHandler):
    fake: Fake

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        fake = self.fake
        size = int(self.headers.get("Content-Length", 0))
        fake.asked.append(json.loads(self.rfile.read(size)))
        fake.headers.append(dict(self.headers))
        fake.paths.append(self.path)
        with contextlib.suppress(OSError):
            self._play(fake.next())

    def _play(self, name: str) -> None:
        fake = self.fake
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if name == "good":
            self._send(200, completion(fake.text))
        elif name == "newer":
            told = "Unsupported parameter: use 'max_completion_tokens' instead."
            self._send(400, json.dumps({"error": {"message": told}}).encode())
        elif name.isdigit():
            message = f"Incorrect key {key}\x1b[31m in Hogwarts " + "x" * 500
            self._send(int(name), json.dumps({"error": {"message": message}}).encode())
        elif name.startswith("wait"):
            self._send(429, b"slow down", {"Retry-After": name.removeprefix("wait ")})
        elif name == "redirect here":
            self._send(307, b"", {"Location": "/moved"})
        elif name == "redirect away":
            self._send(307, b"", {"Location": f"{fake.elsewhere}/v1/chat/completions"})
        elif name == "silent":
            fake.over.wait(20)
        elif name == "drip":
            self._drip(b"HTTP/1.1 200 OK\r\nX-A: ")
        elif name == "endless":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
            while not fake.over.is_set():
                self.wfile.write(b" " * 65536)
        elif name == "long":
            self._send(200, completion("cat " * 20_000))
        elif name == "quotes the key":
            self._send(200, completion(f"a cat with {key}"))
        elif name == "no http":
            self.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")
        elif name == "deep":
            self._send(200, b"[" * 100_000)
        elif name.startswith("raw "):
            self._send(200, name.removeprefix("raw ").encode())
        elif name == "cut":
            self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"cho')
        self.close_connection = True

    def _drip(self, start: bytes) -> None:
        self.wfile.write(start)
        while not self.fake.over.is_set():
            self.wfile.write(b"a")
            time.sleep(0.02)

    def _send(self, status: int, body: bytes, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **(more or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)


@contextlib.contextmanager
def running() -> Iterator[Fake]:
    """A server that plays until the end."""
    fake = Fake()
    handler = type("Handler", (_Handler,), {"fake": fake})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    fake.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        fake.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
