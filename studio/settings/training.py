"""Every setting of the studio, once: type, range, unit, default, help.

Forms, command line, presets, help texts and file metadata are all derived from these classes.
Owns: the classes. Refuses to know: torch, files, the page, how settings are parsed
(`studio.settings.base`, whose names are also found here). A method's own options live in that method's
file and derive from `Settings` too.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from studio.core.record import Table
from studio.settings.base import Settings, nearest, override, setting, without_effect
from studio.settings.data import DataSettings
from studio.settings.generation import (
    CompareSettings,
    FileFormat,
    Fit,
    GenerateSettings,
    Sampler,
    Tiles,
)
from studio.settings.interval import Interval
from studio.settings.loss import LossSettings
from studio.settings.memory import MemorySettings
from studio.settings.passes import HiresSettings, InpaintSettings, Upscaler
from studio.settings.rate_schedule import Schedule, parse_rates
from studio.settings.stack import StackItem, SteeringSettings

__all__ = [
    "CompareSettings", "DataSettings", "FileFormat", "Fit", "GenerateSettings", "HiresSettings",
    "ImageLossSettings", "InpaintSettings", "Interval", "LossSettings", "MemorySettings", "PriorSettings", "RunConfig", "SampleSettings",
    "Sampler", "SaveSettings", "Settings", "StackItem", "SteeringSettings", "Tiles", "TrainSettings",
    "Upscaler", "ValidationSettings", "nearest", "override", "setting", "without_effect",
]  # fmt: skip


def _as_choice(value: object) -> object:
    """What was a switch once: true and false are on and off."""
    return ("off", "on")[value] if isinstance(value, bool) else value


OnOff = Annotated[Literal["auto", "on", "off"], BeforeValidator(_as_choice)]


class TrainSettings(Settings):
    """How long and how strongly to train."""

    steps: int = setting(300, "Optimizer steps.", ge=1, le=1_000_000)
    batch_size: int = setting(1, "Images per step.", ge=1, le=512)
    processes: int = setting(
        1, "Processes that train together, each on a GPU of its own. The batch size is that of each: two "
        "take twice as many images per step. Leave it at 1 unless there are several GPUs.",
        ge=1, le=64, advanced=True,
    )  # fmt: skip
    learning_rate: float = setting(1e-4, "Learning rate.", gt=0, le=10)
    text_learning_rate: float | None = setting(
        None, "Learning rate of the text encoder; empty uses the learning rate.", gt=0, le=10,
        advanced=True,
    )  # fmt: skip
    optimizer: Literal["adamw", "adamw-8bit", "adafactor", "lion", "lion-8bit", "prodigy"] = setting(
        "adamw", "Optimizer. 8-bit ones save memory; Lion wants a third to a tenth of the rate; "
        "Prodigy finds the rate itself: set it to 1.", advanced=True,
    )  # fmt: skip
    weight_decay: float = setting(0.01, "Weight decay.", ge=0, le=1, advanced=True)
    minutes: float = setting(
        0.0, "Ends the run after so many minutes of training, if its steps are not done by then; 0 sets "
        "no limit.", label="Time limit", unit="min", ge=0, le=1_000_000, advanced=True,
    )  # fmt: skip
    schedule: Schedule = setting(
        "constant", "How the learning rate changes over the run.", advanced=True
    )
    rates: str = setting(
        "", "Learning rates with the step up to which each holds, such as 1e-3:100, 1e-4:1000, 1e-5. "
        "A text encoder's rate follows in proportion.", advanced=True,
        applies="train.schedule=listed", validate_default=True,
    )  # fmt: skip
    cycles: int = setting(
        1, "How often the cosine starts over.", ge=1, le=100, advanced=True,
        applies="train.schedule=cosine-restarts",
    )  # fmt: skip
    power: float = setting(
        1.0, "Exponent of the polynomial; 1 is linear.", gt=0, le=10, advanced=True,
        applies="train.schedule=polynomial",
    )  # fmt: skip
    final_rate: float = setting(
        0.0, "Share of the learning rate that is left at the end.", ge=0, lt=1, advanced=True,
        applies="train.schedule=linear|cosine|cosine-restarts|polynomial",
    )  # fmt: skip
    warmup_steps: int = setting(
        0, "Steps over which the learning rate rises to its full value.", ge=0, advanced=True,
        label="Warm-up steps", was="warmup",
    )  # fmt: skip
    gradient_accumulation: int = setting(
        1, "Batches added up before each optimizer step.", ge=1, le=1024, advanced=True
    )
    clip_gradient_norm: float = setting(
        1.0, "Gradients are clipped to this norm; 0 does not clip.", ge=0, advanced=True,
        was="max_gradient_norm",
    )  # fmt: skip
    gradient_checkpointing: OnOff = setting(
        "auto", "Recompute activations instead of keeping them: less memory, slower; auto does where "
        "memory is short.", advanced=True,
    )  # fmt: skip
    split_batch: Literal["auto", "off"] = setting(
        "auto", "A batch that does not fit into memory is taken in parts whose gradients are added up: the "
        "same images per step.", advanced=True,
    )  # fmt: skip
    channels_last: OnOff = setting(
        "auto", "Memory layout of convolutions with the channels last; auto where measured faster.",
        advanced=True,
    )  # fmt: skip
    ema: float = setting(
        0.0, "Decay of the weights' moving average, which is what gets saved and sampled; "
        "0 turns it off, 0.999 is usual.",
        ge=0, lt=1, advanced=True,
    )  # fmt: skip
    attention: Literal["auto", "sdpa", "sdpa-fp32", "xformers"] = setting(
        "auto", "Attention kernels: torch's own (sdpa), these in fp32, or xformers; auto takes the fastest.",
        advanced=True,
    )  # fmt: skip

    @property
    def images_per_step(self) -> int:
        """Of all processes, over all accumulated batches."""
        return self.batch_size * self.processes * self.gradient_accumulation

    @field_validator("rates")
    @classmethod
    def _readable_rates(cls, text: str, info: ValidationInfo) -> str:
        if text.strip() or info.data.get("schedule") == "listed":
            parse_rates(text)
        return text.strip()


class PriorSettings(Settings):
    """Class (regularization) images, trained beside one's own so that the model keeps the class."""

    weight: float = setting(
        0.0, "Weight of the loss on class (regularization) images; 0 trains without them.",
        label="Prior preservation", ge=0, le=10,
    )  # fmt: skip
    prompts: list[str] = setting(
        default_factory=list,
        help="Prompts for class images, one per line; empty takes the captions without the "
        "trigger word.",
        label="Class prompts", multiline=True, advanced=True,
    )  # fmt: skip
    images: int = setting(
        100, "Class (regularization) images; the base generates them once, later runs reuse them.",
        label="Class images", ge=1, le=10_000, advanced=True, was="pictures",
    )  # fmt: skip
    folder: str = setting(
        "", "Folder of your own class images, used before any is generated.",
        label="Own class images", advanced=True,
    )  # fmt: skip


