"""Settings of generating: one batch of images, one lane, one comparison.

Owns: these classes. Refuses to know: torch, files, training.
"""

from __future__ import annotations

import secrets
from typing import Literal, Self

from pydantic import field_validator

from studio.core.names import distinct
from studio.settings.base import Settings, setting
from studio.settings.passes import HiresSettings, InpaintSettings
from studio.settings.stack import StackItem

Fit = Literal["crop", "pad", "stretch"]
FileFormat = Literal["png", "jpeg", "webp"]
Tiles = Literal["auto", "always", "never"]
Sampler = Literal[
    "Euler", "Euler Karras", "Euler a", "DDIM", "DPM++ 2M", "DPM++ 2M Karras", "DPM++ SDE",
    "DPM++ SDE Karras", "DPM++ 2M SDE", "DPM++ 2M SDE Karras", "DPM++ 3M SDE", "DPM++ 3M SDE Karras",
    "UniPC", "Heun", "LMS", "LMS Karras", "DPM2", "DPM2 Karras", "DPM2 a", "DPM2 a Karras",
    "PLMS", "DDPM", "LCM", "TCD",
]  # fmt: skip


class GenerateSettings(Settings):
    """One batch of images."""

    base: str = setting("starter", "Base model.")
    prompt: str = setting("", "What to generate.", multiline=True)
    negative_prompt: str = setting("", "What to avoid.", multiline=True)
    styles: list[str] = setting(
        default_factory=list, help="Styles of the workspace, by name, put around the prompts in turn.",
    )  # fmt: skip
    seed: int = setting(
        1, "Seed of the first image; the next ones count up. −1 takes one at random.",
        ge=-1, le=2**32 - 1,
    )  # fmt: skip
    count: int = setting(4, "Images.", ge=1, le=64)
    steps: int = setting(20, "Sampling steps.", ge=1, le=150)
    guidance: float = setting(4.0, "Guidance scale.", ge=0, le=50)
    sampler: Sampler = setting("DDIM", "Sampler.")
    width: int = setting(
        0, "Width; 0 takes the base's own.", unit="px", ge=0, le=4096, advanced=True
    )
    height: int = setting(
        0, "Height; 0 takes the base's own.", unit="px", ge=0, le=4096, advanced=True
    )
    variation_strength: float = setting(
        0.0, "How far the noise goes from the seed's towards the variation seed's: 0 not at all, 1 "
        "all the way. With a variation, images count up the variation seed and share the seed.",
        label="Variation strength", ge=0, le=1, advanced=True,
    )  # fmt: skip
    variation_seed: int = setting(
        0, "Seed that variations go towards.", label="Variation seed", ge=0, le=2**32 - 1,
        advanced=True,
    )  # fmt: skip
    image: str = setting(
        "", "Image to start from; empty starts from noise.", label="Image to image", advanced=True
    )
    fit: Fit = setting(
        "crop", "How an image of other proportions gets the size: crop cuts it off evenly, pad "
        "continues its edges, stretch distorts it. An image with a mask keeps its own size.",
        label="Fit of the image", advanced=True,
    )  # fmt: skip
    denoising_strength: float = setting(
        0.6, "How much of the initial image is changed: this share of the steps is taken. 0 only "
        "sends it through the VAE; at 1 hardly more than its broad colours stay.",
        label="Denoising strength", ge=0, le=1, advanced=True, was="denoising",
    )  # fmt: skip
    clip_skip: int = setting(
        0, "Text-encoder layers left out at the end.", ge=0, le=11, advanced=True
    )
    syntax: bool = setting(
        True, "(more), [less], (much more:1.3), BREAK, [first:then:0.5], [in|turn], <lora:name:1>, "
        "{one|other} and __wildcard__ mean something. Off, they are text.", label="Brackets and tags have a meaning",
        advanced=True,
    )  # fmt: skip
    preview_every: int = setting(
        3, "Show a live preview every so many steps; 0 never. It does not change the result.",
        label="Live preview every", unit="steps", ge=0, le=150, advanced=True,
    )  # fmt: skip
    vae: str = setting(
        "", "VAE file or folder, by its name in the workspace's vae/ folder; empty uses the base's "
        "own.", label="VAE", advanced=True,
    )  # fmt: skip
    tiles: Tiles = setting(
        "auto", "Decode in overlapping tiles, which needs much less memory and shifts colours a "
        "little; auto does so above one megapixel.", label="Decode in tiles", advanced=True,
    )  # fmt: skip
    batch_size: int = setting(4, "Images generated at once.", ge=1, le=64, advanced=True)
    file_format: FileFormat = setting(
        "png", "Format of image files; each carries its settings. PNG loses nothing, and takes settings "
        "of any length: longer ones than the others can hold are saved as PNG.",
        label="File format", advanced=True,
    )  # fmt: skip
    quality: int = setting(
        92, "Quality of JPEG and WebP files.", ge=1, le=100, advanced=True,
        applies="file_format=jpeg|webp",
    )  # fmt: skip
    device: str = setting("auto", "auto, cpu, cuda or cuda:N.", advanced=True)
    inpaint: InpaintSettings = setting(default_factory=InpaintSettings)
    hires: HiresSettings = setting(default_factory=HiresSettings)
    stack: list[StackItem] = setting(default_factory=list, help="Adapter files, applied in order.")

    def seeded(self) -> Self:
        """The same with a seed: one at random where it is −1."""
        return self.model_copy(update={"seed": random_seed()}) if self.seed < 0 else self


