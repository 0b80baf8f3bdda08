"""The text block in which a picture carries its settings, in the form web UIs read and write.

Owns: writing it, and reading blocks of any origin. Refuses to know: torch, pictures, where files
are. Source of the form: A1111's `parameters` chunk (prompt lines, `Negative prompt:` lines, one
line of `Key: value` pairs, values with commas, colons or newlines quoted as JSON strings).

Ours adds one key, `Stack`: the adapter files by name with their strengths, ranges
and block factors, as JSON. The first
aesthetic embedding is also written as A1111's extension does it (`Aesthetic embedding` and seven
more keys), and read from there where there is no `Stack`. A picture that was started from is not
named, only its denoising.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from studio.config import GenerateSettings, Sampler, StackItem, SteeringSettings
from studio.text import parse_json

VERSION = "Concept Studio"
_NEGATIVE = "Negative prompt:"
_PAIR = re.compile(r'\s*([A-Za-z][\w \-/+.]*?)\s*:\s*("(?:\\.|[^\\"])*"|[^,]*)\s*(?:,|$)')
# What A1111's extension for aesthetic embeddings calls their settings.
_AESTHETIC = {
    "Aesthetic LR": "rate",
    "Aesthetic steps": "steps",
    "Aesthetic slerp": "slerp",
    "Aesthetic text": "text",
    "Aesthetic text negative": "text_negative",
    "Aesthetic slerp angle": "text_angle",
}
_LIMITS = ("aesthetic", "start", "end", "blocks")
# Names that other programs give to samplers we have.
_SAMPLERS: dict[str, Sampler] = {
    **{name.lower(): name for name in get_args(Sampler)},
    "k_euler": "Euler",
    "k_euler_a": "Euler a",
    "euler ancestral": "Euler a",
    "k_heun": "Heun",
    "k_lms": "LMS",
    "k_dpm_2": "DPM2",
    "k_dpm_2_a": "DPM2 a",
    "k_dpmpp_2m": "DPM++ 2M",
    "k_dpmpp_sde": "DPM++ SDE",
    "k_dpmpp_2m_sde": "DPM++ 2M SDE",
    "pndm": "PLMS",
}


@dataclass(frozen=True)
class Used:
    """One adapter file that took part."""

    item: StackItem
    kind: str
    name: str
    short_hash: str
    """Twelve hexadecimal digits, as other programs compute them."""
    steering: SteeringSettings | None = None
    """Of an aesthetic embedding: the settings that were in force."""


@dataclass(frozen=True)
class Facts:
    """What the settings alone do not say. `size` is (width, height) as drawn."""

    model: str
    model_hash: str
    size: tuple[int, int]
    used: Sequence[Used] = ()
    vae: str = ""
    """File name of the VAE, where it is not the base's own."""


@dataclass(frozen=True)
class Block:
    """A block taken apart: `pairs` are the keys and values of the last line, unquoted."""

    prompt: str
    negative_prompt: str
    pairs: dict[str, str] = field(default_factory=dict)


def write(settings: GenerateSettings, facts: Facts) -> str:
    """The block of one picture; `settings.seed` and `settings.prompt` are that picture's own."""
    pairs: dict[str, Any] = {
        "Steps": settings.steps,
        "Sampler": settings.sampler,
        "Schedule type": "Karras" if settings.sampler.endswith("Karras") else None,
        "CFG scale": f"{settings.guidance:g}",
        "Seed": settings.seed,
        "Size": f"{facts.size[0]}x{facts.size[1]}",
        "Model hash": facts.model_hash,
        "Model": facts.model,
        "VAE": facts.vae or None,
        "Clip skip": settings.clip_skip + 1 if settings.clip_skip else None,
        "Denoising strength": f"{settings.denoising:g}" if settings.image else None,
        "Emphasis": None if settings.syntax else "None",
    }
    if settings.variation_strength:
        pairs["Variation seed"] = settings.variation_seed
        pairs["Variation seed strength"] = f"{settings.variation_strength:g}"
    for key, kind in (("Lora hashes", "lora"), ("TI hashes", "embedding")):
        found = [used for used in facts.used if used.kind == kind]
        pairs[key] = ", ".join(f"{used.name}: {used.short_hash}" for used in found) or None
    pairs |= next((_aesthetic(used) for used in facts.used if used.steering), {})
    stack = [_item(used.item) for used in facts.used]
    pairs["Stack"] = json.dumps(stack, ensure_ascii=False) if stack else None
    pairs["Version"] = VERSION
    lines = [settings.prompt]
    if settings.negative_prompt:
        lines.append(f"{_NEGATIVE} {settings.negative_prompt}")
    lines.append(", ".join(f"{k}: {_quoted(str(v))}" for k, v in pairs.items() if v is not None))
    return "\n".join(lines)


def parse(text: str) -> Block:
    """Takes a block of any program apart; what is not understood ends in the prompt or in pairs."""
    lines = text.replace("\r\n", "\n").strip("\n").split("\n")
    pairs: dict[str, str] = {}
    if _is_settings(lines[-1]):
        pairs = {key: _unquoted(value) for key, value in _PAIR.findall(lines.pop())}
    prompt: list[str] = []
    negative: list[str] = []
    target = prompt
    for line in lines:
        if target is prompt and line.lstrip().startswith(_NEGATIVE):
            target = negative
            line = line.lstrip().removeprefix(_NEGATIVE).removeprefix(" ")
        target.append(line)
    return Block("\n".join(prompt).strip("\n"), "\n".join(negative).strip("\n"), pairs)