class SaveSettings(Settings):
    """What is kept while training."""

    every: Interval = setting(
        Interval(100), "Time between checkpoints, such as 100 steps, 2 epochs or 10 minutes of "
        "training; never saves only at the end.",
    )  # fmt: skip
    keep: int = setting(
        3, "Checkpoints kept; older ones are deleted.", ge=1, le=1000, advanced=True
    )
    stop_after: int = setting(
        0, "Ends the run when so many saves in a row are not clearly closer to the held-out images than the "
        "best one, which becomes the run's file; 0 never does.",
        label="Early stopping", unit="saves", ge=0, le=100, advanced=True,
    )  # fmt: skip
    stop_images: int = setting(
        16, "Images that each save is judged by for early stopping, always the same prompts and noise.",
        label="Images for early stopping", ge=8, le=256, advanced=True,
    )  # fmt: skip


class SampleSettings(Settings):
    """The images generated while training."""

    every: Interval = setting(
        Interval(50), "Time between sample rows, such as 50 steps, 1 epoch or 5 minutes of training; "
        "never generates none.",
    )  # fmt: skip
    prompts: list[str] = setting(
        default_factory=list, help="One per line; empty takes them from the captions.",
        multiline=True,
    )  # fmt: skip
    negative_prompt: str = setting("", "What the samples should avoid.", advanced=True)
    steps: int = setting(12, "Sampling steps per image.", ge=1, le=150, advanced=True)
    guidance: float = setting(4.0, "Guidance scale.", ge=0, le=50, advanced=True)
    sampler: Sampler = setting("DDIM", "Sampler.", advanced=True)
    seed: int = setting(1, "Seed of the first column.", ge=0, le=2**32 - 1, advanced=True)


class ValidationSettings(Settings):
    """Validation loss: fixed noise and timesteps, on training images and on held-out images."""

    every: Interval = setting(
        Interval(25), "Time between measurements, such as 25 steps or 1 epoch; never turns it off.",
        advanced=True,
    )  # fmt: skip
    images: int = setting(8, "Images of each set.", ge=1, le=64, advanced=True, was="pictures")
    patience: int = setting(
        4, "Measurements without a better held-out loss, while the training loss still falls, "
        "before a message suggests stopping early; 0 never does.", ge=0, le=1000, advanced=True,
    )  # fmt: skip


class ImageLossSettings(Settings):
    """The loss of each training image at fixed noise, against that of the untrained base."""

    every: Interval = setting(
        Interval(0), "Time between measurements of every image's loss at fixed noise, such as 250 steps or "
        "1 epoch; the last is at the end. A finished run can be measured as well. Training is the same.",
        advanced=True,
    )  # fmt: skip
    images: int = setting(
        64, "Images that are measured; of more, so many are taken evenly over the set.",
        label="Images measured", ge=1, le=4096, advanced=True,
    )  # fmt: skip


class RunConfig(Settings):
    """One training run, complete. `options` holds what only the chosen method has."""

    name: str = setting("", "Name of the run and of its file.", max_length=80)
    method: str = setting("lora", "Training method.")
    base: str = setting("starter", "Base model: a name from the list, a folder, or a file.")
    seed: int = setting(1, "Seed of everything that is random.", ge=0, le=2**32 - 1)
    device: str = setting("auto", "auto, cpu, cuda or cuda:N.", advanced=True)
    precision: Literal["auto", "fp32", "fp16", "bf16"] = setting(
        "auto", "Compute precision of the frozen base; auto takes the fastest that is measured here.",
        advanced=True,
    )  # fmt: skip
    author: str = setting("", "Written into the file.", advanced=True)
    private_metadata: bool = setting(
        False, "Leave folder names and caption words out of the file.", advanced=True
    )
    data: DataSettings = Field(default_factory=DataSettings)
    train: TrainSettings = Field(default_factory=TrainSettings)
    memory: MemorySettings = Field(default_factory=MemorySettings)
    loss: LossSettings = Field(default_factory=LossSettings)
    prior: PriorSettings = Field(default_factory=PriorSettings)
    save: SaveSettings = Field(default_factory=SaveSettings)
    sample: SampleSettings = Field(default_factory=SampleSettings)
    validation: ValidationSettings = setting(default_factory=ValidationSettings, was="probe")
    image_loss: ImageLossSettings = Field(default_factory=ImageLossSettings)
    options: Table = Field(default_factory=dict)
