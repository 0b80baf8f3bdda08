"""What can be said of an architecture without loading a model of it: one frozen record.

Owns: the fields, and the names that follow from them. Refuses to know: torch, files, any one
architecture.

An objective is what a denoiser was trained to predict: `epsilon` (the noise), `v` (Salimans & Ho
2022) or `flow` (the velocity from image to noise, Lipman et al. 2023).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Objective = Literal["epsilon", "v", "flow"]

PREDICTION_TYPES: dict[Objective, str] = {
    "epsilon": "epsilon",
    "v": "v_prediction",
    "flow": "flow_prediction",
}
"""Objective → the `prediction_type` of diffusers' schedulers."""


def is_text_encoder(component: str) -> bool:
    """Whether a component of this name reads text; of the others, the denoiser is the one."""
    return component.startswith("text_encoder")


def inpainting_channels(latents: int) -> int:
    """What an inpainting model reads: noisy latents, the mask, and the latents of the image without
    what is masked (the models published with Rombach et al. 2022)."""
    return 2 * latents + 1


@dataclass(frozen=True, eq=False)
class Layers:
    """Endings of the names of a component's layers that adapters change, by their role."""

    attention: tuple[str, ...]
    feed_forward: tuple[str, ...] = ()
    convolution: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class TextEncoder:
    """One of an architecture's text encoders, as the published models have it."""

    width: int
    """Numbers per token of its hidden states."""
    kohya: str
    """What kohya's scripts begin its keys with, e.g. `lora_te1`."""
    spellings: tuple[str, ...]
    """What other programs call it in keys, e.g. `te1`, `clip_l`."""
    layers: Layers
    class_name: str
    """transformers' class."""
    tokenizer: str = "CLIPTokenizer"
    """transformers' class of its vocabulary."""
    tokens: int | None = 77
    """Most tokens at once, begin and end counted; None: any number, with a mask."""
    clip: bool = True
    """Whether it is the text side of a CLIP, whose pooled output can be compared with images."""
    single_file: str = ""
    """What its tensors begin with in the original one-file layout."""
    openclip: bool = False
    """Whether they are named there as OpenCLIP names them."""
    pad: str = ""
    """The token its texts were padded with in training."""
    most_layers: int | None = None
    """Layers that published folders keep, where one file holds more that nothing reads."""


@dataclass(frozen=True, eq=False)
class Blocks:
    """A list of a transformer's layers, whose members can be weighted."""

    start: str
    """Beginning of their modules' names, e.g. `layers.`."""
    letters: str
    """What they are called before their number, e.g. `L`."""
    count: str
    """Entry of the configuration that says how many there are."""


@dataclass(frozen=True, eq=False)
class Denoiser:
    """The network that predicts: its class, and what its parts are called."""

    name: str
    """Its component and folder: `unet` or `transformer`."""
    title: str
    """What people call it."""
    class_name: str
    """diffusers' class."""
    signs: Mapping[str, Any]
    """Entries of its configuration by which a folder is recognised; None and False mean absent."""
    layers: Layers
    kohya: str = "lora_unet"
    """What kohya's scripts begin its keys with."""
    starts: tuple[str, ...] = ()
    """Beginnings of its modules' names by which a bare key is known to be its."""
    original_names: bool = False
    """Whether programs know its layers in a LoRA by the names of the original code."""
    cross_attention: bool = True
    """Whether the text is read by attention layers of its own (`attn2`), as hypernetworks need."""
    blocks: tuple[Blocks, ...] = ()
    original_layout: bool = False
    """Whether it is a U-Net, whose layers and blocks have names in the original code as well."""
    heads: int | None = None
    """Attention heads of every layer, where a one-file base does not show them."""
    patch: int = 1
    """Latents along one side of a token."""
    inpainting: bool = False
    """Whether there are inpainting models of it (see `inpainting_channels`)."""


@dataclass(frozen=True, eq=False)
class Latents:
    """What the published models' VAE makes of an image."""

    channels: int
    scale: int
    """Pixels per latent, along one side."""
    factor: float
    """Latents are multiplied by it, after `shift` is subtracted."""
    shift: float = 0.0
    class_name: str = "AutoencoderKL"
    """diffusers' class."""


