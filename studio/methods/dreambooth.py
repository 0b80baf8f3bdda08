"""DreamBooth: the whole denoiser, and if wanted the text encoder, learns (Ruiz et al. 2022).

Owns: the trained copies of the base's weights, when the text encoder stops, the finished model.
Refuses to know: the loop, class images (prior preservation is the loop's), families by name.

The base lends its modules and keeps its weights: while attached, the copies stand in their place.
Copies are fp32 and cast to the base's precision for each step, so that small updates are not
rounded away; the gradient flows back through the cast. With the fused backward pass the cast weights
stay between steps: each is cast again right after its own step, while it is in the cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from studio.architectures.record import is_text_encoder
from studio.methods.base import ExportFacts, Group, Method, Trainable
from studio.methods.description import describe
from studio.methods.dreambooth_options import (
    DreamBoothOptions,
    bytes_per_parameter,
    gradient_warnings,
    gradients_of,
)
from studio.settings.training import RunConfig, Settings

if TYPE_CHECKING:
    from torch import Tensor, nn

    from studio.families.base import Base


class DreamBooth(Method):
    """DreamBooth as a training method."""

    name: ClassVar[str] = "dreambooth"
    title: ClassVar[str] = "DreamBooth"
    summary: ClassVar[str] = (
        "Teaches the whole model: closest to a subject, and the result is a model of its own, "
        "as big as the base."
    )
    Options: ClassVar[type[Settings]] = DreamBoothOptions
    product: ClassVar[Literal["adapter", "model"]] = "model"

    def check(self, config: RunConfig, captions: Sequence[str]) -> list[str]:
        options = DreamBoothOptions.parse(config.options, where="options of dreambooth")
        warnings = []
        if not options.text_encoder and config.train.text_learning_rate:
            warnings.append(
                "The text learning rate has no effect: the text encoder is not trained."
            )
        if options.text_encoder and not options.text_until:
            warnings.append("The text encoder stops before the first step: it learns nothing.")
        if options.weights == "bf16":
            warnings.append(
                "bf16 keeps eight bits of a weight: updates smaller than 1/256 of it are lost. "
                "Choose bf16-stochastic, or a higher learning rate than with fp32."
            )
        warnings += gradient_warnings(config, options)
        if not config.prior.weight:
            warnings.append(
                "Prior preservation is off: the model may forget what the class looks like."
            )
        return warnings

    def bytes_per_parameter(self, config: RunConfig) -> float:
        return bytes_per_parameter(config)

    def prepare(self, base: Base, config: RunConfig, trigger: str) -> Trainable:
        return DreamBoothTrainable(base, config, trigger)


@dataclass(frozen=True)
class _Place:
    """One weight: where it lives, the base's own, and the copy that learns."""

    module: nn.Module
    name: str
    original: nn.Parameter
    copy: nn.Parameter
    leaf: nn.Parameter
    """The copy in the base's precision, for the fused backward pass; otherwise the copy itself."""


