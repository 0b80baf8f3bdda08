"""The base-model families, by name. Plain tables; the classes are imported when asked for.

Owns: which families exist. Refuses to know: torch (until `family` is called), methods, adapters.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from studio.core.errors import SettingsError

if TYPE_CHECKING:
    from studio.families.base import Family


@dataclass(frozen=True)
class FamilyInfo:
    """What can be said of a family without loading it."""

    name: str
    title: str
    text_widths: tuple[int, ...]
    """Widths of the text encoders in the well-known bases; for wording only, never for deciding."""
    location: str
    """`module:class`."""


FAMILIES: dict[str, FamilyInfo] = {
    info.name: info
    for info in (
        FamilyInfo("sd1", "SD 1.x", (768,), "studio.families.sd1:StableDiffusion1"),
        FamilyInfo("sd2", "SD 2.x", (1024,), "studio.families.sd2:StableDiffusion2"),
        FamilyInfo("sdxl", "SDXL", (768, 1280), "studio.families.sdxl:StableDiffusionXL"),
    )
}


def family(name: str) -> Family:
    """The family called `name` (`sd1`, `sd2`, `sdxl`); imports torch. Raises SettingsError."""
    if name not in FAMILIES:
        raise SettingsError(
            f"There is no base family “{name}”", remedy=f"Known are {', '.join(FAMILIES)}."
        )
    module, _, class_name = FAMILIES[name].location.partition(":")
    found: Family = getattr(import_module(module), class_name)()
    return found
