"""Which libraries the studio needs, and whether a Python already has them.

Owns: reading the plain `name>=floor` lists of pyproject.toml and comparing them with what is
installed, without importing any of it. Refuses to know: how something gets installed.
Needs nothing but Python itself.
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from studio.core.text import read_toml

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Requirement:
    """One line of pyproject.toml: a name and the bounds its version must respect."""

    text: str
    name: str
    bounds: tuple[tuple[str, tuple[int, ...]], ...]

    def accepts(self, version: str | None) -> bool:
        """True when this version is inside every bound; None (not installed) never is."""
        numbers = release(version or "")
        return bool(numbers) and all(_within(numbers, sign, bound) for sign, bound in self.bounds)


def parse(text: str) -> Requirement:
    """`torch~=2.13.0` or `gradio>=6.31,<7`; anything fancier is a mistake in pyproject.toml."""
    match = re.fullmatch(r"\s*([A-Za-z0-9._-]+?)\s*((?:[<>=~!]=?\s*[0-9.]+\s*,?\s*)*)", text)
    if match is None:
        raise ValueError(f"pyproject.toml: “{text}” is not a plain name with version bounds.")
    bounds = re.findall(r"(>=|<=|==|~=|<|>)\s*([0-9.]+)", match[2])
    return Requirement(text.strip(), match[1], tuple((sign, release(v)) for sign, v in bounds))


def needed(extras: Iterable[str] = (), *, only_extras: bool = False) -> list[Requirement]:
    """What the studio cannot run without, and what the named extras add."""
    project = read_toml(ROOT / "pyproject.toml")["project"]
    lines: list[str] = [] if only_extras else list(project["dependencies"])
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    return [parse(line) for line in lines]


def missing(requirements: Iterable[Requirement], folder: Path | None = None) -> list[Requirement]:
    """Those not installed in this Python, or in the site-packages `folder` of another one."""
    if folder is None:
        return [need for need in requirements if not need.accepts(_here(need.name))]
    found = {
        _normal(distribution.name): distribution.version
        for distribution in importlib.metadata.distributions(path=[str(folder)])
        if distribution.name and distribution.read_text("RECORD")  # an installer writes it last
    }
    return [need for need in requirements if not need.accepts(found.get(_normal(need.name)))]


def release(version: str) -> tuple[int, ...]:
    """`2.13.0+cpu` → (2, 13, 0); empty when there is no number to see."""
    match = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def _here(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _within(numbers: tuple[int, ...], sign: str, bound: tuple[int, ...]) -> bool:
    width = max(len(numbers), len(bound))
    version = numbers + (0,) * (width - len(numbers))
    limit = bound + (0,) * (width - len(bound))
    if sign == "~=":  # at least this, and the same in all but the last given part
        return version >= limit and numbers[: len(bound) - 1] == bound[:-1]
    return {
        ">=": version >= limit,
        "<=": version <= limit,
        "==": version == limit,
        ">": version > limit,
        "<": version < limit,
    }[sign]
