"""What the studio knows of a loaded base model, and the contract every family fulfils.

Owns: `Base` (one loaded model, read-only) and `Family`.
Refuses to know: training methods, adapter files, the page.

Shapes: B images · T text positions (CLIP: 77 per chunk) · D text width · P pooled width ·
C latent channels · h × w latent size · H × W image size in pixels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from studio.architectures.record import (
    PREDICTION_TYPES,
    Architecture,
    Objective,
    inpainting_channels,
)
from studio.core.errors import NonFiniteError
from studio.families.conditioning import Conditioning
from studio.families.weighted import Text
from studio.formats import blocks


class Steering(Protocol):
    """Something that bends the conditioning of whole prompts, attached for a while."""

    negative: bool
    """Whether it bends the unconditional text too."""

    def change(
        self, base: Base, texts: tuple[Text, Text], place: int, plain: Conditioning, clip_skip: int
    ) -> Conditioning:
        """What is to be added to `plain` [1, T, D], the encoded `texts[place]`; the same shapes.

        `texts` are the negative prompt and the prompt; together they decide T.
        """
        ...


@dataclass
class Base:
    """One base model, loaded once, in eval mode, without gradients; everybody shares it.

    `words` are the extra words attached right now: word → one tensor [n, d] per text encoder.
    They are matched in prompts and overlay token embeddings (see `families.text`).
    `steering` is what bends the conditioning of prompts right now (see `encode_pair`).
    `on_step(step, steps)`, where there is one, is called before each step of a sampling, counted
    from 0: a stack whose files act for a part of it changes there.
    """

    family: Family
    name: str
    path: Path
    hash: str
    """SHA-256 over the weight files' names and contents (see `families.part_files.base_hash`)."""
    denoiser: nn.Module
    vae: nn.Module
    text_encoders: list[nn.Module]
    tokenizers: list[Any]
    scheduler_config: dict[str, Any]
    device: torch.device
    dtype: torch.dtype
    prediction_type: str
    """`epsilon`, `v_prediction` or `flow_prediction`, as diffusers' schedulers say."""
    native_size: int
    """Pixels; side of the square the base was trained on."""
    learning_rates: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Sane range per method, where the base's folder states one."""
    words: dict[str, list[Tensor]] = field(default_factory=dict)
    vae_name: str = ""
    """File or folder of the VAE where it is not the base's own."""
    weights: str = "full"
    """In what its frozen weights are kept (`families.frozen_kinds`)."""
    steering: list[Steering] = field(default_factory=list)
    preview_factors: Tensor | None = field(default=None, init=False, repr=False)
    """What latents look like, once somebody has asked (see `infer.preview`); another VAE, others."""
    on_step: Callable[[int, int], None] | None = None
    memo: dict[Any, Any] = field(default_factory=dict, repr=False)
    """What others made from this base and want to keep as long as it is loaded."""

    @property
    def architecture(self) -> Architecture:
        """The facts of its kind."""
        return self.family.architecture

    @property
    def objective(self) -> Objective:
        """What the denoiser predicts."""
        return next(o for o, name in PREDICTION_TYPES.items() if name == self.prediction_type)

    @property
    def modelspec(self) -> str:
        """`modelspec.architecture` of this base, without the `/lora` suffix."""
        return self.architecture.variant(self.objective).modelspec

    @property
    def latent_scale(self) -> int:
        """Pixels per latent, along one side."""
        return self.family.latent_scale(self)

    @property
    def latent_channels(self) -> int:
        """Channels of a latent."""
        return self.family.latent_channels(self)

    @property
    def inpainting(self) -> bool:
        """Whether the denoiser also reads a mask and the image without what is masked."""
        channels = getattr(self.denoiser.config, "in_channels", None)
        return bool(channels == inpainting_channels(self.latent_channels))

    @property
    def size_multiple(self) -> int:
        """Pixels: both sides of an image are multiples of it."""
        return self.family.size_multiple(self)

    @property
    def text_widths(self) -> list[int]:
        """Widths of the text encoders, in order."""
        return [int(encoder.config.hidden_size) for encoder in self.text_encoders]

    def components(self) -> dict[str, nn.Module]:
        """The modules adapters may touch, by component name: the denoiser's (`unet`,
        `transformer`), `text_encoder`, `text_encoder_2`, …"""
        names = self.architecture.text_names
        return {
            self.architecture.denoiser.name: self.denoiser,
            **dict(zip(names, self.text_encoders, strict=True)),
        }

    def blocks(self) -> dict[str, bool]:
        """The blocks of the denoiser (`formats.blocks`), and whether each has attention."""
        config: Any = self.denoiser.config
        return blocks.blocks(self.architecture.denoiser, config)

    def block_of(self, name: str) -> str | None:
        """The block that the denoiser's module `name` lies in; None outside of all."""
        config: Any = self.denoiser.config
        return blocks.block_of(self.architecture.denoiser, config, name)

    @torch.no_grad()
    def encode_images(self, images: Tensor) -> Tensor:
        """Images [B, 3, H, W] in −1…1 → latent moments [B, 2C, h, w] (mean, log-variance), fp32."""
        moments = self.vae.encode(images.to(self.device, self.vae.dtype)).latent_dist.parameters
        return moments.float()

    def sample_latents(self, moments: Tensor, noise: Tensor) -> Tensor:
        """Moments [B, 2C, h, w] and noise [B, C, h, w] → scaled latents [B, C, h, w]."""
        mean, log_variance = moments.chunk(2, dim=1)
        latents = mean + noise * torch.exp(0.5 * log_variance.clamp(-30, 20))
        shift = getattr(self.vae.config, "shift_factor", None) or 0.0
        return (latents - shift) * self.vae.config.scaling_factor

    @torch.no_grad()
    def decode_latents(self, latents: Tensor, tiles: bool = False) -> Tensor:
        """Scaled latents [B, C, h, w] → images [B, 3, H, W] in 0…1, fp32.

        `tiles` decodes overlapping squares of the VAE's own size and blends them: much less memory,
        and slightly other colours, because each square is normalised by itself. Raises
        NonFiniteError when latents or image are not finite.
        """
        shift = getattr(self.vae.config, "shift_factor", None) or 0.0
        latents = latents / self.vae.config.scaling_factor + shift
        decode = self.vae.tiled_decode if tiles else self.vae.decode
        images = decode(latents.to(self.vae.dtype), return_dict=False)[0]
        if not bool(images.isfinite().all()):
            raise self._not_finite(bool(latents.isfinite().all()))
        return (images.float() / 2 + 0.5).clamp(0, 1)

    def _not_finite(self, latents_finite: bool) -> NonFiniteError:
        vae = self.vae_name or "the base's own"
        if latents_finite:
            return NonFiniteError(
                "The VAE made numbers that are no colours (NaN or infinity)",
                where=vae,
                why=f"Its weights are damaged, or its numbers overflow in {_bits(self.vae.dtype)}.",
                remedy="Choose another VAE.",
                safe="Nothing was saved.",
            )
        return NonFiniteError(
            "The image became NaN or infinite before it was decoded",
            where=self.name,
            why=f"The base's numbers overflow in {_bits(self.dtype)}, or a file on the stack or "
            "the guidance is far too strong.",
            remedy="Lower strengths and guidance, or compute in bf16 or fp32.",
            safe="Nothing was saved.",
        )

    def encode(self, prompts: Sequence[Text], clip_skip: int = 0) -> Conditioning:
        """Prompts → conditioning; gradients flow where the encoders or `words` want them."""
        return self.family.encode(self, prompts, clip_skip)

    @torch.no_grad()
    def encode_pair(
        self, negative: Text, prompt: Text, clip_skip: int = 0
    ) -> tuple[Conditioning, Conditioning]:
        """(unconditional, conditioning) of one prompt, [1, T, D] each, bent by `steering`.

        Encoded together so that both get one T. The changes of several steerings are added up.
        """
        both = self.encode([negative, prompt], clip_skip)
        pair = []
        for place in (0, 1):
            plain = row = both.select([place])
            for steering in self.steering:
                if place == 1 or steering.negative:
                    row = row.plus(
                        steering.change(self, (negative, prompt), place, plain, clip_skip)
                    )
            pair.append(row)
        return pair[0], pair[1]

    def denoise(
        self, latents: Tensor, timesteps: Tensor, conditioning: Conditioning, size: tuple[int, int]
    ) -> Tensor:
        """Noisy latents [B, C, h, w], timesteps [B] → the network's prediction [B, C, h, w].

        An inpainting base reads [B, 2C + 1, h, w] (`infer.inpainting`).
        Timesteps are places in the training schedule, of 1000; of a flow, σ · 1000. `size` is
        (height, width) in pixels, for families that are told it.
        """
        return self.family.denoise(self, latents, timesteps, conditioning, size)


