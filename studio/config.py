"""Every setting of the studio, once: type, range, unit, default, help.

Forms, command line, presets, help texts and file metadata are all derived from these classes.
Owns: the classes, strict validation, and the error that names the nearest right key.
Refuses to know: torch, files, the page. A method's own options live in that method's file and
derive from `Settings` too.
"""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import PydanticUndefined

from studio.errors import SettingsError

Tiles = Literal["auto", "always", "never"]
Sampler = Literal["Euler", "Euler a", "DDIM", "DPM++ 2M", "DPM++ 2M Karras", "UniPC", "LCM"]


def setting(
    default: Any = PydanticUndefined,
    help: str = "",
    *,
    label: str | None = None,
    unit: str | None = None,
    advanced: bool = False,
    multiline: bool = False,
    applies: str | None = None,
    **constraints: Any,
) -> Any:
    """One setting. `constraints` are pydantic's (`ge`, `le`, `gt`, `min_length`, `default_factory`).

    `applies` says beside which values of another setting this one has an effect:
    `loss.type=huber|smooth-l1` (keys from the top of the run, values as they are written).
    """
    extra: dict[str, Any] = {
        "label": label,
        "unit": unit,
        "advanced": advanced,
        "multiline": multiline,
        "applies": applies,
    }
    return Field(default, description=help, json_schema_extra=extra, **constraints)


class Settings(BaseModel):
    """Strict, immutable settings. An unknown key is an error that names the nearest one."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def parse(cls, values: Mapping[str, Any], where: str | None = None) -> Self:
        """Validates `values`; raises SettingsError naming every wrong key, value and range."""
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            problems = [_problem(cls, details) for details in error.errors()]
            raise SettingsError(
                problems[0] if len(problems) == 1 else "Settings are wrong: " + "; ".join(problems),
                where=where,
                remedy="Correct it and try again; nothing was started.",
            ) from None


class DataSettings(Settings):
    """The pictures and how they are read."""

    folder: str = setting("", "Folder of pictures with captions beside them.", label="Dataset")
    trigger: str = setting(
        "", "Word that calls the concept; empty takes the dataset's own.", label="Trigger word"
    )
    resolution: int = setting(
        0, "Side of the square whose area every picture gets; 0 takes the base's own.",
        unit="px", ge=0, le=2048,
    )  # fmt: skip
    buckets: bool = setting(
        True, "Keep the shape of pictures by sorting them into aspect-ratio buckets.", advanced=True
    )
    flip: bool = setting(
        False, "Also show pictures mirrored. Not for things with a left and a right.", advanced=True
    )
    repeats: int = setting(1, "How often each picture counts in an epoch.", ge=1, le=1000)
    caption_dropout: float = setting(
        0.05, "Share of steps that train without the caption.", ge=0, le=1, advanced=True
    )
    shuffle_tags: bool = setting(
        False, "Shuffle comma-separated tags at every step.", advanced=True
    )
    keep_tags: int = setting(
        1, "Tags at the front that stay in place when shuffling.", ge=0, le=50, advanced=True,
        applies="data.shuffle_tags=true",
    )  # fmt: skip


class TrainSettings(Settings):
    """How long and how strongly to train."""

    steps: int = setting(300, "Optimizer steps.", ge=1, le=1_000_000)
    batch_size: int = setting(1, "Pictures per step.", ge=1, le=512)
    learning_rate: float = setting(1e-4, "Learning rate.", gt=0, le=10)
    text_learning_rate: float | None = setting(
        None, "Learning rate of the text encoder; empty uses the learning rate.", gt=0, le=10,
        advanced=True,
    )  # fmt: skip
    optimizer: Literal["adamw", "adamw-8bit"] = setting("adamw", "Optimizer.", advanced=True)
    weight_decay: float = setting(0.01, "Weight decay.", ge=0, le=1, advanced=True)
    schedule: Literal["constant", "linear", "cosine"] = setting(
        "constant", "How the learning rate changes over the run.", advanced=True
    )
    warmup: int = setting(0, "Steps over which the rate rises from zero.", ge=0, advanced=True)
    gradient_accumulation: int = setting(
        1, "Batches added up before each optimizer step.", ge=1, le=1024, advanced=True
    )
    max_gradient_norm: float = setting(
        1.0, "Gradients longer than this are shortened; 0 never shortens.", ge=0, advanced=True
    )
    gradient_checkpointing: bool = setting(
        False, "Recompute activations instead of keeping them: less memory, slower.", advanced=True
    )
    ema: float = setting(
        0.0, "Decay of the weights' moving average, which is what gets saved and sampled; "
        "0 keeps none, 0.999 is usual.",
        ge=0, lt=1, advanced=True,
    )  # fmt: skip


class LossSettings(Settings):
    """What the loss counts."""

    min_snr_gamma: float = setting(
        5.0, "Min-SNR weighting (Hang et al. 2023); 0 switches it off.", ge=0, le=100, advanced=True
    )
    noise_offset: float = setting(
        0.0, "Adds a constant per channel to the noise, for very dark or bright pictures.",
        ge=0, le=1, advanced=True,
    )  # fmt: skip


class PriorSettings(Settings):
    """Pictures of the ordinary class, trained beside one's own so that the model keeps it."""

    weight: float = setting(
        0.0, "Weight of the loss on class pictures (prior preservation); 0 leaves them out.",
        ge=0, le=10,
    )  # fmt: skip
    prompts: list[str] = setting(
        default_factory=list,
        help="What class pictures show, one per line; empty takes the captions without the "
        "trigger word.",
        multiline=True, advanced=True,
    )  # fmt: skip
    pictures: int = setting(
        100, "Class pictures; the base draws them once, later runs use them again.",
        ge=1, le=10_000, advanced=True,
    )  # fmt: skip
    folder: str = setting(
        "", "Folder of your own class pictures, used before any is drawn.", advanced=True
    )


