"""The text block in which an image carries its settings, in the form web UIs read and write.

Owns: writing it, and reading blocks of any origin. Refuses to know: torch, images, where files
are. Source of the form: A1111's `parameters` chunk (prompt lines, `Negative prompt:` lines, one
line of `Key: value` pairs, values with commas, colons or newlines quoted as JSON strings), and lines
of an extension behind it (`Template:`, `Negative Template:`).

Prompts are written as other programs have to read them: files of the stack as tags at the end,
embeddings by their files' names, nothing in them that looks like a line of the block's own. Ours adds
keys for the way back: `Stack`, the adapter files by name with their strengths, ranges and block
factors, as JSON; `Tags`, what was put behind the prompt; `Exact prompt` and `Exact negative prompt`,
where what stands there differs from what was written. The first
aesthetic embedding is also written as A1111's extension does it (`Aesthetic embedding` and seven
more keys), and read from there where there is no `Stack`. Second passes are `infotext_passes`' business.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studio.core.errors import SettingsError
from studio.diffusion.samplers_by_name import sampler_of
from studio.families.token_match import bounded
from studio.infer.infotext_block import NEGATIVE, Block, composed, parse
from studio.infer.infotext_passes import number, read_passes, write_passes
from studio.infer.infotext_stack import read_stack, write_stack
from studio.infer.prompt import escaped
from studio.infer.tags import written
from studio.settings.block_weights import factors
from studio.settings.training import GenerateSettings, StackItem, SteeringSettings

__all__ = ["VERSION", "Block", "Facts", "Used", "parse", "read", "write"]

VERSION = "Concept Studio"
# What A1111's extension for aesthetic embeddings calls their settings.
_AESTHETIC = {
    "Aesthetic LR": "rate",
    "Aesthetic steps": "steps",
    "Aesthetic slerp": "slerp",
    "Aesthetic text": "text",
    "Aesthetic text negative": "text_negative",
    "Aesthetic slerp angle": "text_angle",
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
    words: tuple[str, ...] = ()
    """Of an embedding: what it answers to here; other programs know its file's name alone."""


@dataclass(frozen=True)
class Facts:
    """What the settings alone do not say. `size` is (width, height) as generated."""

    model: str
    model_hash: str
    size: tuple[int, int]
    used: Sequence[Used] = ()
    used_inside: Sequence[Used] | None = None
    """What took part inside a mask alone, where that pass has a stack of its own."""
    vae: str = ""
    """File name of the VAE, where it is not the base's own."""
    kept: tuple[str, str] = ("", "")
    """What the mask and the image it lay on are called where they are kept."""
    blocks: Mapping[str, bool] = field(default_factory=dict)
    """The network's blocks (`formats.blocks`), for weights per block in tags."""


def write(settings: GenerateSettings, facts: Facts) -> str:
    """The block of one image; `settings.seed` and `settings.prompt` are that image's own."""
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
        "Emphasis": None if settings.syntax else "None",
    }
    inside = facts.used_inside
    stack = None if inside is None else write_stack(used.item for used in inside)
    pairs |= write_passes(settings, stack, facts.kept)
    if settings.variation_strength:
        pairs["Variation seed"] = settings.variation_seed
        pairs["Variation seed strength"] = f"{settings.variation_strength:g}"
    for key, kind in (("Lora hashes", "lora"), ("TI hashes", "embedding")):
        found = [used for used in (*facts.used, *(inside or ())) if used.kind == kind]
        # as the web UI does: its reader knows no quotes inside
        names = [re.sub(r"[,:\r\n]", "", used.name) for used in found]
        hashes = zip(names, found, strict=True)
        pairs[key] = ", ".join(f"{name}: {used.short_hash}" for name, used in hashes) or None
    pairs |= next((_aesthetic(used) for used in facts.used if used.steering), {})
    pairs["Stack"] = write_stack(used.item for used in facts.used) if facts.used else None
    tags = " ".join(filter(None, (_tag(used, facts.blocks) for used in facts.used)))
    if tags:
        pairs["Tags"] = tags = f" {tags}" if settings.prompt else tags
    shown = _shown(settings.prompt, settings.syntax, facts.used) + tags
    negative = _shown(settings.negative_prompt, settings.syntax, facts.used)
    back = parse(composed(shown, negative, {"Steps": settings.steps}))
    if back.prompt.removesuffix(tags) != settings.prompt:
        pairs["Exact prompt"] = settings.prompt
    if back.negative_prompt != settings.negative_prompt:
        pairs["Exact negative prompt"] = settings.negative_prompt
    return composed(shown, negative, {**pairs, "Version": VERSION})


