"""Tags that name adapter files in a prompt: `<lora:name:0.8>`, as A1111's web UI writes them.

Owns: the syntax. Refuses to know: files, tokens, torch. `studio.app` finds the files.

`<lora:name:text:unet>`, `<lyco:…>`, `<hypernet:name:strength>`; named `te=`, `unet=`, `dyn=`;
decimal commas. Of A1111's extension for block weights: `lbw=` with a preset or a list (also
without its name, after the strengths), `start=`, `stop=` and `step=` in sampling steps.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from studio.core.errors import SettingsError
from studio.settings import block_weights

_TAG = re.compile(r"<(lora|lyco|hypernet):([^<>]*)>", re.IGNORECASE)
_OPEN = re.compile(r"<(?:lora|lyco|hypernet):[^<>]*(?=<|\Z)", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?(?:\d+[.,]?\d*|[.,]\d+)")
_STEPS = re.compile(r"(\d+)\s*-\s*(\d+)")


@dataclass(frozen=True)
class Tag:
    """A file that a prompt names, with its strengths."""

    kind: Literal["lora", "hypernetwork"]
    name: str
    text_strength: float
    strength: float
    """On the UNet."""
    written: str
    blocks: dict[str, float] = field(default_factory=dict)
    """Factors per block; empty: none given. Blocks that a list leaves out have 0."""
    start: int | None = None
    stop: int | None = None
    """Sampling steps between which it acts."""
    note: str = ""
    """What of the tag has no effect here."""


class _MalformedError(ValueError):
    """Why a tag cannot be read."""


def split_tags(prompt: str) -> tuple[str, list[Tag]]:
    """(`prompt` without tags, the tags in order). What cannot be read stays text: see `malformed`."""
    tags: list[Tag] = []

    def read(match: re.Match[str]) -> str:
        try:
            tags.append(_tag(match))
        except _MalformedError:
            return match.group()
        return "\0"

    clean = _TAG.sub(read, prompt.replace("\0", ""))
    if not tags:
        return prompt, []
    clean = re.sub(r",?[ \t]*\0(?=[ \t\0]*(?:,|\n|$))", "", clean)
    clean = re.sub(r"[ \t]*\0", "", clean)
    return clean.strip().removeprefix(",").lstrip(), tags


def has_tags(prompt: str) -> bool:
    """Whether something in `prompt` is a tag, or was meant to be one."""
    return bool(split_tags(prompt)[1] or malformed(prompt))


def malformed(prompt: str) -> list[tuple[str, str]]:
    """(a tag as written, why it cannot be read) for what looks like a tag of ours and is none."""
    found = []
    for match in _TAG.finditer(prompt):
        try:
            _tag(match)
        except _MalformedError as error:
            found.append((match.group(), str(error)))
    return found + [
        (match.group(), "It has no “>” at its end.") for match in _OPEN.finditer(prompt)
    ]


def written(kind: str, name: str, text_strength: float, strength: float, weights: str = "") -> str:
    """A tag that A1111's web UI reads, or nothing where a name cannot stand in one."""
    if kind not in ("lora", "hypernetwork") or re.search(r"[<>:\n\r]", name) or not name.strip():
        return ""
    if kind == "hypernetwork":
        return f"<hypernet:{name}:{strength:g}>"
    both = f"{text_strength:g}" if text_strength == strength else f"{text_strength:g}:{strength:g}"
    return f"<lora:{name}:{both}{f':lbw={weights}' if weights else ''}>"


def _tag(match: re.Match[str]) -> Tag:
    kind, (name, *rest) = match[1].lower(), match[2].split(":")
    if not name.strip():
        raise _MalformedError("It names no file.")
    given = dict(_arguments(rest))
    known: dict[str, Any] = {key: _READERS[key](value) for key, value in given.items()}
    start, stop = known.get("step") or (known.get("start"), known.get("stop"))
    text_strength = known.get("te", 1.0)
    hypernetwork = kind == "hypernet"
    note = ""
    if "dyn" in given:
        note = f"dyn={given['dyn']} has no effect here: the file acts with its full rank."
    return Tag(
        "hypernetwork" if hypernetwork else "lora",
        name.strip(),
        text_strength,
        text_strength if hypernetwork else known.get("unet", text_strength),
        match.group(),
        known.get("lbw", {}),
        start,
        stop,
        note,
    )


def _arguments(parts: list[str]) -> Iterator[tuple[str, str]]:
    """(name, value) of what follows a file's name; unnamed ones are named by their place."""
    places = iter(("te", "unet", "dyn"))
    for part in parts:
        key, equals, value = part.partition("=")
        key, value = key.strip().lower(), value.strip()
        if equals:
            if key not in _READERS:
                raise _MalformedError(f"“{part.strip()[:40]}” means nothing here.")
            yield key, value
        elif _looks_like_blocks(part.strip()):
            yield "lbw", part.strip()
        else:
            yield next(places, "dyn"), part.strip()


def _looks_like_blocks(text: str) -> bool:
    return text.upper() in block_weights.PRESETS or text.count(",") > 1


def _strength(text: str) -> float:
    if not text:
        raise _MalformedError("A strength is missing.")
    if not _NUMBER.fullmatch(text):
        raise _MalformedError(f"“{text[:40]}” is no strength.")
    return float(text.replace(",", "."))


def _step(text: str) -> int:
    if not text.isdecimal():
        raise _MalformedError(f"“{text[:40]}” is no sampling step.")
    return int(text[:9])


def _steps(text: str) -> tuple[int, int]:
    if not (found := _STEPS.fullmatch(text)):
        raise _MalformedError(f"“{text[:40]}” is no range of sampling steps.")
    return _step(found[1]), _step(found[2])


def _weights(text: str) -> dict[str, float]:
    try:
        return block_weights.listed(text)
    except SettingsError as error:
        raise _MalformedError(f"{error.what}. {error.why or error.remedy}") from None


_READERS: dict[str, Callable[[str], object]] = {
    "te": _strength, "unet": _strength, "dyn": _strength, "lbw": _weights, "start": _step,
    "stop": _step, "step": _steps,
}  # fmt: skip