class SaveSettings(Settings):
    """What is kept while training."""

    every: int = setting(100, "Steps between checkpoints; 0 saves only at the end.", ge=0)
    keep: int = setting(
        3, "Checkpoints kept; older ones are removed.", ge=1, le=1000, advanced=True
    )


class SampleSettings(Settings):
    """The pictures drawn while training."""

    every: int = setting(50, "Steps between sample rows; 0 draws none.", ge=0)
    prompts: list[str] = setting(
        default_factory=list, help="One per line; empty takes them from the captions.",
        multiline=True,
    )  # fmt: skip
    negative_prompt: str = setting("", "What the samples must not show.", advanced=True)
    steps: int = setting(12, "Sampling steps per picture.", ge=1, le=150, advanced=True)
    guidance: float = setting(4.0, "Guidance scale.", ge=0, le=50, advanced=True)
    sampler: Sampler = setting("DDIM", "Sampler.", advanced=True)
    seed: int = setting(1, "Seed of the first column.", ge=0, le=2**32 - 1, advanced=True)


class ProbeSettings(Settings):
    """The loss that means something: fixed noise, fixed timesteps, training and held-out pictures."""

    every: int = setting(25, "Steps between probes; 0 never probes.", ge=0, advanced=True)
    pictures: int = setting(8, "Pictures of each set.", ge=1, le=64, advanced=True)


class RunConfig(Settings):
    """One training run, complete. `options` holds what only the chosen method has."""

    name: str = setting("", "Name of the run and of its file.", max_length=80)
    method: str = setting("lora", "Training method.")
    base: str = setting("starter", "Base model: a name from the list, a folder, or a file.")
    seed: int = setting(1, "Seed of every random draw.", ge=0, le=2**32 - 1)
    device: str = setting("auto", "auto, cpu, cuda or cuda:N.", advanced=True)
    precision: Literal["auto", "fp32", "fp16", "bf16"] = setting(
        "auto", "Compute precision of the frozen base.", advanced=True
    )
    author: str = setting("", "Written into the file.", advanced=True)
    private_metadata: bool = setting(
        False, "Leave folder names and caption words out of the file.", advanced=True
    )
    data: DataSettings = Field(default_factory=DataSettings)
    train: TrainSettings = Field(default_factory=TrainSettings)
    loss: LossSettings = Field(default_factory=LossSettings)
    prior: PriorSettings = Field(default_factory=PriorSettings)
    save: SaveSettings = Field(default_factory=SaveSettings)
    sample: SampleSettings = Field(default_factory=SampleSettings)
    probe: ProbeSettings = Field(default_factory=ProbeSettings)
    options: dict[str, Any] = Field(default_factory=dict)


