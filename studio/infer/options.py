"""What images are generated from: one image's own, and what those of a batch have in common.

Owns: these records. Refuses to know: how sampling works, files on a stack.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from studio.core import memory
from studio.core.size import OWN_SIZE, Size
from studio.settings.training import Fit, GenerateSettings, HiresSettings, Sampler, Tiles


@dataclass(frozen=True)
class Job:
    """What one image is generated from."""

    prompt: str
    seed: int
    variation_seed: int = 0


@dataclass(frozen=True)
class SamplingOptions:
    """What the images of a batch have in common."""

    steps: int = 20
    guidance: float = 4.0
    """Above 1, classifier-free guidance; else the unconditional half is left out."""
    sampler: Sampler = "DDIM"
    negative_prompt: str = ""
    batch_size: int = 8
    syntax: bool = False
    """Whether brackets in a prompt have their meaning; captions are text as it stands."""
    size: Size = OWN_SIZE
    """0: the base's own."""
    clip_skip: int = 0
    image: str = ""
    """File of an image to begin with; of its steps the last `denoising_strength` are taken."""
    fit: Fit = "crop"
    denoising_strength: float = 1.0
    variation_strength: float = 0.0
    hires: HiresSettings = field(default_factory=HiresSettings)
    tiles: Tiles = "auto"
    preview_every: int = 0
    """Evaluations of the network between two live previews; 0 shows none."""
    work: memory.Work = "images"
    """In whose words a full memory is said."""

    @classmethod
    def of(cls, settings: GenerateSettings, work: memory.Work = "images") -> SamplingOptions:
        """What the settings of Generate say."""
        return cls(
            steps=settings.steps,
            guidance=settings.guidance,
            sampler=settings.sampler,
            negative_prompt=settings.negative_prompt,
            batch_size=settings.batch_size,
            syntax=settings.syntax,
            size=Size(settings.width, settings.height),
            clip_skip=settings.clip_skip,
            image=settings.image,
            fit=settings.fit,
            denoising_strength=settings.denoising_strength,
            variation_strength=settings.variation_strength,
            hires=settings.hires,
            tiles=settings.tiles,
            preview_every=settings.preview_every,
            work=work,
        )
