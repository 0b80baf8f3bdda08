"""Aesthetic embedding: the mean look of some images, as one direction of CLIP (Gallego 2022).

Owns: averaging the images' features, what the finished files recommend. Nothing is learned by
denoising: a step reads one batch of images, and after one pass over them all is said.
Refuses to know: the loop, base families by name, how a direction steers a prompt (`adapters`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from studio.architectures.record import Architecture
from studio.core.counts import counted
from studio.core.errors import InputError
from studio.methods.base import ExportFacts, Group, Method, Trainable
from studio.methods.description import describe
from studio.settings.training import RunConfig, SteeringSettings, TrainSettings

if TYPE_CHECKING:
    from torch import Tensor

    from studio.families.base import Base


class AestheticOptions(SteeringSettings):
    """What the finished file recommends; the samples of the run are generated with it."""


class Aesthetic(Method):
    """Aesthetic embeddings as a training method."""

    name: ClassVar[str] = "aesthetic"
    title: ClassVar[str] = "Aesthetic embedding"
    summary: ClassVar[str] = (
        "Bends every prompt a little towards the mood, colours and style of some images. Ready "
        "in seconds, subtle, and cannot learn a subject."
    )
    Options: ClassVar[type[SteeringSettings]] = AestheticOptions
    needs_clip: ClassVar[bool] = True
    reads_captions: ClassVar[bool] = False
    optimized: ClassVar[bool] = False

    def check(self, config: RunConfig, captions: Sequence[str]) -> list[str]:
        options = AestheticOptions.parse(config.options, where="options of aesthetic")
        train, warnings = config.train, []
        images = len(captions) * (2 if config.data.flip else 1)
        batch = train.batch_size * train.gradient_accumulation
        needed = math.ceil(images * config.data.repeats / batch)
        if train.steps > needed:
            warnings.append(
                f"One pass over the images takes {counted(needed, 'step')} (a few more when their "
                f"shapes differ); the {train.steps - needed} after that change nothing."
            )
        elif train.steps < needed:
            warnings.append(
                f"{counted(train.steps, 'step reads', 'steps read')} only {train.steps * batch} of "
                f"{counted(needed * batch, 'image')} and repeats; {counted(needed, 'step')} read all."
            )
        if not options.steps:
            warnings.append("With 0 steps per prompt the file recommends to have no effect.")
        if options.text_negative and not options.text.strip():
            warnings.append("“Turn away from the text” has no effect: there is no aesthetic text.")
        idle = _without_effect(config)
        if idle:
            warnings.append(f"No effect here, because nothing is denoised: {', '.join(idle)}.")
        return warnings

    def unsupported(self, architecture: Architecture) -> str | None:
        if any(encoder.clip for encoder in architecture.text_encoders):
            return None
        return f"{architecture.title} has no text encoder of a CLIP, which a direction steers."

    def prepare(self, base: Base, config: RunConfig, trigger: str) -> Trainable:
        return AestheticTrainable(base, config, trigger)


def _without_effect(config: RunConfig) -> list[str]:
    """Labels of settings that somebody changed and this method does not look at."""
    train, usual = config.train, TrainSettings()
    changed = {
        "prior preservation": bool(config.prior.weight),
        "text learning rate": train.text_learning_rate is not None,
        "gradient checkpointing": train.gradient_checkpointing == "on",
        "optimizer": train.optimizer != usual.optimizer,
        "noise offset": bool(config.loss.noise_offset),
    }
    return [label for label, is_set in changed.items() if is_set]


class AestheticTrainable(Trainable):
    """Features of the images seen so far, and their mean.

    `direction` [1, width] is what is trained; no gradient ever reaches it.
    """

    trains_text = False
    learns_by_denoising = False

    def __init__(self, base: Base, config: RunConfig, trigger: str) -> None:
        import torch

        from studio.clip.encoders import load_clip

        self.base, self.config, self.trigger = base, config, trigger
        self.options = AestheticOptions.parse(config.options, where="options of aesthetic")
        self.clip = load_clip(base.path, base.device)
        self.features: dict[int, Tensor] = {}
        self.weights: dict[int, int] = {}
        self.pending: dict[int, tuple[Tensor, int]] = {}
        self.direction = torch.zeros(1, self.clip.width)
        with self._steered(torch.nn.functional.normalize(torch.ones(self.clip.width), dim=0)):
            pass  # a CLIP that cannot steer this base shows now, not at the first sample
        self.groups = [Group("direction", [self.direction], config.train.learning_rate, 0.0)]

    @contextmanager
    def attached(self, training: bool = False) -> Iterator[None]:
        if training or not bool(self.direction.any()) or not self.options.steps:
            yield  # images are read, not generated; or there is nothing to show yet
            return
        with self._steered(self.direction[0] / self.direction[0].norm()):
            yield

    @contextmanager
    def _steered(self, direction: Tensor) -> Iterator[None]:
        from studio.adapters.aesthetic import PromptSteering

        steering = PromptSteering(self.base, direction, self.options, 1.0, "this run")
        self.base.steering.append(steering)
        try:
            yield
        finally:
            self.base.steering.remove(steering)

    def begin_step(self, step: int, steps: int) -> None:
        self.pending = {}

    def own_loss(
        self, images: Sequence[Tensor], numbers: Sequence[int] | None, repeats: Sequence[int]
    ) -> Tensor:
        """1 − mean cosine of the images to the direction so far, these included.

        An image that was read before is not read again. Taken over in `after_step` alone, so a
        step that is refused leaves no trace.
        """
        import torch

        found = []
        for place, pixels in enumerate(images):
            number = None if numbers is None else numbers[place]
            feature = self.features.get(number) if number is not None else None
            if feature is None:
                feature = self._feature(pixels)
            if number is not None:
                self.pending[number] = (feature, repeats[place])
            found.append(feature)
        mean = self.direction if numbers is None else self._mean()
        cosines = torch.nn.functional.cosine_similarity(torch.stack(found), mean, dim=-1)
        return (1 - cosines.mean()).to(self.base.device)

    def after_step(self) -> None:
        self.direction.data.copy_(self._mean())
        for number, (feature, repeats) in self.pending.items():
            self.features[number], self.weights[number] = feature, repeats
        self.pending = {}

    def _feature(self, pixels: Tensor) -> Tensor:
        """Pixels [3, H, W] in −1…1 → what CLIP makes of them [width], with its length."""
        import torch

        image = ((pixels + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        # one image at a time: its feature does not depend on its neighbours
        return self.clip.raw_image_features(image.permute(1, 2, 0)[None])[0].clone()

    def _mean(self) -> Tensor:
        """The mean feature [1, width], images weighted by their repeats, in a fixed order."""
        import torch

        known = {number: (row, self.weights[number]) for number, row in self.features.items()}
        known |= self.pending
        rows = torch.stack([known[number][0] for number in sorted(known)]).double()
        weights = torch.tensor([known[number][1] for number in sorted(known)]).double()
        return (weights @ rows / weights.sum()).float()[None]

    def state(self) -> dict[str, Tensor]:
        import torch

        numbers = sorted(self.features)
        rows = [self.features[number] for number in numbers]
        return {
            "direction": self.direction,
            "features": torch.stack(rows) if rows else torch.zeros(0, self.clip.width),
            "numbers": torch.tensor(numbers, dtype=torch.int64),
            "repeats": torch.tensor([self.weights[n] for n in numbers], dtype=torch.int64),
        }

    def load_state(self, state: dict[str, Tensor]) -> None:
        self.direction.data.copy_(state["direction"])
        numbers = state["numbers"].tolist()
        self.features = dict(zip(numbers, state["features"].unbind(), strict=True))
        self.weights = dict(zip(numbers, state["repeats"].tolist(), strict=True))

    def scale(self, strength: float) -> None:
        raise InputError(
            "An aesthetic embedding cannot hold a strength",
            why="Its file is a direction; how far a prompt is moved along it is set where it is used.",
            remedy=f"Set the strength {strength:g} where the file is used.",
        )

    def export(self, folder: Path, facts: ExportFacts) -> list[Path]:
        from studio.core.paths import slug
        from studio.formats import aesthetic, metadata

        stem = slug(facts.name)
        described = describe(self.base, self.config, facts, product="aesthetic")
        header = metadata.build(described, {"aesthetic": self.direction})
        twin = aesthetic.write_safetensors(
            folder / f"{stem}.safetensors", self.direction, self.options, header
        )
        return [twin, aesthetic.write(folder / f"{stem}.pt", self.direction)]