def _tag(used: Used, blocks: Mapping[str, bool]) -> str:
    """How other programs' prompts name this file; nothing for what they have no tag for."""
    item, weights = used.item, ""
    text = item.strength if item.text_strength is None else item.text_strength
    if item.blocks and len(blocks) + 1 in (20, 26):  # lists that the extension knows
        try:
            weights = ",".join(f"{value:g}" for value in factors(item.blocks, blocks).values())
        except SettingsError:
            weights = ""
    return written(used.kind, used.name, text, item.strength, weights)


def _shown(prompt: str, syntax: bool, used: Sequence[Used]) -> str:
    """`prompt` as other programs have to read it.

    CLIP reads “prompt :” as it reads “prompt:”, and nobody takes that for a line of the block.
    """
    for file in used if syntax else ():
        for word in sorted(file.words, key=len, reverse=True):
            called = escaped(file.name)
            if word.lower() != called.lower():
                called = called.replace("\\", r"\\")  # for a pattern's replacement
                prompt = re.sub(bounded(word), called, prompt, flags=re.IGNORECASE)
    plain = prompt.replace(NEGATIVE, NEGATIVE.replace(":", " :"))
    return re.sub(r"(?m)^(\s*(?:Steps|Template|Negative Template)):", r"\1 :", plain)


def read(text: str) -> dict[str, Any]:
    """What of a block `GenerateSettings` has a field for; values out of range are left out.

    `base` is the model's name and stack paths are file names: the caller finds the files.
    """
    block = parse(text)
    found: dict[str, Any] = {
        "prompt": block.pairs.get(
            "Exact prompt", block.prompt.removesuffix(block.pairs.get("Tags", ""))
        ),
        "negative_prompt": block.pairs.get("Exact negative prompt", block.negative_prompt),
        "steps": number(block.pairs, "Steps", int),
        "sampler": sampler_of(
            block.pairs.get("Sampler", ""),
            block.pairs.get("Schedule type", block.pairs.get("Scheduler", "")),
        )[0],
        "guidance": number(block.pairs, "CFG scale", float),
        "seed": number(block.pairs, "Seed", int),
        "variation_seed": number(block.pairs, "Variation seed", int),
        "variation_strength": number(block.pairs, "Variation seed strength", float),
        "syntax": False if block.pairs.get("Emphasis") == "None" else None,
        "base": block.pairs.get("Model"),
        "vae": block.pairs.get("VAE"),
        **read_passes(block.pairs),
        "stack": read_stack(block.pairs.get("Stack", "")) or _aesthetic_stack(block.pairs),
    }
    if size := re.fullmatch(r"(\d{1,5})\s*x\s*(\d{1,5})", block.pairs.get("Size", "")):
        found["width"], found["height"] = int(size[1]), int(size[2])
    if (skip := number(block.pairs, "Clip skip", int)) is not None:
        found["clip_skip"] = max(skip - 1, 0)
    return {key: value for key, value in found.items() if value is not None and _valid(key, value)}


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


def _valid(key: str, value: Any) -> bool:
    if key == "base":
        return bool(value)
    try:
        GenerateSettings.model_validate({key: value})
    except ValueError:
        return False
    return True
