"""Which relative paths may come from somebody else and be written below a folder of ours.

Owns: the rule, the same on every system, so that what is written here can be copied anywhere.
Refuses to know: what is written.
"""

from __future__ import annotations

import os
import re

_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_FORBIDDEN_ON_WINDOWS = re.compile(r'[<>:"|?*]')
_LONGEST_PART = 255 - len("-9999")  # bytes; a name that gets a number must still fit
_LONGEST_PATH = 1000


def why_refused(name: str) -> str | None:
    """Why no file may be written under this relative path, or None when it may."""
    if not name or name.startswith("/") or "\\" in name or re.match(r"^[A-Za-z]:", name):
        return "its path is not one inside a folder"
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts):
        return "its path leads out of the folder"
    if _CONTROL.search(name):
        return "its name holds characters that cannot be seen"
    if any(_RESERVED.fullmatch(part) for part in parts):
        return "its name means a device on Windows; give it another one"
    if any(part != part.rstrip(". ") for part in parts):
        return "its name ends in a full stop or a blank; give it another one"
    if os.name == "nt" and any(_FORBIDDEN_ON_WINDOWS.search(part) for part in parts):
        return "its name holds characters that Windows does not allow"
    if any(len(os.fsencode(part)) > _LONGEST_PART for part in parts) or len(name) > _LONGEST_PATH:
        return "its name is too long"
    return None