@dataclass(frozen=True, eq=False)
class Variant:
    """A published variant: what it predicts, the side of its images, its names in metadata."""

    objective: Objective
    native_size: int
    """Pixels."""
    modelspec: str
    """`modelspec.architecture`, without the `/lora` suffix."""
    kohya: str
    """kohya's `ss_base_model_version`."""


@dataclass(frozen=True, eq=False)
class Architecture:
    """Everything that detection, files, metadata, methods and the page know of an architecture."""

    name: str
    title: str
    family: str
    """`module:class` of what loads and runs it."""
    denoiser: Denoiser
    text_encoders: tuple[TextEncoder, ...]
    latents: Latents
    variants: tuple[Variant, ...]
    """The usual one first."""
    pipeline: str
    """diffusers' class for a folder of it."""
    scheduler: Mapping[str, Any]
    """The noise schedule it was trained with, as diffusers' configuration."""
    licence: str
    """What the published weights are under."""
    learning_rates: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Method → (lowest, highest) that usually works."""
    objective_is_stated: bool = True
    """Whether files say, or everybody knows, what a model predicts; else it is measured."""
    optional_parts: tuple[str, ...] = ()
    """Parts that the pipeline's class knows and the studio's folders leave out."""
    index_facts: Mapping[str, Any] = field(default_factory=dict)
    """What else `model_index.json` says."""
    distilled: Mapping[str, str] = field(default_factory=dict)
    """Tensor of one-file bases by which a distilled relative is known → what that is."""
    without: str = ""
    """What a model with too few text encoders probably is."""
    kohya_v2: bool = False
    """kohya's `ss_v2`."""
    said: tuple[str, ...] = ()
    """Beginnings of what metadata call everything that was made for it."""
    key_signs: tuple[str, ...] = ()
    """Patterns of keys that only adapters for it have."""
    cloneofsimo: bool = False
    """Whether cloneofsimo's files, which say nothing of a base, are for it."""

    @property
    def objective(self) -> Objective:
        """What its models usually predict."""
        return self.variants[0].objective

    @property
    def text_names(self) -> tuple[str, ...]:
        """Components of the text encoders: `text_encoder`, `text_encoder_2`, …"""
        count = len(self.text_encoders)
        return tuple(f"text_encoder_{n}" if n > 1 else "text_encoder" for n in range(1, count + 1))

    @property
    def tokenizer_names(self) -> tuple[str, ...]:
        """Folders of their vocabularies: `tokenizer`, `tokenizer_2`, …"""
        return tuple(name.replace("text_encoder", "tokenizer") for name in self.text_names)

    @property
    def parts(self) -> tuple[str, ...]:
        """The folders that a diffusers folder of it must have."""
        return (
            self.denoiser.name, "vae", *self.text_names, *self.tokenizer_names, "scheduler",
        )  # fmt: skip

    @property
    def context_width(self) -> int:
        """Numbers per token of the text that the denoiser reads."""
        return sum(encoder.width for encoder in self.text_encoders)

    @property
    def kohya_prefixes(self) -> dict[str, str]:
        """Component → what kohya's scripts begin its keys with."""
        texts = zip(self.text_names, self.text_encoders, strict=True)
        return {self.denoiser.name: self.denoiser.kohya} | {n: e.kohya for n, e in texts}

    def layers(self, component: str) -> Layers:
        """The layers of a component that adapters change."""
        found = dict(zip(self.text_names, self.text_encoders, strict=True)).get(component)
        return found.layers if found else self.denoiser.layers

    def component(self, name: str) -> str:
        """This architecture's component that a file means by `name`: any denoiser is its own."""
        return name if is_text_encoder(name) else self.denoiser.name

    def variant(self, objective: str) -> Variant:
        """The variant that predicts this; the usual one where none is known to."""
        fitting = (variant for variant in self.variants if variant.objective == objective)
        return next(fitting, self.variants[0])
