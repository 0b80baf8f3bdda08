"""The address of an endpoint, as a person typed it.

Owns: what may be an address, and how its host is shown before anything is sent there.
Refuses to know: what is sent.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from studio.core.errors import SettingsError

_REMEDY = "Give an address such as http://localhost:11434/v1 or https://example.org/v1."
_CALL = "/chat/completions"
_SECRET = re.compile(r"(?i)(key|token|secret|password|signature)[^&=]*=")


@dataclass(frozen=True)
class Address:
    """Where images are sent."""

    encrypted: bool
    name: str
    """Of the host, without its port."""
    port: int
    path: str
    """Of the call, with what stands behind a question mark."""

    @classmethod
    def parse(cls, text: str, exact: bool = False) -> Self:
        """An endpoint's address, with or without `/chat/completions`; with it, or `exact`, the path
        is taken as it is. Raises SettingsError."""
        text = text.strip()
        if not text:
            raise SettingsError("No address of an endpoint is given", remedy=_REMEDY)
        if any(ord(char) <= 32 or ord(char) >= 127 for char in text):
            raise SettingsError("This is no address", where=text[:200], remedy=_REMEDY)
        try:
            parts = urlsplit(text if "://" in text else f"http://{text}")
            port = parts.port
        except ValueError as error:
            raise SettingsError("This is no address", where=text[:200], remedy=_REMEDY) from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingsError("This is no address", where=text[:200], remedy=_REMEDY)
        if parts.username is not None or parts.password is not None:
            raise SettingsError(
                "A name or key does not belong into the address",
                remedy="Give the key in its own field.",
            )
        if _SECRET.search(parts.query):
            raise SettingsError(
                "A key does not belong into the address",
                why="The address is written into the record of who described what.",
                remedy="Give the key in its own field.",
            )
        path = parts.path.rstrip("/")
        if exact:
            path = parts.path or "/"
        elif not path.endswith(_CALL):
            path = (path or "/v1") + _CALL
        if parts.query:
            path += f"?{parts.query}"
        encrypted = parts.scheme == "https"
        return cls(encrypted, parts.hostname, port or (443 if encrypted else 80), path)

    @property
    def host(self) -> str:
        """As it is shown: with the port, unless it is the usual one."""
        name = f"[{self.name}]" if ":" in self.name else self.name
        usual = self.port == (443 if self.encrypted else 80)
        return name if usual else f"{name}:{self.port}"

    @property
    def here(self) -> bool:
        """Whether it is this machine."""
        if self.name == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.name).is_loopback
        except ValueError:
            return False

    def sentence(self) -> str:
        """What a person reads before anything is sent."""
        if self.here:
            return f"Images are sent to {self.host}, on this machine."
        how = "encrypted" if self.encrypted else "NOT encrypted: others on the way can see them"
        return f"Images are sent to {self.host} ({how})."
