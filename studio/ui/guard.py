"""Who may talk to the page: only the page itself, under its own name.

Owns: refusing foreign `Host` names (a rebinding attack: another site's name pointing at this
machine) and foreign `Origin`s (another site's page sending commands here), and short answers.
Refuses to know: Gradio, what the requests mean, passwords (`door.py`).
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

EVERYWHERE = ("0.0.0.0", "::", "")
SHARE_SUFFIX = ".gradio.live"


def host_name(value: str) -> str:
    """`localhost:7860` → `localhost`, `[::1]:7860` → `::1`; empty when it is no host at all."""
    try:
        return (urlsplit(f"//{value.strip()}").hostname or "").lower()
    except ValueError:
        return ""


class Guard:
    """Foreign Host → 400, foreign origin with a side effect → 403; `door.py` asks it first."""

    def __init__(
        self, *, host: str = "127.0.0.1", share: bool = False, names: Iterable[str] = ()
    ) -> None:
        """`host` is the bound address; `names` are further host names that point here on purpose."""
        self.share = share
        self.any_address = host in EVERYWHERE
        self.names = {"localhost", "127.0.0.1", "::1", host_name(host), *map(str.lower, names)}
        if self.any_address:
            own = socket.gethostname().lower()
            self.names |= {own, f"{own}.local"}
        self.names.discard("")

    def refusal(
        self, kind: str, method: str, headers: dict[str, list[str]]
    ) -> tuple[int, str] | None:
        """(status, sentence) when the request is not ours, else None."""
        hosts = headers.get("host", [])
        if len(hosts) != 1 or not self.known(host_name(hosts[0])):
            return 400, "This address is not one of the studio's own names."
        if kind == "http" and method in ("GET", "HEAD"):
            return None
        if any(site.lower() == "cross-site" for site in headers.get("sec-fetch-site", [])):
            return 403, "Another site's page may not give commands to the studio."
        ours = {hosts[0].lower()}
        ours |= {
            name.lower()
            for name in headers.get("x-forwarded-host", [])
            if self.known(host_name(name))
        }
        for origin in headers.get("origin", []):
            if _authority(origin) not in ours:
                return 403, "Another site's page may not give commands to the studio."
        return None

    def known(self, name: str) -> bool:
        """Whether `name` is how this studio is reached on purpose."""
        if name in self.names:
            return True
        if self.share and name.endswith(SHARE_SUFFIX):
            return True
        return self.any_address and _is_address(name)


def _authority(origin: str) -> str:
    """`http://localhost:7860` → `localhost:7860`; `null` and nonsense → empty."""
    try:
        parts = urlsplit(origin.strip())
    except ValueError:
        return ""
    return parts.netloc.lower() if parts.scheme in ("http", "https") else ""


def _is_address(name: str) -> bool:
    """An IP address cannot be rebound to another machine, so it is safe as a Host."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


async def answer(
    send: Send,
    status: int,
    text: str | bytes,
    kind: bytes = b"text/plain; charset=utf-8",
    *,
    retry_after: int | None = None,
) -> None:
    """One short answer of our own."""
    body = text.encode() if isinstance(text, str) else text
    headers = [
        (b"content-type", kind),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    if retry_after is not None:
        headers.append((b"retry-after", str(retry_after).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
