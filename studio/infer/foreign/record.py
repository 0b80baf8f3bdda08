"""What was found in an image of another program: settings of ours, and what could not be taken over.

Owns: the record, and putting values into it: numbers written as text, values out of range, long
seeds, files by name. Refuses to know: any program, torch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from studio.diffusion.samplers_by_name import sampler_of
from studio.settings.training import GenerateSettings

_ENDINGS = (".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".sft", ".gguf")
_WHOLE = ("steps", "seed", "width", "height", "clip_skip", "variation_seed")
_FLOATS = ("guidance", "denoising_strength", "variation_strength")
_SEEDS = 1 << 32


@dataclass
class Record:
    """`settings` are fields of `GenerateSettings`; a base and files on the stack are only named."""

    program: str
    settings: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Something that could not be taken over, as a sentence; each is said once."""
        if text and text not in self.notes:
            self.notes.append(text)

    def take(self, name: str, value: Any) -> None:
        """One setting; nothing for None, and a note for what the studio does not take."""
        found = _number(name, value) if name in (*_WHOLE, *_FLOATS) else value
        if found is None or (isinstance(found, str) and name not in ("prompt", "negative_prompt")):
            found = str(value).strip() if value not in (None, "") else None
            if not found:
                return
        try:
            if isinstance(found, list | tuple | Mapping):
                raise ValueError("one value is one value")
            checked = GenerateSettings.model_validate({name: found})
        except ValueError:
            label = GenerateSettings.model_fields[name].title or name.replace("_", " ")
            self.note(f"{label.capitalize()} “{str(value)[:60]}” is nothing the studio takes.")
            return
        self.settings[name] = getattr(checked, name)

    def take_all(self, table: Mapping[str, Any], names: Mapping[str, str]) -> None:
        """The values of `table` whose keys `names` maps to settings; the first of two wins."""
        for key, name in names.items():
            value = table.get(key)
            if value is None or name in self.settings:
                continue
            if name == "seed":
                self.seed(value)
            else:
                self.take(name, value)

    def seed(self, value: Any) -> None:
        """A seed of any length: noise made on the CPU depends on its lower 32 bits alone."""
        found = _number("seed", value)
        if found is None:
            return
        if found < 0:
            self.note("The seed was random and is not in the image.")
        elif found >= _SEEDS:
            lower = int(found) % _SEEDS
            self.note(
                f"The seed {found} is longer than 32 bits; its lower ones, {lower}, make the same "
                "noise where it was made on the CPU."
            )
            self.settings["seed"] = lower
        else:
            self.take("seed", found)

    def size(self, width: Any, height: Any) -> None:
        """Both sides or neither."""
        sides = [_number("width", side) for side in (width, height)]
        if all(sides):
            self.take("width", sides[0])
            self.take("height", sides[1])

    def sampler(self, name: Any, schedule: Any = "") -> None:
        """A sampler by anybody's name."""
        found, said = sampler_of(str(name or ""), str(schedule or ""))
        self.note(said)
        if found:
            self.settings["sampler"] = found

    def model(self, name: Any) -> None:
        """The base by its file's name, without folders and ending."""
        if isinstance(name, Mapping):
            name = name.get("model_name") or name.get("name") or name.get("content")
        if isinstance(name, str) and (plain := plain_name(name)) and plain != "None":
            self.settings["base"] = plain

    def vae(self, name: Any) -> None:
        """A VAE that is not the base's own."""
        if (
            isinstance(name, str)
            and name
            and not re.match(r"(default|automatic|none|baked)", name, re.I)
        ):
            self.settings["vae"] = re.split(r"[\\/]", name.strip())[-1]

    def file(self, name: Any, strength: Any = 1.0, text_strength: Any = None) -> None:
        """An adapter by its file's name."""
        if not isinstance(name, str) or not (plain := plain_name(name)) or plain == "None":
            return
        one, text = _float(strength, 1.0), _float(text_strength, None)
        if one is None or abs(one) > 10 or (text is not None and abs(text) > 10):
            self.note(f"“{plain}” had a strength of {strength}, which the stack does not take.")
            return
        entry = {"path": plain, "strength": one, "text_strength": None if text == one else text}
        self.settings.setdefault("stack", []).append(entry)


def plain_name(name: str) -> str:
    """`folder\\\\file.safetensors` → `file`; a point within a name is part of it."""
    last = re.split(r"[\\/]", name.strip())[-1]
    ending = next((one for one in _ENDINGS if last.lower().endswith(one)), "")
    return last[: len(last) - len(ending)].strip()


def _number(name: str, value: Any) -> float | int | None:
    found = _float(value, None)
    if found is None:
        return None
    if name not in _WHOLE:
        return found
    if isinstance(value, int) or (
        isinstance(value, str) and re.fullmatch(r"\s*-?\d{1,20}\s*", value)
    ):
        return int(value)  # exactly: a long seed is no float
    return int(found) if found == int(found) else None


def _float(value: Any, otherwise: float | None) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return otherwise
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return otherwise
    return found if abs(found) < 1e300 else otherwise  # no NaN, no infinity
