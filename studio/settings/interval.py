"""How often something happens during a run: every so many steps, epochs or minutes.

Owns: the value, how it is written (`50 steps`, `2 epochs`, `10 minutes`, `never`, or a bare number
of steps), and when it is due. Refuses to know: what happens then. Nothing that is trained may
depend on an interval, so minutes never break the exactness of resuming.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pydantic_core import core_schema

Unit = Literal["steps", "epochs", "minutes"]
_WRITTEN = re.compile(r"([0-9.]+)\s*([a-z]*)")
_NEVER = ("never", "off", "none")
_LARGEST = 1_000_000


@dataclass(frozen=True)
class Interval:
    """`amount` of `unit`; an amount of 0 means never."""

    amount: float
    unit: Unit = "steps"

    @classmethod
    def parse(cls, value: object) -> Interval:
        """Reads what a person wrote; raises ValueError in plain words."""
        if isinstance(value, Interval):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return cls._checked(float(value), "steps", value)
        text = str(value).strip().lower() if isinstance(value, str) else ""
        if text in _NEVER:
            return cls(0)
        match = _WRITTEN.fullmatch(text)
        units = [unit for unit in get_args(Unit) if match and unit.startswith(match[2])]
        try:
            amount = float(match[1]) if match else math.nan
        except ValueError:  # several points
            amount = math.nan
        if math.isnan(amount) or not units:
            raise ValueError(_how(value))
        return cls._checked(amount, units[0], value)

    @classmethod
    def _checked(cls, amount: float, unit: Unit, value: object) -> Interval:
        if not 0 <= amount <= _LARGEST or (unit == "steps" and not amount.is_integer()):
            raise ValueError(_how(value))
        return cls(amount, unit)

    def __bool__(self) -> bool:
        """False for “never”."""
        return self.amount > 0

    def __str__(self) -> str:
        """As it is written in presets and forms; `parse` reads it back."""
        if not self:
            return "never"
        return (
            f"{self.amount:.10g} {self.unit.removesuffix('s') if self.amount == 1 else self.unit}"
        )

    def due(self, step: int, steps_per_epoch: float, before: float, now: float) -> bool:
        """Whether it is time after `step` (0 is the start of a run, always due unless never).

        `before` and `now` are the seconds trained up to the previous step and up to this one.
        """
        if not self or step == 0:
            return bool(self)
        if self.unit == "steps":
            return step % self.amount == 0
        if self.unit == "epochs":
            length = steps_per_epoch * self.amount
            return _whole(step / length) > _whole((step - 1) / length)
        return _whole(now / (60 * self.amount)) > _whole(before / (60 * self.amount))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )


def _whole(number: float) -> int:
    return math.floor(number + 1e-9)  # 3 × (1/3) epochs are one epoch


def _how(value: object) -> str:
    shown = f"“{value}” is no interval; " if value not in ("", None) else ""
    return f"{shown}write a number of steps, or text like “2 epochs”, “10 minutes” or “never”"
