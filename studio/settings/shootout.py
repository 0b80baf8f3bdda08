"""Settings of a shootout: which methods learn a dataset, with how much of what, and how they are judged.

    name = "Who learns zibbo best"
    data = "zibbo"                      # a dataset's name, or a folder
    base = "starter"
    budget = "images"                   # preset, steps, images or minutes
    amount = 1800                       # of the budget; not with preset
    training_seeds = [1, 2, 3]

    [prompts]
    captions = 2                        # taken from the captions
    novel = 3                           # contexts that no training image shows
    own = ["a zibbo cat made of glass"]
    seeds = [1, 2]

    [[entries]]
    preset = "starter-lora"
    [[entries]]
    name = "LoRA, rank 2"
    preset = "starter-lora"
    change.options.rank = 2             # any setting of a run
    [[entries]]
    name = "both"
    stack = ["LoRA, rank 2", "…"]       # the files of other entries, applied together

Owns: these classes and what can be wrong with them alone. Refuses to know: presets, methods, files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, Self

from pydantic import field_validator

from studio.core.errors import SettingsError
from studio.core.record import Table
from studio.settings.base import Settings, setting
from studio.settings.generation import Sampler

Budget = Literal["preset", "steps", "images", "minutes"]
MOST_ENTRIES, MOST_SEEDS, LONGEST_NAME = 12, 10, 60


class Entry(Settings):
    """One competitor: a preset with changes, or the files of other entries applied together."""

    name: str = setting(
        "", "Heading of its column; empty takes the method's.", max_length=LONGEST_NAME
    )
    preset: str = setting("", "Preset that it is trained with.")
    style_preset: str = setting(
        "", "Preset that it is trained with instead when the dataset is a style; empty takes the same.",
        advanced=True,
    )  # fmt: skip
    change: Table = setting(
        default_factory=dict, help="Settings that differ from the preset's, as in a preset."
    )
    stack: list[str] = setting(
        default_factory=list,
        help="Instead of a preset: names of other entries whose files are applied together.",
    )
    strength: float = setting(
        1.0, "Strength at which its file is applied.", ge=-10, le=10, advanced=True
    )

    def preset_for(self, kind: str) -> str:
        """The preset for a dataset of a kind, “subject” or “style”."""
        return (self.style_preset.strip() if kind == "style" else "") or self.preset

    def problem(self) -> str | None:
        """What is wrong with it as a whole; None when nothing is."""
        if bool(self.preset.strip()) == bool(self.stack):
            return "has either a preset or a stack of other entries"
        if self.stack and self.style_preset.strip():
            return "is a stack of entries: it has no preset"
        if self.stack and self.change:
            return "is a stack of entries: it is not trained, so no setting of it can be changed"
        if len(self.stack) == 1:
            return "is a stack, which needs at least two entries"
        return None


class ShootoutPrompts(Settings):
    """What every column generates."""

    captions: int = setting(
        2,
        "Prompts taken from the captions: what was trained on.",
        label="From captions",
        ge=0,
        le=64,
    )
    novel: int = setting(
        2, "Prompts with contexts that no caption has: whether it can be used elsewhere.",
        label="Novel contexts", ge=0, le=64,
    )  # fmt: skip
    own: list[str] = setting(
        default_factory=list, help="Prompts of your own, one per line.", label="Your own",
        multiline=True,
    )  # fmt: skip
    seeds: list[int] = setting(
        default_factory=lambda: [1, 2], help="Seeds of the images, the same in every column."
    )

    @field_validator("seeds")
    @classmethod
    def _usable(cls, seeds: list[int]) -> list[int]:
        return _seeds(seeds)


class ShootoutSampling(Settings):
    """How the images are generated, and how many of them are measured."""

    steps: int = setting(20, "Sampling steps.", ge=1, le=150)
    guidance: float = setting(4.0, "Guidance scale.", ge=0, le=50)
    sampler: Sampler = setting("DDIM", "Sampler.")
    negative_prompt: str = setting("", "What to avoid.", advanced=True)
    images: int = setting(
        64, "Images per column for the measures; 0 measures only the grid.", ge=0, le=10_000
    )
    ordinary_images: int = setting(
        16, "Images per column of prompts without the concept, which tell how far the base has "
        "drifted; 0 leaves drift out.", label="Images for drift", ge=0, le=1000, advanced=True,
    )  # fmt: skip
    batch_size: int = setting(8, "Images generated at once.", ge=1, le=64, advanced=True)


class ShootoutSettings(Settings):
    """One shootout: entries × training seeds, then one comparison of what came of them."""

    name: str = setting("", "Name of the shootout.", max_length=80)
    data: str = setting(
        "", "Dataset: its name, or a folder of images with captions.", label="Dataset"
    )
    base: str = setting("starter", "Base model.")
    budget: Budget = setting(
        "preset", "What all entries get alike: optimizer steps (steps), images seen (images) or minutes of "
        "training (minutes); or nothing, and each trains as its preset says (preset).",
    )  # fmt: skip
    amount: float = setting(
        0, "How many steps, images or minutes each training gets.", ge=0, le=1e9,
        applies="budget=steps|images|minutes",
    )  # fmt: skip
    training_seeds: list[int] = setting(
        default_factory=lambda: [1],
        help="Each entry is trained once per seed; several tell luck from skill.",
    )
    reference: str = setting(
        "", "Folder of reference images that nothing is trained on; empty takes the dataset's held-out "
        "images, or holds some back.", label="Reference images",
    )  # fmt: skip
    device: str = setting("auto", "auto, cpu, cuda or cuda:N.", advanced=True)
    prompts: ShootoutPrompts = setting(default_factory=ShootoutPrompts)
    sampling: ShootoutSampling = setting(default_factory=ShootoutSampling)
    entries: list[Entry] = setting(help="What competes.", min_length=1, max_length=MOST_ENTRIES)

    @field_validator("training_seeds")
    @classmethod
    def _usable(cls, seeds: list[int]) -> list[int]:
        return _seeds(seeds)

    @classmethod
    def parse(cls, values: Mapping[str, object], where: str | None = None) -> Self:
        """As `Settings.parse`, and what has to be right together."""
        found = super().parse(values, where)
        if (problem := found._problem()) is None:
            return found
        key, text, remedy = problem
        raise SettingsError(text, where=where, remedy=remedy).at({key: text})

    def _problem(self) -> tuple[str, str, str] | None:
        """(key, what is wrong, what to do) of what no single setting shows."""
        if self.budget != "preset" and self.amount <= 0:
            return "amount", f"A budget of {self.budget} needs an amount", "Write how many."
        if self.budget in ("steps", "images") and self.amount % 1:
            text = f"“amount” cannot be {self.amount:g}: {self.budget} are counted in whole numbers"
            return "amount", text, "Write a whole number."
        for number, entry in enumerate(self.entries):
            if problem := entry.problem():
                called = f"“{entry.name}”" if entry.name else f"number {number + 1}"
                remedy = "Name a preset, or the entries whose files are stacked."
                return f"entries.{number}", f"The entry {called} {problem}", remedy
        return None

    @property
    def title(self) -> str:
        """Its name, or that of its dataset."""
        return self.name.strip() or re.split(r"[\\/]", self.data.rstrip("\\/"))[-1] or "shootout"


def _seeds(seeds: list[int]) -> list[int]:
    """Each once. ValueError for none, too many, or one that is no seed."""
    found = list(dict.fromkeys(seeds))
    if not found:
        raise ValueError("at least one seed is needed")
    if len(found) > MOST_SEEDS:
        raise ValueError(f"at most {MOST_SEEDS} seeds")
    if wrong := [seed for seed in found if not 0 <= seed < 2**32]:
        raise ValueError(f"{wrong[0]} is no seed: they go from 0 to 4294967295")
    return found
