"""The base-model families: one class per architecture, imported when asked for.

Owns: finding a family's class by its architecture's name. Refuses to know: torch (until `family`
is called), methods, adapters.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from studio.architectures import ARCHITECTURES
from studio.core.errors import SettingsError

if TYPE_CHECKING:
    from studio.families.base import Family


def family(name: str) -> Family:
    """The family of the architecture called `name`; imports torch. Raises SettingsError."""
    if name not in ARCHITECTURES:
        raise SettingsError(
            f"There is no base family “{name}”", remedy=f"Known are {', '.join(ARCHITECTURES)}."
        )
    module, _, class_name = ARCHITECTURES[name].family.partition(":")
    found: Family = getattr(import_module(module), class_name)()
    return found
