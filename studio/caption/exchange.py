"""One question to a server over HTTP, bounded in time, size and where it may lead.

Owns: the request, the limits, redirects within one host, and when it is asked again (429, 5xx).
Refuses to know: what is asked, what an answer means.

No proxy is used and no other host than the one named is ever spoken to. A watching thread closes
the connection at the deadline and when the work is cancelled, so neither a server that sends a byte
now and then nor one that says nothing holds anybody up.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urljoin

from studio.caption.address import Address
from studio.caption.source import AnswerError
from studio.core.counts import counted
from studio.core.errors import Interrupted, SettingsError, UnavailableError

MOST_BYTES = 1 << 20
"""Of an answer; a caption is a thousandth of it."""
MOST_TRIES, MOST_REDIRECTS, LONGEST_WAIT = 4, 3, 60.0
CONNECTING = 10.0
"""Seconds until somebody must have answered at all."""
_AGAIN = (408, 429, 500, 502, 503, 504)
_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True)
class Limits:
    """What an exchange may take."""

    seconds: float = 120.0
    """For one try."""
    first_wait: float = 1.0
    """Before the second try; doubled each time, unless the server says how long."""
    cancelled: Callable[[], bool] = bool


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    """With names in lower case."""


def post(address: Address, body: bytes, headers: dict[str, str], limits: Limits) -> Reply:
    """Sends `body` until an answer comes that need not be asked for again.

    Raises UnavailableError when the server cannot be reached or keeps refusing, AnswerError when its
    answer is too long, SettingsError when it leads to another host, and Interrupted.
    """
    wait = limits.first_wait
    for attempt in range(1, MOST_TRIES + 1):
        try:
            reply = _once_followed(address, body, headers, limits)
        except _Broken as error:
            if attempt == MOST_TRIES or error.final:
                raise _unreachable(address, error) from error
            reply = None
        if reply is not None and (reply.status not in _AGAIN or attempt == MOST_TRIES):
            return reply
        asked = _retry_after(reply)
        if asked is not None and asked > LONGEST_WAIT:
            raise UnavailableError(
                "The endpoint asks to wait",
                where=address.host,
                why=f"It answered {reply.status if reply else 0} and wants {counted(round(asked), 'second')}.",
                remedy="Continue later.",
                safe="Captions written so far are kept.",
            )
        _sleep(wait if asked is None else asked, limits)
        wait *= 2
    raise AssertionError("the last try returns or raises")


class _Broken(Exception):
    """The connection did not come about, or broke off."""

    def __init__(self, why: str, final: bool = False) -> None:
        super().__init__(why)
        self.final = final


def _once_followed(address: Address, body: bytes, headers: dict[str, str], limits: Limits) -> Reply:
    for _ in range(MOST_REDIRECTS + 1):
        reply = _once(address, body, headers, limits)
        if reply.status not in _REDIRECTS:
            return reply
        address = _led(address, reply.headers.get("location", ""))
    raise AnswerError("The endpoint redirects in circles", where=address.host)


def _led(address: Address, location: str) -> Address:
    """Where a redirect leads, when that is the same host; the key and the images go nowhere else."""
    scheme = "https" if address.encrypted else "http"
    there = urljoin(f"{scheme}://{address.host}{address.path}", location)
    try:
        led: Address | None = Address.parse(there, exact=True)
    except SettingsError:
        led = None
    if led is None or (led.encrypted, led.name, led.port) != (
        address.encrypted, address.name, address.port,
    ):  # fmt: skip
        raise SettingsError(
            "The endpoint sends elsewhere, and that is not followed",
            where=address.host,
            why=f"It redirects to {there[:200]}.",
            remedy="If you trust that address, give it as the endpoint's.",
        )
    return led


def _once(address: Address, body: bytes, headers: dict[str, str], limits: Limits) -> Reply:
    if limits.cancelled():
        raise _stopped()
    connection = _connection(address, limits.seconds)
    watch = _Watch(connection, limits)
    try:
        with watch:
            connection.connect()
            connection.sock.settimeout(limits.seconds)
            connection.request("POST", address.path, body, headers)
            with connection.getresponse() as response:
                heads = {name.lower(): value for name, value in response.getheaders()}
                led = response.status in _REDIRECTS
                reply = Reply(response.status, b"" if led else _bounded(response, address), heads)
        if (
            watch.late or watch.cancelled
        ):  # then an answer that was cut off can look like a short one
            raise TimeoutError
        return reply
    except (OSError, http.client.HTTPException, ValueError) as error:
        if watch.cancelled:
            raise _stopped() from error
        if watch.late or isinstance(error, TimeoutError):
            raise _Broken(
                f"No answer came within {counted(round(limits.seconds), 'second')}."
            ) from error
        certificate = isinstance(error, ssl.SSLCertVerificationError)
        raise _Broken(_why(error), final=certificate) from error
    finally:
        connection.close()


def _bounded(response: http.client.HTTPResponse, address: Address) -> bytes:
    body = response.read(MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        raise AnswerError(
            "The endpoint's answer is too long for a caption",
            where=address.host,
            why=f"It sent more than {MOST_BYTES:,} bytes.",
        )
    if response.length:  # what it said it would still send
        raise http.client.IncompleteRead(body, response.length)
    return body


def _connection(address: Address, seconds: float) -> http.client.HTTPConnection:
    name, port, timeout = address.name, address.port, min(seconds, CONNECTING)
    if address.encrypted:
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(name, port, timeout=timeout, context=context)
    return http.client.HTTPConnection(name, port, timeout=timeout)


class _Watch:
    """Closes a connection at the deadline, or once the work is cancelled."""

    def __init__(self, connection: http.client.HTTPConnection, limits: Limits) -> None:
        self.late = self.cancelled = False
        self._connection, self._limits = connection, limits
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="endpoint watch", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        end = time.monotonic() + self._limits.seconds
        while not self._over.wait(0.05):
            self.late = time.monotonic() > end
            self.cancelled = self._limits.cancelled()
            if self.late or self.cancelled:
                self._close()
                return

    def _close(self) -> None:
        for _ in range(200):  # until a connection that was just being made is there
            found = self._connection.sock
            if found is not None:
                with contextlib.suppress(OSError):
                    # the plain one: what lies around it for TLS must not be taken apart meanwhile
                    socket.socket.shutdown(found, socket.SHUT_RDWR)
                return
            if self._over.wait(0.05):
                return


def _retry_after(reply: Reply | None) -> float | None:
    """The seconds that a server asks to wait, when it says so in a number."""
    text = reply.headers.get("retry-after", "").strip() if reply is not None else ""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _sleep(seconds: float, limits: Limits) -> None:
    for _ in _ticks(seconds):
        if limits.cancelled():
            raise _stopped()


def _ticks(seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        yield
        time.sleep(min(0.05, left))


def _stopped() -> Interrupted:
    return Interrupted("Stopped as you asked", safe="Captions written so far are kept.")


def _why(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "Nothing answers at this address."
    if isinstance(error, socket.gaierror):
        return "The name of the host is not known."
    if isinstance(error, http.client.HTTPException | ValueError):
        return "What came back is not HTTP, or broke off."
    return f"The connection failed: {getattr(error, 'strerror', None) or type(error).__name__}."


def _unreachable(address: Address, error: Exception) -> UnavailableError:
    return UnavailableError(
        "The endpoint gives no answer",
        where=address.host,
        why=str(error),
        remedy="Check the address, and that the server runs there.",
        safe="Captions written so far are kept.",
    )
