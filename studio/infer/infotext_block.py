"""The form of a settings block: prompt lines, `Negative prompt:` lines, one line of pairs.

Owns: taking a block of any program apart and putting one together. Refuses to know: what the pairs
mean (`infotext`). Source of the form: A1111's `parameters` chunk; values with commas, colons or
newlines are JSON strings there. Lines of an extension may follow (`Template:`, `Negative Template:`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from studio.core.text import parse_json

NEGATIVE = "Negative prompt:"
_KEY = re.compile(r"[A-Za-z][\w \-/+.()]*")
_QUOTED = re.compile(r'"(?:\\.|[^\\"])*"(?=\s*(?:,|\Z))')
_BEHIND = ("Template:", "Negative Template:")
# At least two of these make a line of pairs the settings: a prompt may well contain colons.
_USUAL = {
    "Steps", "Sampler", "CFG scale", "Seed", "Size", "Model", "Model hash", "Schedule type", "Version",
    "Clip skip", "Denoising strength", "Scheduler", "App",
}  # fmt: skip


@dataclass(frozen=True)
class Block:
    """A block taken apart: `pairs` are the keys and values of the last line, unquoted."""

    prompt: str
    negative_prompt: str
    pairs: dict[str, str] = field(default_factory=dict)


def composed(prompt: str, negative: str, pairs: Mapping[str, Any]) -> str:
    """A block; pairs that are None are left out."""
    last = ", ".join(f"{k}: {_quoted(str(v))}" for k, v in pairs.items() if v is not None)
    return "\n".join([prompt, *([f"{NEGATIVE} {negative}"] if negative else []), last])


def extended(block: str, pairs: Mapping[str, str]) -> str:
    """The block with more pairs behind its last one."""
    return block + "".join(f", {key}: {_quoted(value)}" for key, value in pairs.items())


def parse(text: str) -> Block:
    """Takes a block of any program apart; what is not understood ends in the prompt or in pairs."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").strip("\n").split("\n")
    pairs: dict[str, str] = {}
    place = _settings_line(lines)
    if place is not None:
        pairs = dict(_pairs(lines[place]))
        del lines[place:]
    prompt: list[str] = []
    negative: list[str] = []
    target = prompt
    for line in lines:
        if target is prompt and line.lstrip().startswith(NEGATIVE):
            target = negative
            line = line.lstrip().removeprefix(NEGATIVE).removeprefix(" ")
        target.append(line)
    return Block("\n".join(prompt).strip("\n"), "\n".join(negative).strip("\n"), pairs)


def _settings_line(lines: Sequence[str]) -> int | None:
    """The last line that is settings, with nothing behind it but templates and blanks."""
    for place in range(len(lines) - 1, -1, -1):
        if _is_settings(lines[place]):
            rest = [line for line in lines[place + 1 :] if line.strip()]
            return place if not rest or rest[0].lstrip().startswith(_BEHIND) else None
    return None


def _pairs(line: str) -> Iterator[tuple[str, str]]:
    """The `Key: value` pairs of a line, values unquoted; JSON lists and tables count as one value."""
    place = 0
    while (colon := line.find(":", place)) >= 0:
        comma = line.find(",", place, colon)
        if comma >= 0:
            place = comma + 1
            continue
        key, end = line[place:colon].strip(), _end_of_value(line, colon + 1)
        if _KEY.fullmatch(key):
            yield key, _unquoted(line[colon + 1 : end].strip())
        place = end + 1


def _end_of_value(line: str, start: int) -> int:
    while line[start : start + 1].isspace():
        start += 1
    end = start
    if quoted := _QUOTED.match(line, start):
        end = quoted.end()
    elif line[start : start + 1] in ("[", "{"):
        try:
            _, end = json.JSONDecoder().raw_decode(line, start)
        except (ValueError, RecursionError):
            end = start
    comma = line.find(",", end)
    return comma if comma >= 0 else len(line)


def _is_settings(line: str) -> bool:
    pairs = dict(_pairs(line))
    if next(iter(pairs), "") == "Steps" and pairs["Steps"][:1].isdigit():
        return True
    return len(pairs) >= 3 and len(_USUAL & pairs.keys()) >= 2


def _quoted(value: str) -> str:
    plain = not re.search(r'[,:\n\r"]', value) and value == value.strip() and value
    return value if plain else json.dumps(value, ensure_ascii=False)


def _unquoted(value: str) -> str:
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value.strip()
    try:
        return str(parse_json(value, strict=False))
    except ValueError:
        return value[1:-1]
