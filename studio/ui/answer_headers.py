"""The headers of every answer: what a page or a file may do in the browser, and no other origin.

Owns: content policies, cookies for this site alone. Refuses to know: what the answers say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from studio.ui import routes
from studio.ui.guard import Send
from studio.ui.requests import Request

PAGE_POLICY = "; ".join((
    "default-src 'self'",
    # Gradio writes its settings into the page, and makes functions of the parts' scripts
    "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    "media-src 'self' data: blob:",
    "connect-src 'self'",
    "worker-src 'self' blob:",
    "object-src 'none'",
    "base-uri 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
))  # fmt: skip
FILE_POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
)


def dressed(send: Send, request: Request) -> Send:
    """Every answer leaves with our headers, and without permissions for other origins."""
    file = request.path.startswith((f"{routes.API}/file=", "/comparisons/"))
    policy = FILE_POLICY if file else PAGE_POLICY

    async def dress(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": _headers(message.get("headers", ()), policy, request)}
        await send(message)

    return dress


def _headers(
    given: Sequence[tuple[bytes, bytes]], policy: str, request: Request
) -> list[tuple[bytes, bytes]]:
    ours = (*HEADERS, (b"content-security-policy", policy.encode()))
    names = {name for name, _ in ours}
    found = []
    for name, value in given:
        lower = name.lower()
        if lower in names or lower.startswith(b"access-control-"):
            continue
        if lower == b"set-cookie":
            kept = _cookie(value.decode("latin-1"), request.encrypted)
            found += [(name, kept.encode("latin-1"))] if kept else []
        else:
            found.append((name, value))
    return [*found, *ours]


def _cookie(text: str, encrypted: bool) -> str | None:
    """A cookie for this site alone; None for one that only an encrypted connection may carry."""
    first, *rest = [part.strip() for part in text.split(";")]
    wanted = [part for part in rest if not re.match(r"(samesite|secure|httponly)\b", part, re.I)]
    if not encrypted and any(part.lower() == "secure" for part in rest):
        return None
    return "; ".join([first, *wanted, "HttpOnly", "SameSite=Lax", *(["Secure"] * encrypted)])
