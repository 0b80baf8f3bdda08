"""The table of training methods: one file and one line each.

Owns: `METHODS` and the lookups around it. Importing it must stay free of torch.
"""

from __future__ import annotations

from studio.core.errors import SettingsError
from studio.methods.aesthetic import Aesthetic
from studio.methods.base import Method
from studio.methods.dreambooth import DreamBooth
from studio.methods.hypernetwork import Hypernetwork
from studio.methods.lora import Lora
from studio.methods.textual_inversion import TextualInversion
from studio.settings.training import RunConfig, Settings, nearest

METHODS: dict[str, Method] = {
    method.name: method
    for method in (Lora(), DreamBooth(), TextualInversion(), Hypernetwork(), Aesthetic())
}


def find(name: str) -> Method:
    """The method called `name`; raises SettingsError naming the nearest."""
    if name in METHODS:
        return METHODS[name]
    close = nearest(name, list(METHODS))
    raise SettingsError(
        f"There is no training method “{name}”",
        remedy=f"Did you mean “{close}”?" if close else "Known are " + ", ".join(METHODS),
    )


def options_of(config: RunConfig) -> Settings:
    """The options of a run, validated by its method."""
    return find(config.method).Options.parse(config.options, where=f"options of {config.method}")