class DreamBoothTrainable(Trainable):
    """The copies of one run, by component and by the weight's name in it."""

    def __init__(self, base: Base, config: RunConfig, trigger: str) -> None:
        from studio.families import offload

        self.base, self.config, self.trigger = base, config, trigger
        self.options = DreamBoothOptions.parse(config.options, where="options of dreambooth")
        self.trains_text = self.options.text_encoder
        self.places: dict[str, dict[str, _Place]] = {}
        for component, model in base.components().items():
            if not is_text_encoder(component) or self.options.text_encoder:
                self.places[component] = _copies(base, component, model, self.options)
        self.gradients = gradients_of(self.options)
        self._cast = False  # whether the leaves hold what the copies do
        offload.offload_to_disk(
            [place.original for place in self._everywhere()],
            always=self.options.fused_backward,
        )
        text_rate = config.train.text_learning_rate or config.train.learning_rate
        self.groups = [
            Group(
                component,
                [place.copy for place in places.values()],
                config.train.learning_rate if not is_text_encoder(component) else text_rate,
                config.train.weight_decay,
            )
            for component, places in self.places.items()
        ]

    @contextmanager
    def attached(self, training: bool = False) -> Iterator[None]:
        everywhere = self._everywhere()
        if self.gradients.fused and not (training and self._cast):
            _cast(everywhere)
            self._cast = training  # the copies may show their average now
        try:
            for place in everywhere:
                fused = self.gradients.fused
                # a cast copy is no Parameter, so it is put in where Module itself looks
                shown = place.leaf if fused else place.copy.to(self.base.dtype)
                place.module._parameters[place.name] = shown
            yield
        finally:
            for place in everywhere:
                place.module._parameters[place.name] = place.original

    def leaves(self) -> list[Tensor]:
        return [place.leaf for place in self._everywhere()]

    def _everywhere(self) -> list[_Place]:
        return [place for places in self.places.values() for place in places.values()]

    def begin_step(self, step: int, steps: int) -> None:
        """Stops the text encoder after its part of the run."""
        learning = self.options.text_encoder and step <= self.options.text_until * steps
        if learning == self.trains_text:
            return
        self.trains_text = learning
        for component, places in self.places.items():
            if is_text_encoder(component):
                for place in places.values():
                    place.copy.requires_grad_(learning)
                    place.leaf.requires_grad_(learning)

    def state(self) -> dict[str, Tensor]:
        return {
            f"{component}.{name}": place.copy
            for component, places in self.places.items()
            for name, place in places.items()
        }

    def load_state(self, state: dict[str, Tensor]) -> None:
        for name, tensor in self.state().items():
            tensor.data.copy_(state[name])
        self._cast = False

    def scale(self, strength: float) -> None:
        self._cast = False
        for places in self.places.values():
            for place in places.values():
                place.copy.data.sub_(place.original.data).mul_(strength).add_(place.original.data)

    def export(self, folder: Path, facts: ExportFacts) -> list[Path]:
        """Makes `folder` a diffusers folder, which also holds the model in one file where the
        architecture has a layout of one."""
        import torch

        from studio.families import saving
        from studio.formats import metadata, single_file_layout

        dtype = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}[
            self.options.save_as
        ]
        states = {
            component: {name: place.copy.detach() for name, place in places.items()}
            for component, places in self.places.items()
        }
        described = describe(self.base, self.config, facts, product="checkpoint")
        header = {
            **metadata.kohya(described),
            **metadata.modelspec(described),
            **metadata.own(described),
        }
        zero = self.config.loss.zero_terminal_snr
        saving.save_folder(self.base, folder, states, dtype, zero_terminal=zero)
        if not single_file_layout.known(self.base.architecture):
            return [folder / "model_index.json"]
        single = folder / f"{folder.name}.safetensors"
        return [saving.save_single(self.base, single, states, dtype, header, zero_terminal=zero)]


def _cast(places: Sequence[_Place]) -> None:
    """Makes the leaves what the copies are, in their own precision."""
    import torch

    with torch.no_grad():
        for place in places:
            if place.leaf is not place.copy:
                place.leaf.copy_(place.copy)


def _copies(
    base: Base, component: str, model: nn.Module, options: DreamBoothOptions
) -> dict[str, _Place]:
    import torch
    from torch import nn

    dtype = torch.float32 if options.weights == "fp32" else torch.bfloat16
    places = {}
    for module_name, module in model.named_modules():
        for name, original in module._parameters.items():
            full = f"{module_name}.{name}".lstrip(".")
            if original is None or not base.family.reads(base, component, full):
                continue
            copy = nn.Parameter(original.detach().to(dtype, copy=True))
            leaf = copy
            if options.fused_backward and dtype != base.dtype:
                leaf = nn.Parameter(original.detach().to(base.dtype, copy=True))
            places[full] = _Place(module, name, original, copy, leaf)
    return places
