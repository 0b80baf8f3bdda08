"""Pictures drawn by a run: the sample rows, the thumbnail in the file, the proof after saving.

Owns: what is drawn for a run. Refuses to know: when.
"""

from __future__ import annotations

import io
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from studio.adapters.cache import AdapterCache
from studio.adapters.stack import applied
from studio.core import memory
from studio.families.base import Base
from studio.formats.image_write import save_png
from studio.infer import infotext
from studio.infer.engine import draw, initial_noise
from studio.infer.prompt_schedule import alike, scripts, together
from studio.runs.records import Proof
from studio.settings.training import GenerateSettings, RunConfig, StackItem

AT_ONCE = 4
THUMBNAIL = 256


class Preview:
    """Draws the same prompts with the same noise each time it is asked."""

    def __init__(self, base: Base, config: RunConfig, run: Path) -> None:
        self.base, self.config, self.run = base, config, run
        self.last: list[Image.Image] = []

    @memory.explained("samples")
    def draw(self, count: int | None = None) -> list[Image.Image]:
        """One picture per sample prompt, with whatever is attached to the base right now."""
        sample, size = self.config.sample, self.config.data.resolution or self.base.native_size
        prompts = sample.prompts[:count]
        told = scripts(self.base, sample.negative_prompt, prompts, steps=sample.steps)
        pictures: dict[int, Image.Image] = {}
        for batch in alike([told[prompt] for prompt in prompts], AT_ONCE):
            seeds = [sample.seed + place for place in batch]
            changes = together([told[prompts[place]] for place in batch])
            unconditional, conditioning = changes[0]
            with torch.no_grad():
                drawn = draw(
                    self.base,
                    conditioning,
                    unconditional,
                    torch.cat([initial_noise(self.base, seed, size, size) for seed in seeds]),
                    sampler=sample.sampler,
                    steps=sample.steps,
                    guidance=sample.guidance,
                    size=(size, size),
                    seeds=seeds,
                    changes=changes,
                )
            pictures.update(zip(batch, map(_image, drawn), strict=True))
        return [pictures[place] for place in range(len(prompts))]

    def save(self, step: int, pictures: list[Image.Image]) -> list[str]:
        """Writes a sample row; returns the files relative to the run's folder."""
        self.last = pictures
        files = []
        for place, picture in enumerate(pictures):
            path = self.run / "samples" / f"step-{step:06d}" / f"{place}.png"
            save_png(path, picture, self._parameters(place))
            files.append(path.relative_to(self.run).as_posix())
        return files

    def _parameters(self, place: int) -> str:
        """A sample says how it was made, as every generated image does; what was being trained is
        no file yet, so the same settings with the run's file give the image of its last step."""
        sample, size = self.config.sample, self.config.data.resolution or self.base.native_size
        settings = GenerateSettings(
            prompt=sample.prompts[place],
            negative_prompt=sample.negative_prompt,
            sampler=sample.sampler,
            steps=sample.steps,
            guidance=sample.guidance,
            seed=(sample.seed + place) % 2**32,
        )
        base = self.base
        facts = infotext.Facts(base.name, base.hash[:10], (size, size), vae=base.vae_name)
        return infotext.write(settings, facts)

    def thumbnail(self) -> bytes | None:
        """A small PNG of the newest sample."""
        if not self.last:
            return None
        picture = self.last[0].copy()
        picture.thumbnail((THUMBNAIL, THUMBNAIL))
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        return buffer.getvalue()


def verify(base: Base, config: RunConfig, file: Path, cache: AdapterCache) -> Proof:
    """Loads the written file as generating does; says what matched and how much a picture changes."""
    preview = Preview(base, config, file.parent)
    before = _pixels(preview.draw(1))
    with applied(base, [StackItem(path=str(file))], cache) as reports:
        after = _pixels(preview.draw(1))
    change = float((after - before).abs().mean())
    return Proof(
        file=file.name,
        matched=sum(report.matched for report in reports),
        unmatched=tuple(name for report in reports for name in report.unmatched),
        change=round(change, 4),
        prompt=config.sample.prompts[0],
        ok=change > 0 and not any(report.unmatched for report in reports),
    )


def _image(picture: Tensor) -> Image.Image:
    return Image.fromarray(picture.cpu().numpy())


def _pixels(pictures: list[Image.Image]) -> Tensor:
    import numpy as np

    return torch.from_numpy(np.stack([np.asarray(picture) for picture in pictures])).float() / 255
