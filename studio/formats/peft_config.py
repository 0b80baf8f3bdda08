"""The settings of a PEFT adapter: `adapter_config.json` beside it, or what diffusers puts in the header.

Owns: finding and reading them, alpha, rank and the switches of one module, and what could not be
used. Refuses to know: tensors, bases.

diffusers writes the settings of every component into one object, `unet.lora_alpha` and so on.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from studio.core.counts import counted
from studio.core.text import parse_json, read_json

BESIDE = "adapter_config.json"
IN_HEADER = "lora_adapter_metadata"
_MAX_BYTES = 1 << 20
# Patterns come from strangers' files: none may take long, and real ones are names.
_MAX_EXPRESSIONS = 8
_PLAIN = re.compile(r"\^?(?:[\w-]|\\?\.)*\$?")
# Beginnings that move a part of the base's own weights into the adapter (PEFT, `init_lora_weights`).
_MOVED = ("pissa", "olora", "corda", "loftq")
_SWITCHES = ("coft", "eps", "use_cayley_neumann", "num_cayley_neumann_terms", "apply_GS")


@dataclass(frozen=True)
class PeftConfig:
    """What was found; without any settings `values` is empty."""

    values: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def alpha(self, component: str, name: str) -> float | None:
        """The alpha of one module, NaN where a number is stated that is none; None if not stated."""
        value = self._setting(component, "lora_alpha")
        value = self._setting(component, "alpha") if value is None else value
        return self._number(self._by_pattern(component, "alpha_pattern", name, value))

    def rank(self, component: str, name: str) -> int | None:
        """The rank of one module as it was asked for, which full matrices do not show."""
        value = self._by_pattern(component, "rank_pattern", name, self._setting(component, "r"))
        return value if type(value) is int and 0 < value < 1 << 20 else None

    def rank_stabilized(self, component: str) -> bool:
        """Whether alpha is divided by √rank instead of the rank."""
        return self._setting(component, "use_rslora") in (True, 1)

    def switches(self, component: str, name: str) -> dict[str, Any]:
        """The settings that change the arithmetic of one module, those that are usable."""
        found: dict[str, Any] = {}
        for key in _SWITCHES:
            value = self._setting(component, key)
            if type(value) in (bool, int, float) and math.isfinite(value):
                found[key] = value
        forward = self._setting(component, "feedforward_modules")
        if isinstance(forward, list):
            endings = [str(ending) for ending in forward[:1000]]
            found["feedforward"] = any(name == e or name.endswith(f".{e}") for e in endings)
        return found

    def _setting(self, component: str, key: str) -> Any:
        own = f"{component}.{key}"
        return self.values[own] if own in self.values else self.values.get(key)

    def _number(self, value: Any) -> float | None:
        if type(value) not in (int, float):
            return None
        try:
            return float(value)
        except OverflowError:
            return math.inf

    def _by_pattern(self, component: str, key: str, name: str, otherwise: Any) -> Any:
        """PEFT takes the first pattern that matches the end of a module's name."""
        patterns = self._setting(component, key)
        if not isinstance(patterns, dict):
            return otherwise
        for pattern, value in patterns.items():
            if type(value) not in (int, float):
                continue
            plain = str(pattern).strip("^$").replace("\\.", ".")
            if name == plain or (name.endswith(f".{plain}") and not str(pattern).startswith("^")):
                return value
            found = self._expressions.get(str(pattern))
            if found is not None and len(name) < 200 and found.fullmatch(name):
                return value
        return otherwise

    @cached_property
    def _expressions(self) -> dict[str, re.Pattern[str]]:
        return _compiled(self.values)[0]


def read(path: Path, metadata: Mapping[str, str]) -> PeftConfig:
    """The settings that belong to the adapter at `path`; never an error, odd ones are problems."""
    text = metadata.get(IN_HEADER)
    where = "in its header" if text else f"in {BESIDE} beside it"
    try:
        if text is not None:
            values = parse_json(text)
        elif (beside := path.with_name(BESIDE)).is_file():
            values = read_json(beside, _MAX_BYTES)
        else:
            return PeftConfig()
        if not isinstance(values, dict):
            raise ValueError
    except (ValueError, OSError):
        return PeftConfig({}, (f"The settings {where} could not be read; alpha is taken as rank.",))
    return PeftConfig(values, tuple(_problems(values, where)))


def _problems(values: Mapping[str, Any], where: str) -> list[str]:
    said = [
        f"“{key}” {where} is no number: {str(value)[:40]!a}; alpha is taken as rank."
        for key, value in values.items()
        if key.rpartition(".")[2] in ("lora_alpha", "alpha")
        and value is not None
        and type(value) not in (int, float)
    ]
    for key, value in values.items():
        begun = str(value).lower() if key.rpartition(".")[2] == "init_lora_weights" else ""
        if begun.startswith(_MOVED):
            said.append(
                f"It was begun as {str(value)[:20]!a}, which changes the base as well: on the base "
                "itself it is off. Save it with PEFT's conversion to an ordinary LoRA."
            )
    for key, pattern, value in _patterns(values):
        if type(value) not in (int, float):
            said.append(f"“{key}” {where} states no number for {pattern[:60]!a}; it is left out.")
            break
    not_understood = _compiled(values)[1]
    if not_understood:
        first = not_understood[0][:80]
        were = "was" if len(not_understood) == 1 else "were"
        patterns = counted(len(not_understood), "pattern")
        said.append(f"{patterns} {where} {were} not understood, first {first!a}.")
    return said


def _patterns(values: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    """(setting, pattern, value) of the settings that differ from module to module."""
    return [
        (key, str(pattern), value)
        for key, patterns in values.items()
        if key.rpartition(".")[2] in ("alpha_pattern", "rank_pattern")
        and isinstance(patterns, dict)
        for pattern, value in patterns.items()
    ]


def _compiled(values: Mapping[str, Any]) -> tuple[dict[str, re.Pattern[str]], list[str]]:
    """Patterns that are more than names, as expressions, and those that are left out.

    Left out are those whose search could take long: a repeated group, many repetitions, very many
    of them.
    """
    wanted = [pattern for _, pattern, _ in _patterns(values) if not _PLAIN.fullmatch(pattern)]
    found: dict[str, re.Pattern[str]] = {}
    odd: list[str] = []
    for pattern in dict.fromkeys(wanted):
        repeated = len(re.findall(r"(?<!\\)[*+{?]", pattern))
        risky = repeated > 2 or re.search(r"\)[*+{?]|\\\d", pattern) or len(pattern) > 500
        if risky or len(found) >= _MAX_EXPRESSIONS:
            odd.append(pattern)
            continue
        try:
            found[pattern] = re.compile(rf"(?:.*\.)?(?:{pattern})")
        except (re.error, OverflowError, RecursionError):
            odd.append(pattern)
    return found, odd
