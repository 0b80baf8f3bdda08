"""The contract every training method fulfils, and nothing else.

Owns: `Method` (what it is, its options, whether it fits a family) and `Trainable` (its tensors
while a run lasts). Refuses to know: the loop, files of other methods, families by name.
torch is imported only for types, so the page and the command line can read options cheaply.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from studio.architectures.record import Architecture
from studio.core.errors import SettingsError
from studio.settings.training import RunConfig, SampleSettings, Settings, setting

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer

    from studio.families.base import Base


class ContinuedOptions(Settings):
    """Options of a method that can continue from a finished file instead of starting anew."""

    continue_from: str = setting(
        "",
        "Finished file to continue from: a name from the adapters or a path; empty starts anew.",
        advanced=True,
    )

    def without_effect(self, names: Sequence[str]) -> list[str]:
        """A warning about those settings in `names` that were changed although the file decides."""
        if not self.continue_from:
            return []
        fields = type(self).model_fields
        changed = [name for name in names if getattr(self, name) != fields[name].default]
        if not changed:
            return []
        listed = ", ".join(f"“{name}”" for name in changed)
        verb = "has" if len(changed) == 1 else "have"
        return [f"{listed} {verb} no effect: the file to continue from decides."]


@dataclass
class Group:
    """Tensors that share a learning rate; `name` is shown in the preflight."""

    name: str
    parameters: list[Tensor]
    learning_rate: float
    weight_decay: float


@dataclass(frozen=True)
class ExportFacts:
    """What a written file says about itself, beyond its weights."""

    name: str
    trigger: str
    """The word itself."""
    step: int
    epoch: int
    started_at: float
    finished_at: float
    dataset: dict[str, Any] = field(default_factory=dict)
    """Folder names, tag counts, bucket table, number of images."""
    thumbnail: bytes | None = None
    """A small PNG."""
    phrase: str = ""
    """What a prompt should say, where that is more than the word: “zibbo cat”."""
    chosen: str = ""
    """Which checkpoint it is and why, where it is not the run's last step."""
    optimizer: Optimizer | None = None
    """The optimizer at its last step, for methods whose files can carry its state."""


@dataclass(frozen=True)
class Gradients:
    """How a run uses its gradients. As a rule all are there, then clipped by the norm of all, then one
    step is taken."""

    fused: bool = False
    """Each tensor takes its step as soon as its gradient is complete, which is freed at once."""
    clipping: Literal["global", "per-tensor"] = "global"
    stochastic: bool = False
    """The trained tensors are bf16 without an fp32 copy: a step is rounded up or down at random."""

    @property
    def one_by_one(self) -> bool:
        """Whether tensors take their steps one after another."""
        return self.fused or self.stochastic or self.clipping == "per-tensor"


def check_one_by_one(optimizer: str) -> None:
    """Raises SettingsError for an optimizer that cannot step one tensor without the others."""
    if optimizer == "prodigy":
        raise SettingsError(
            "Prodigy needs all gradients at once",
            why="It finds one rate from all of them together; the fused backward pass, clipping per "
            "tensor and stochastic rounding take one tensor after another.",
            remedy="Choose another optimizer, or leave these three as they were.",
        )


class Trainable(ABC):
    """The tensors of one run. The base stays as it is outside `attached()`."""

    groups: list[Group]
    trains_text: bool
    """True when the text must be encoded anew at every step (the encoder or its input learns)."""

    gradients: Gradients = Gradients()

    learns_by_denoising: bool = True
    """False for a method that reads the images in its own way: then `own_loss` is asked."""

    @abstractmethod
    def attached(self, training: bool = False) -> AbstractContextManager[None]:
        """Inside, the base computes with what is trained; outside, exactly as before.

        `training` switches on what only training wants (dropout); previews and validation leave it off.
        """

    def leaves(self) -> list[Tensor]:
        """What stands in the network for each tensor of the groups, in their order: where its gradient
        appears. Mostly the tensor itself; otherwise the tensor is copied into it after its
        step."""
        return [tensor for group in self.groups for tensor in group.parameters]

    def begin_step(self, step: int, steps: int) -> None:
        """Called before step `step` (1-based) of `steps`; for things that stop or change midway."""

    def after_step(self) -> None:
        """Called after each optimizer step."""

    def caption(self, caption: str) -> str:
        """The caption as this method wants it, e.g. with its trigger put in when absent."""
        return caption

    def extra_loss(self) -> Tensor | None:
        """A term added to the diffusion loss, or None."""
        return None

    def own_loss(
        self, images: Sequence[Tensor], numbers: Sequence[int] | None, repeats: Sequence[int]
    ) -> Tensor:
        """The loss of a batch for a method that does not learn by denoising; it has no gradient.

        `images` are pixels [3, H, W] in −1…1, `numbers` their places among the run's items, and
        `repeats` how much each counts. Without `numbers` nothing is learned, it is only measured.
        """
        raise NotImplementedError  # never asked of a method that learns by denoising

    @abstractmethod
    def state(self) -> dict[str, Tensor]:
        """Everything needed to go on bit-identically, beside the optimizer's state."""

    @abstractmethod
    def load_state(self, state: dict[str, Tensor]) -> None:
        """Puts back what `state` gave."""

    @abstractmethod
    def scale(self, strength: float) -> None:
        """Makes what is trained act at strength 1 as it did at `strength`, exactly; for good.

        Raises InputError where a file of this method cannot say that.
        """

    @abstractmethod
    def export(self, folder: Path, facts: ExportFacts) -> list[Path]:
        """Writes the finished file(s) into `folder`, the main one first; returns them.

        A method whose product is a model gets a folder of its own and makes that the model.
        """


class Method(ABC):
    """One way to teach a base model a concept. A method never names a family."""

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    """One sentence a newcomer understands."""
    Options: ClassVar[type[Settings]]
    """What only this method has."""
    product: ClassVar[Literal["adapter", "model"]] = "adapter"
    """A file for `adapters/`, or a whole model for `bases/`."""

    needs_clip: ClassVar[bool] = False
    """Whether the full CLIP of the base must be there."""
    reads_captions: ClassVar[bool] = True
    """Whether captions teach it anything."""
    optimized: ClassVar[bool] = True
    """Whether more steps change its result; False for what is computed once every image was read."""

    def unsupported(self, architecture: Architecture) -> str | None:
        """Why this method cannot be used on an architecture, by what that has; or None."""
        return None

    def complete(self, options: dict[str, Any], class_word: str) -> dict[str, Any]:
        """The options with what the dataset knows filled in where the person left it empty."""
        return options

    def samples(self, config: RunConfig) -> SampleSettings:
        """The sample settings with prompts filled in, as this method's result is used in prompts."""
        return config.sample

    def check(self, config: RunConfig, captions: Sequence[str]) -> list[str]:
        """Warnings about settings that will have no effect or rarely work; raises SettingsError."""
        return []

    def encodes_once(self, config: RunConfig) -> bool:
        """Whether a text is encoded the same at every step, because nothing that encodes it learns."""
        return not config.options.get("text_encoder")

    def layers(
        self, config: RunConfig, architecture: Architecture, names: Sequence[str]
    ) -> int | None:
        """How many of the denoiser's layers with these names it trains; None where it does not choose
        among them."""
        return None

    def bytes_per_parameter(self, config: RunConfig) -> float | None:
        """Memory that a run keeps per trainable parameter, at its highest; None where what is trained
        is too small to count."""
        return None

    @abstractmethod
    def prepare(self, base: Base, config: RunConfig, trigger: str) -> Trainable:
        """Makes the tensors to train, initialised from `config.seed` alone."""
