"""Signing in: comparing a name and password, and how often that may be tried.

Owns: the comparison, the waiting times per address and over all addresses. Refuses to know: HTTP.

After a few wrong tries an address waits, each time twice as long, at most a minute: nobody is shut
out for ever. Because addresses can be changed, all of them together have a limit as well. The very
machine the studio runs on does not count against that limit, so a stranger who tries without end
cannot keep its owner out; nor does he end sessions that are open.
"""

from __future__ import annotations

import hmac
import ipaddress
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

FREE_TRIES = 5
LONGEST_WAIT = 60.0  # seconds
FORGOTTEN = 15 * 60.0  # seconds without a try
TOGETHER, WINDOW = 40, 60.0  # tries of all addresses in so many seconds
MOST_ADDRESSES = 4096
THIS_MACHINE = "this machine"


def checker(user: str, password: str) -> Callable[[str, str], bool]:
    """Compares with the one login in the same time whatever is wrong, and however long it is."""
    wanted = (_digest(user), _digest(password))

    def check(user: str, password: str) -> bool:
        right = [
            hmac.compare_digest(_digest(given), known)
            for given, known in zip((user, password), wanted, strict=True)
        ]
        return all(right)

    return check


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


@dataclass
class _Tries:
    count: int = 0
    last: float = 0.0

    @property
    def wait(self) -> float:
        over = self.count - FREE_TRIES
        return 0.0 if over < 0 else float(min(2**over, LONGEST_WAIT))


class Attempts:
    """Tries that were not followed by success, by address."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tries: OrderedDict[str, _Tries] = OrderedDict()
        self._all: deque[float] = deque()
        self._lock = threading.Lock()

    def begin(self, address: str) -> float:
        """0 when a try may be made now, which counts it; else how many seconds to wait."""
        with self._lock:
            now = self._clock()
            self._forget(now)
            key = network(address)
            tries = self._tries.get(key) or _Tries()
            wait = tries.last + tries.wait - now
            if wait <= 0 and key != THIS_MACHINE and len(self._all) >= TOGETHER:
                wait = self._all[0] + WINDOW - now
            if wait > 0:
                return wait
            tries.count, tries.last = tries.count + 1, now
            self._tries[key] = tries
            self._tries.move_to_end(key)
            if key != THIS_MACHINE:
                self._all.append(now)
            return 0.0

    def succeeded(self, address: str) -> None:
        """The try was right: what this address got wrong before is forgotten."""
        with self._lock:
            self._tries.pop(network(address), None)
            if self._all and network(address) != THIS_MACHINE:
                self._all.pop()

    def _forget(self, now: float) -> None:
        while self._all and now - self._all[0] >= WINDOW:
            self._all.popleft()
        while self._tries:
            oldest = next(iter(self._tries.values()))
            if now - oldest.last < FORGOTTEN and len(self._tries) <= MOST_ADDRESSES:
                break
            self._tries.popitem(last=False)


def network(address: str) -> str:
    """An address as it is counted: one person often has a whole /64 of IPv6."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:80]
    if found.version == 4:
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))