class SteeringSettings(Settings):
    """How an aesthetic embedding bends the text of each prompt before pictures are drawn."""

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
        "beside it, which forgets what a fine-tuned base has learnt.",
        label="Text encoder", advanced=True,
    )  # fmt: skip
    slerp: bool = setting(
        False, "Blend with the untouched text on a sphere instead of a straight line.",
        label="Blend on a sphere", advanced=True,
    )  # fmt: skip
    negative: bool = setting(
        False, "Also bend the negative prompt, as some web UIs do.",
        label="Bend the negative prompt", advanced=True,
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
    aesthetic: dict[str, Any] = setting(
        default_factory=dict,
        help="For an aesthetic embedding: settings that differ from what its file recommends.",
    )

    @field_validator("aesthetic")
    @classmethod
    def _steering(cls, values: dict[str, Any]) -> dict[str, Any]:
        try:
            whole = SteeringSettings.parse(values)
        except SettingsError as error:
            raise ValueError(error.what) from None
        return {name: getattr(whole, name) for name in values}


class GenerateSettings(Settings):
    """One batch of pictures."""

    base: str = setting("starter", "Base model.")
    prompt: str = setting("", "What to draw.", multiline=True)
    negative_prompt: str = setting("", "What not to draw.", multiline=True)
    seed: int = setting(1, "Seed of the first picture; the next ones count up.", ge=0, le=2**32 - 1)
    count: int = setting(4, "Pictures.", ge=1, le=64)
    steps: int = setting(20, "Sampling steps.", ge=1, le=150)
    guidance: float = setting(4.0, "Guidance scale.", ge=0, le=50)
    sampler: Sampler = setting("DDIM", "Sampler.")
    width: int = setting(
        0, "Width; 0 takes the base's own.", unit="px", ge=0, le=4096, advanced=True
    )
    height: int = setting(
        0, "Height; 0 takes the base's own.", unit="px", ge=0, le=4096, advanced=True
    )
    clip_skip: int = setting(
        0, "Text-encoder layers left out at the end.", ge=0, le=11, advanced=True
    )
    vae: str = setting(
        "", "VAE file or folder, by its name in the workspace's vae/ folder; empty uses the base's "
        "own.", label="VAE", advanced=True,
    )  # fmt: skip
    tiles: Tiles = setting(
        "auto", "Decode in overlapping tiles, which needs much less memory and shifts colours a "
        "little; auto does so above one megapixel.", label="Decode in tiles", advanced=True,
    )  # fmt: skip
    batch_size: int = setting(4, "Pictures drawn at once.", ge=1, le=64, advanced=True)
    device: str = setting("auto", "auto, cpu, cuda or cuda:N.", advanced=True)
    stack: list[StackItem] = setting(default_factory=list, help="Adapter files, applied in order.")


class Column(Settings):
    """One column of a comparison: the base with a stack (an empty stack is the base itself)."""

    name: str = setting(help="Heading.")
    stack: list[StackItem] = setting(default_factory=list, help="Adapter files, applied in order.")
    seconds: float | None = setting(None, "Training time, when known.", unit="s")


class CompareSettings(Settings):
    """One comparison: columns × prompts × seeds, the same noise in every column."""

    name: str = setting("", "Name of the comparison.", max_length=80)
    base: str = setting("starter", "Base model.")
    columns: list[Column] = setting(default_factory=list, help="What is compared.")
    prompts: list[str] = setting(default_factory=list, help="One per line.", multiline=True)
    seeds: list[int] = setting(default_factory=lambda: [1, 2, 3, 4], help="Seeds, one row each.")
    negative_prompt: str = setting("", "What not to draw.", advanced=True)
    steps: int = setting(20, "Sampling steps.", ge=1, le=150)
    guidance: float = setting(4.0, "Guidance scale.", ge=0, le=50)
    sampler: Sampler = setting("DDIM", "Sampler.")
    reference: str = setting("", "Folder of pictures that show the truth; empty skips KID.")
    pictures: int = setting(
        64, "Pictures per column for the measures; 0 measures only the grid.", ge=0, le=10_000
    )
    batch_size: int = setting(8, "Pictures drawn at once.", ge=1, le=64, advanced=True)
    device: str = setting("auto", "auto, cpu, cuda or cuda:N.", advanced=True)


def override(values: dict[str, Any], assignments: list[str]) -> dict[str, Any]:
    """Applies `key=value` assignments (dotted keys, TOML values or bare text) to nested `values`."""
    import copy
    import tomllib

    result = copy.deepcopy(values)
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise SettingsError(
                f"“{assignment}” is not an assignment", remedy="Write --set key=value."
            )
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        target = result
        *parents, last = key.strip().split(".")
        for parent in parents:
            target = target.setdefault(parent, {})
            if not isinstance(target, dict):
                raise SettingsError(f"“{key}” does not name a setting", where=assignment)
        target[last] = value
    return result


def nearest(word: str, words: list[str]) -> str | None:
    """The most similar of `words`, if any is similar."""
    found = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    return found[0] if found else None


def _problem(cls: type[Settings], details: Any) -> str:
    path = [str(part) for part in details["loc"]]
    key = ".".join(path)
    if details["type"] == "extra_forbidden":
        known = list(_model_at(cls, path[:-1]).model_fields)
        close = nearest(path[-1], known)
        hint = f"did you mean “{close}”?" if close else "known are " + ", ".join(known)
        return f"there is no setting “{key}”; {hint}"
    if details["type"] == "missing":
        return f"the setting “{key}” is missing"
    return (
        f"“{key}” cannot be {details['input']!r}: {details['msg'][0].lower()}{details['msg'][1:]}"
    )


def _model_at(cls: type[Settings], path: list[str]) -> type[Settings]:
    for part in path:
        field = cls.model_fields.get(part)
        if field is None:  # an index into a list: the class was found one level above
            continue
        for candidate in (field.annotation, *typing.get_args(field.annotation)):
            if isinstance(candidate, type) and not isinstance(candidate, types.GenericAlias):
                if issubclass(candidate, Settings):
                    cls = candidate
    return cls