def read(text: str) -> dict[str, Any]:
    """What of a block `GenerateSettings` has a field for; values out of range are left out.

    `base` is the model's name and stack paths are file names: the caller finds the files.
    """
    block = parse(text)
    found: dict[str, Any] = {
        "prompt": block.prompt,
        "negative_prompt": block.negative_prompt,
        "steps": _number(block.pairs, "Steps", int),
        "sampler": _sampler(block.pairs),
        "guidance": _number(block.pairs, "CFG scale", float),
        "seed": _number(block.pairs, "Seed", int),
        "variation_seed": _number(block.pairs, "Variation seed", int),
        "variation_strength": _number(block.pairs, "Variation seed strength", float),
        "syntax": False if block.pairs.get("Emphasis") == "None" else None,
        "base": block.pairs.get("Model"),
        "vae": block.pairs.get("VAE"),
        "stack": _stack(block.pairs.get("Stack", "")) or _aesthetic_stack(block.pairs),
    }
    if size := re.fullmatch(r"(\d{1,5})\s*x\s*(\d{1,5})", block.pairs.get("Size", "")):
        found["width"], found["height"] = int(size[1]), int(size[2])
    if (skip := _number(block.pairs, "Clip skip", int)) is not None:
        found["clip_skip"] = max(skip - 1, 0)
    if not any(key.startswith("Hires") for key in block.pairs):  # there it means the second pass
        found["denoising"] = _number(block.pairs, "Denoising strength", float)
    return {key: value for key, value in found.items() if value is not None and _valid(key, value)}


def _item(item: StackItem) -> dict[str, Any]:
    entry: dict[str, Any] = {"file": Path(item.path).name, "strength": item.strength}
    if item.text_strength is not None:
        entry["text_strength"] = item.text_strength
    # what is as usual is left out: the block stays short
    for name in _LIMITS:
        if (value := getattr(item, name)) != StackItem.model_fields[name].get_default(
            call_default_factory=True
        ):
            entry[name] = value
    return entry


def _aesthetic(used: Used) -> dict[str, Any]:
    item = used.item
    weight = item.strength if item.text_strength is None else item.text_strength
    pairs = {key: getattr(used.steering, name) for key, name in _AESTHETIC.items()}
    return {"Aesthetic embedding": used.name, "Aesthetic weight": f"{weight:g}", **pairs}


def _aesthetic_stack(pairs: dict[str, str]) -> list[dict[str, Any]] | None:
    """The stack of one that A1111's keys describe, the file being a `.pt`; None without them."""
    name = pairs.get("Aesthetic embedding", "")
    if name in ("", "None"):
        return None
    stated = {name: pairs[key] for key, name in _AESTHETIC.items() if key in pairs}
    try:
        settings = SteeringSettings.model_validate(stated)  # “True” and “5” become what they mean
        weight = float(pairs.get("Aesthetic weight", 1.0))
    except ValueError:
        return None
    changes = settings.model_dump(include=set(stated))
    return [{"path": f"{Path(name).name}.pt", "strength": weight, "aesthetic": changes}]


def _stack(text: str) -> list[dict[str, Any]] | None:
    try:
        entries = parse_json(text)
        return [
            {
                "path": Path(str(entry["file"])).name,
                "strength": float(entry.get("strength", 1.0)),
                "text_strength": _float_or_none(entry.get("text_strength")),
                **{name: entry[name] for name in _LIMITS if name in entry},
            }
            for entry in entries
        ]
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _float_or_none(value: Any) -> float | None:
    return None if value is None else float(value)


def _is_settings(line: str) -> bool:
    # three pairs, as web UIs ask for: a prompt may well contain a colon or two
    return line.lstrip().startswith("Steps:") or len(_PAIR.findall(line)) >= 3


def _quoted(value: str) -> str:
    plain = not re.search(r'[,:\n"]', value) and value == value.strip() and value
    return value if plain else json.dumps(value, ensure_ascii=False)


def _unquoted(value: str) -> str:
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value.strip()
    try:
        return str(parse_json(value, strict=False))
    except ValueError:
        return value[1:-1]


def _number(pairs: dict[str, str], key: str, kind: type[int] | type[float]) -> Any:
    try:
        return kind(pairs[key])
    except (KeyError, ValueError):
        return None


def _sampler(pairs: dict[str, str]) -> Sampler | None:
    name = pairs.get("Sampler", "").strip().lower()
    if pairs.get("Schedule type", "").lower() == "karras":
        # newer web UIs write the noise schedule apart from the sampler
        plain = _SAMPLERS.get(name.removesuffix(" karras"), "")
        return _SAMPLERS.get(f"{plain} karras".lower()) or _SAMPLERS.get(name)
    return _SAMPLERS.get(name)


def _valid(key: str, value: Any) -> bool:
    if key == "base":
        return bool(value)
    try:
        GenerateSettings.model_validate({key: value})
    except ValueError:
        return False
    return True
