"""A third kind of base for the tests: a tiny flow-matching transformer that reads whole texts.

Owns: its row of facts, its family, and a diffusers folder of it with random weights: diffusers'
`ZImageTransformer2DModel`, a Qwen 3 of two layers, a VAE of 16 channels with a shift. It is known
to the studio where a test puts the row into the table (`known`), and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from studio.architectures import ARCHITECTURES
from studio.architectures.record import (
    Architecture,
    Blocks,
    Denoiser,
    Latents,
    Layers,
    TextEncoder,
    Variant,
)
from studio.families import whole_text
from studio.families.base import Base, Family
from studio.families.conditioning import Conditioning
from studio.families.loading import load_parts
from studio.families.weighted import Text
from tests.tiny import _byte_letters, _seeded

TOY = Architecture(
    name="toy-flow",
    title="Toy flow",
    family="tests.flow:ToyFlow",
    denoiser=Denoiser(
        name="transformer",
        title="transformer",
        class_name="ZImageTransformer2DModel",
        signs={},
        layers=Layers(
            attention=("to_q", "to_k", "to_v", "to_out.0"),
            feed_forward=("feed_forward.w1", "feed_forward.w2", "feed_forward.w3"),
        ),
        starts=("layers.", "noise_refiner.", "context_refiner."),
        cross_attention=False,
        blocks=(
            Blocks("noise_refiner.", "NR", "n_refiner_layers"),
            Blocks("layers.", "L", "n_layers"),
        ),
        patch=2,
    ),
    text_encoders=(
        TextEncoder(
            width=32,
            kohya="lora_te",
            spellings=("te",),
            layers=Layers(("q_proj", "k_proj", "v_proj", "o_proj"), ("gate_proj", "up_proj")),
            class_name="Qwen3Model",
            tokenizer="Qwen2Tokenizer",
            tokens=None,
            clip=False,
        ),
    ),
    latents=Latents(channels=16, scale=2, factor=0.3611, shift=0.1159),
    variants=(Variant("flow", 32, "toy-flow", "toy_flow"),),
    pipeline="ZImagePipeline",
    scheduler={
        "_class_name": "FlowMatchEulerDiscreteScheduler",
        "num_train_timesteps": 1000,
        "shift": 3.0,
    },
    licence="none: it is made of random numbers",
)


class ToyFlow(Family):
    """How Z-Image's transformer is called: time runs backwards, and so does its velocity."""

    architecture = TOY

    def load(
        self,
        path: Path,
        device: torch.device,
        dtype: torch.dtype,
        vocabulary: Path | None = None,
    ) -> Base:
        return load_parts(self, path, device, dtype, vocabulary)

    def encode(self, base: Base, prompts: Sequence[Text], clip_skip: int) -> Conditioning:
        def forward(encoder: Any, ids: Tensor) -> Tensor:
            states = encoder(input_ids=ids, output_hidden_states=True).hidden_states
            found: Tensor = states[-2]
            return found

        return whole_text.encode(base, 0, prompts, forward, ("<|user|>", "<|end|>"))

    def unused_layers(self, base: Base) -> dict[str, tuple[str, ...]]:
        """The last layer and what follows: the text is the states before it."""
        last = base.text_encoders[0].config.num_hidden_layers - 1
        return {"text_encoder": (f".layers.{last}.", ".norm.")}

    def denoise(
        self,
        base: Base,
        latents: Tensor,
        timesteps: Tensor,
        conditioning: Conditioning,
        size: tuple[int, int],
    ) -> Tensor:
        assert conditioning.mask is not None
        texts = [
            row[mask].to(base.dtype)
            for row, mask in zip(conditioning.embeds, conditioning.mask, strict=True)
        ]
        given = list(latents.to(base.dtype).unsqueeze(2).unbind(0))
        time = (1000 - timesteps.to(torch.float32)) / 1000
        velocities = base.denoiser(given, time, texts, return_dict=False)[0]
        return -torch.stack(velocities).squeeze(2)


@contextmanager
def known() -> Iterator[None]:
    """Inside, the table has the toy's row."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ARCHITECTURES, TOY.name, TOY)
        yield


def make_toy_flow(folder: str | Path) -> Path:
    """A diffusers folder of the toy; the same contents every time."""
    from diffusers import (
        AutoencoderKL,
        FlowMatchEulerDiscreteScheduler,
        ZImagePipeline,
        ZImageTransformer2DModel,
    )
    from transformers import Qwen3Config, Qwen3Model

    tokenizer = _tokenizer()

    def transformer() -> nn.Module:
        made = ZImageTransformer2DModel(
            in_channels=16, dim=32, n_layers=2, n_refiner_layers=1, n_heads=2, n_kv_heads=2,
            cap_feat_dim=32, axes_dims=[4, 6, 6], axes_lens=[512, 64, 64],
        )  # fmt: skip
        for parameter in made.parameters():
            if parameter.dim() > 1:  # also what is zero at first: a layer that says nothing
                nn.init.normal_(parameter, std=0.2)
        return made

    def vae() -> nn.Module:
        return AutoencoderKL(
            sample_size=32, latent_channels=16, block_out_channels=(16, 32), layers_per_block=1,
            norm_num_groups=8, down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2, scaling_factor=0.3611, shift_factor=0.1159,
            use_quant_conv=False, use_post_quant_conv=False,
        )  # fmt: skip

    config = Qwen3Config(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, head_dim=8, max_position_embeddings=512,
        initializer_range=0.3,
    )  # fmt: skip
    pipeline = ZImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=_seeded(vae, 1),
        text_encoder=_seeded(lambda: Qwen3Model(config), 2),
        tokenizer=tokenizer,
        transformer=_seeded(transformer, 3),
    )
    pipeline.save_pretrained(folder, safe_serialization=True)
    (Path(folder) / "studio.toml").write_text("native_size = 32\n")
    return Path(folder)


def _tokenizer() -> Any:
    from transformers import Qwen2Tokenizer

    ids = {letter: number for number, letter in enumerate(_byte_letters())}
    ids["<|endoftext|>"] = len(ids)
    made = Qwen2Tokenizer(vocab=ids, merges=[])
    made.add_special_tokens({"additional_special_tokens": ["<|user|>", "<|end|>"]})
    return made
