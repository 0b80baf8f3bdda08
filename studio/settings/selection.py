"""Settings of the question which checkpoint to use, at what strength.

Owns: this class. Refuses to know: torch, files, runs.
"""

from __future__ import annotations

from pydantic import field_validator

from studio.settings.base import Settings, setting
from studio.settings.generation import Sampler

MOST_RUNS, MOST_STRENGTHS = 6, 8


class SelectionSettings(Settings):
    """The checkpoints of one run or several, each at some strengths, on the same noise."""

    name: str = setting("", "Name of the comparison.", max_length=80)
    runs: list[str] = setting(
        default_factory=list, help="Runs whose checkpoints are compared.", max_length=MOST_RUNS
    )
    checkpoints: list[int] = setting(
        default_factory=list, help="Their checkpoints by step; empty takes all that are saved."
    )
    strengths: list[float] = setting(
        default_factory=lambda: [0.6, 0.8, 1.0], help="Strengths at which each is tried.",
    )  # fmt: skip
    prompts: list[str] = setting(
        default_factory=list, multiline=True,
        help="Prompts with the trigger word that no training image shows, one per line; empty takes them "
        "from the held-out captions.",
    )  # fmt: skip
    reference: str = setting(
        "", "Folder of reference images (held-out); empty takes the dataset's own.",
        label="Reference images",
    )  # fmt: skip
    images: int = setting(
        48, "Images of a checkpoint at a strength, at most; the race needs fewer for most.",
        ge=4, le=1000,
    )  # fmt: skip
    seed: int = setting(1, "Seed of the first round; the next ones count up.", ge=0, le=2**32 - 1)
    steps: int = setting(20, "Sampling steps.", ge=1, le=150)
    guidance: float = setting(4.0, "Guidance scale.", ge=0, le=50)
    sampler: Sampler = setting("DDIM", "Sampler.")
    negative_prompt: str = setting("", "What to avoid.", advanced=True)
    tolerance: float = setting(
        0.25, "Share of the base's following of prompts that a checkpoint may lose.",
        label="Tolerated loss of following", ge=0, le=1, advanced=True,
    )  # fmt: skip
    risk: float = setting(
        0.05, "Probability that the race drops the best one.", label="Risk", gt=0, le=0.5,
        advanced=True,
    )  # fmt: skip
    race: bool = setting(
        True, "Drop what is clearly worse early. Off generates all images of all of them.",
        label="Race", advanced=True,
    )  # fmt: skip
    batch_size: int = setting(8, "Images generated at once.", ge=1, le=64, advanced=True)
    device: str = setting("auto", "auto, cpu, cuda or cuda:N.", advanced=True)

    @field_validator("strengths")
    @classmethod
    def _usable(cls, strengths: list[float]) -> list[float]:
        """Each once, rising; at least one, and none that would do nothing."""
        found = sorted(set(strengths))
        if not found:
            raise ValueError("at least one strength is needed")
        if len(found) > MOST_STRENGTHS:
            raise ValueError(f"at most {MOST_STRENGTHS} strengths")
        if wrong := [one for one in found if not 0 < one <= 2]:
            raise ValueError(f"{wrong[0]:g} is no strength to choose: they go from above 0 to 2")
        return found