def random_seed() -> int:
    """Any seed."""
    return secrets.randbelow(2**32)


class Lane(Settings):
    """One of several stacks side by side: a lane of a batch, a column of a comparison or of its
    results. An empty stack is the base itself."""

    name: str = setting("", "Heading.")
    prompt: str = setting(
        "", "What to generate; empty takes the prompt of all lanes.", multiline=True
    )
    stack: list[StackItem] = setting(default_factory=list, help="Adapter files, applied in order.")
    folder: str = setting(
        "", "Folder of images made elsewhere, measured instead of generating any.", advanced=True
    )
    run: str = setting("", "The run that its file comes from.", advanced=True)
    step: int | None = setting(None, "The step of that run.", ge=0, advanced=True)
    method: str = setting("", "The method that trained it.", advanced=True)
    training_seed: int | None = setting(None, "The seed it was trained with.", ge=0, advanced=True)
    group: str = setting(
        "", "Columns of one group were trained alike, with seeds of their own; groups are compared "
        "over their seeds.", advanced=True,
    )  # fmt: skip
    seconds: float | None = setting(None, "Training time, when known.", unit="s")
    trainable_parameters: int | None = setting(
        None, "Trainable parameters, when known.", ge=0, advanced=True
    )
    peak_memory: int | None = setting(
        None, "Most memory that training took, when known.", unit="bytes", ge=0, advanced=True
    )


class CompareSettings(Settings):
    """One comparison: columns × prompts × seeds, the same noise in every column."""

    name: str = setting("", "Name of the comparison.", max_length=80)
    base: str = setting("starter", "Base model.")
    columns: list[Lane] = setting(default_factory=list, help="What is compared.")
    prompts: list[str] = setting(default_factory=list, help="One per line.", multiline=True)
    seeds: list[int] = setting(default_factory=lambda: [1, 2, 3, 4], help="Seeds, one row each.")
    negative_prompt: str = setting("", "What to avoid.", advanced=True)
    steps: int = setting(20, "Sampling steps.", ge=1, le=150)
    guidance: float = setting(4.0, "Guidance scale.", ge=0, le=50)
    sampler: Sampler = setting("DDIM", "Sampler.")
    reference: str = setting(
        "", "Folder of reference images (held-out); without one likeness and KID are left out."
    )
    training: str = setting(
        "", "Folder of the training images; memorisation is measured against them. Empty takes the "
        "one that the columns' runs state.", label="Training images", advanced=True,
    )  # fmt: skip
    images: int = setting(
        64, "Images per column for the measures; 0 measures only the grid.", ge=0, le=10_000,
        was="pictures",
    )  # fmt: skip
    ordinary_images: int = setting(
        16, "Images per column of prompts without the concept, which tell how far the base has "
        "drifted; 0 leaves drift out.", label="Images for drift", ge=0, le=1000, advanced=True,
    )  # fmt: skip
    ordinary_prompts: list[str] = setting(
        default_factory=list, help="Prompts for them, one per line, without the trigger word; empty "
        "takes a list that fits the base.", label="Prompts for drift", multiline=True, advanced=True,
    )  # fmt: skip
    batch_size: int = setting(8, "Images generated at once.", ge=1, le=64, advanced=True)
    device: str = setting("auto", "auto, cpu, cuda or cuda:N.", advanced=True)

    @field_validator("columns")
    @classmethod
    def _headed(cls, columns: list[Lane]) -> list[Lane]:
        """Every column has a heading of its own, and the prompts of all."""
        if any(column.prompt.strip() for column in columns):
            raise ValueError("all columns of a comparison get the same prompts")
        names = [column.name or f"Column {number}" for number, column in enumerate(columns, 1)]
        return [
            column if column.name == name else column.model_copy(update={"name": name})
            for column, name in zip(columns, distinct(names), strict=True)
        ]