def _bits(dtype: torch.dtype) -> str:
    return {torch.float16: "fp16", torch.bfloat16: "bf16", torch.float32: "fp32"}.get(
        dtype, str(dtype).removeprefix("torch.")
    )


class Family(ABC):
    """How one architecture is loaded and run. A family never names a method."""

    architecture: ClassVar[Architecture]

    @abstractmethod
    def load(
        self,
        path: Path,
        device: torch.device,
        dtype: torch.dtype,
        vocabulary: Path | None = None,
    ) -> Base:
        """Loads a diffusers folder or a single file, whose vocabulary may also be in `vocabulary`.

        Raises MissingError or FileError in plain words.
        """

    @abstractmethod
    def encode(self, base: Base, prompts: Sequence[Text], clip_skip: int) -> Conditioning:
        """See `Base.encode`."""

    def unused_layers(self, base: Base) -> dict[str, tuple[str, ...]]:
        """Component → parts of `.name` of layers whose output the family never reads."""
        return {}

    def reads(self, base: Base, component: str, name: str) -> bool:
        """Whether anything comes of a layer or parameter of a component."""
        return not any(part in f".{name}" for part in self.unused_layers(base).get(component, ()))

    def latent_channels(self, base: Base) -> int:
        """See `Base.latent_channels`."""
        return int(base.vae.config.latent_channels)

    def latent_scale(self, base: Base) -> int:
        """See `Base.latent_scale`."""
        return 2 ** (len(base.vae.config.block_out_channels) - 1)

    def size_multiple(self, base: Base) -> int:
        """See `Base.size_multiple`: whole tokens of `patch` latents."""
        return self.latent_scale(base) * self.architecture.denoiser.patch

    @abstractmethod
    def denoise(
        self,
        base: Base,
        latents: Tensor,
        timesteps: Tensor,
        conditioning: Conditioning,
        size: tuple[int, int],
    ) -> Tensor:
        """See `Base.denoise`."""
