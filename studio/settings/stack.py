"""Settings of one adapter file on a stack.

Owns: these classes. Refuses to know: torch, files, what images are generated from.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ValidationInfo, field_validator

from studio.core.errors import SettingsError
from studio.core.record import Table
from studio.settings import block_weights
from studio.settings.base import Settings, setting


class SteeringSettings(Settings):
    """How an aesthetic embedding changes the text of each prompt before images are generated."""

    steps: int = setting(
        5, "Tuning steps of the text encoder per prompt: more is stronger, and further from "
        "the prompt. 2 to 20 are usual; 0 has no effect.",
        label="Steps per prompt", ge=0, le=100,
    )  # fmt: skip
    rate: float = setting(
        1e-4, "Learning rate of these steps.", label="Rate per prompt", gt=0, le=1
    )
    encoder: Literal["checkpoint", "paper"] = setting(
        "checkpoint",
        "What is tuned: the base's own text encoder, or as in the paper the one of the CLIP "
        "beside it, which forgets what a fine-tuned base has learned.",
        label="Text encoder", advanced=True,
    )  # fmt: skip
    slerp: bool = setting(
        False, "Spherical instead of linear interpolation with the untouched text.",
        label="Spherical interpolation (slerp)", advanced=True,
    )  # fmt: skip
    negative: bool = setting(
        False, "Also apply it to the negative prompt, as some web UIs do.",
        label="Apply to the negative prompt", advanced=True,
    )  # fmt: skip
    text: str = setting("", "Words that turn the direction.", label="Aesthetic text", advanced=True)
    text_angle: float = setting(
        0.1, "How far it turns towards these words: 0 not at all, 1 all the way.",
        label="Turn towards the text", ge=0, le=1, advanced=True,
    )  # fmt: skip
    text_negative: bool = setting(
        False, "Turn away from these words instead of towards them.",
        label="Turn away from the text", advanced=True,
    )  # fmt: skip


class StackItem(Settings):
    """One adapter file on the stack."""

    path: str = setting(help="Adapter file.")
    strength: float = setting(1.0, "Strength on the UNet, or of the whole file.", ge=-10, le=10)
    text_strength: float | None = setting(
        None, "Strength on the text encoder; empty uses the same.", ge=-10, le=10
    )
    enabled: bool = setting(True, "Off keeps the file on the stack without effect.")
    aesthetic: Table = setting(
        default_factory=dict,
        help="For an aesthetic embedding: settings that differ from what its file recommends.",
    )

    start: float = setting(
        0.0, "Part of the sampling at which it begins to act on the UNet: 0 the first step, 0.5 "
        "half-way.", ge=0, lt=1,
    )  # fmt: skip
    end: float = setting(1.0, "Part of the sampling at which it ends.", ge=0, le=1)
    blocks: dict[str, float] = setting(
        default_factory=dict,
        help="Factors on its strength per block: BASE (text encoder), IN00 …, M00, OUT00 …; IN and "
        "OUT mean all of a side. Blocks that are not named keep 1.",
    )

    @property
    def whole(self) -> bool:
        """Whether it acts from the first step to the last."""
        return self.start == 0 and self.end == 1

    @field_validator("blocks", mode="before")
    @classmethod
    def _blocks(cls, values: Any) -> Any:
        try:
            found = block_weights.parse(values) if isinstance(values, str) else values
            if isinstance(found, list):
                raise SettingsError("A list of numbers needs a base; name the blocks instead")
            if not isinstance(found, dict):
                return found
            if any(abs(value) > block_weights.MOST for value in found.values() if _number(value)):
                raise SettingsError(
                    f"Factors of blocks go from −{block_weights.MOST:g} to {block_weights.MOST:g}"
                )
            return {block_weights.canonical(str(name)): value for name, value in found.items()}
        except SettingsError as error:
            raise ValueError(" ".join(filter(None, (f"{error.what}.", error.remedy)))) from None

    @field_validator("end")
    @classmethod
    def _later(cls, end: float, info: ValidationInfo) -> float:
        start = info.data.get("start", 0.0)  # not there where it is wrong itself
        if end <= start:
            raise ValueError(f"It must be later than the start ({start:g})")
        return end

    @field_validator("aesthetic")
    @classmethod
    def _steering(cls, values: dict[str, Any]) -> dict[str, Any]:
        try:
            whole = SteeringSettings.parse(values)
        except SettingsError as error:
            raise ValueError(error.what) from None
        return {name: getattr(whole, name) for name in values}


def _number(value: Any) -> bool:
    return isinstance(value, int | float)
