"""What a one-file base with a U-Net and CLIP is made of, read off its names and shapes.

Owns: the numbers of UNet, VAE and text encoders, derived wherever a shape tells them.
Refuses to know: torch, the file's name, what is no base (`single_file_kind`).

What no shape tells is a convention of the published models: heads (64 channels each, where the
architecture's row states no number), 32 groups per norm, CLIP-L's quick GELU, the VAE's scale.
Files that the studio wrote carry their exact configuration, which goes before all of that.
Sources: Rombach et al. 2022, Podell et al. 2023, the configurations published with both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from studio.architectures import published
from studio.architectures.record import PREDICTION_TYPES, Architecture, TextEncoder
from studio.families import header_configs
from studio.families.single_file_kind import NotABase, Shapes, architecture
from studio.formats import single_file_layout
from studio.formats.single_file_layout import UNET, VAE

_PREDICTIONS: dict[str, str] = {
    said: name for objective, name in PREDICTION_TYPES.items() for said in (objective, name)
}
HEAD = 64
"""Channels per attention head."""


@dataclass(frozen=True)
class Recipe:
    """Everything needed to make a base's parts before its weights are read."""

    family: str
    parts: dict[str, dict[str, Any]]
    """Component → configuration of its class."""
    scheduler: dict[str, Any]
    prediction_type: str | None
    """`epsilon`, `v_prediction`, or None: nothing in the file tells; it is measured when loaded."""
    native_size: int | None
    """Pixels; None where it follows from a prediction type that is not known yet."""
    pad_tokens: tuple[str, ...]
    """What each vocabulary is padded with: it is the same vocabulary otherwise."""
    learning_rates: dict[str, Any] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()
    """What was concluded and not stated, in plain words."""


def recipe(shapes: Shapes, metadata: Mapping[str, str], stated: Mapping[str, Any]) -> Recipe:
    """The recipe of a file with these names; `stated` is what a person wrote beside it.

    Of `stated`, `prediction_type` and `native_size` are looked at. Raises NotABase.
    """
    kind = architecture(shapes)
    exact = header_configs.read(metadata, kind)
    assumed: list[str] = []
    parts = exact.get("parts") or _parts(shapes, kind)
    prediction = _prediction(shapes, metadata, stated, exact, kind, assumed)
    scheduler = dict(exact.get("scheduler") or kind.scheduler)
    if "ztsnr" in shapes:  # its noise ends at zero signal (Lin et al. 2023)
        scheduler |= {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    size = stated.get("native_size") or exact.get("native_size")
    if not isinstance(size, int) or not 8 <= size <= 4096:
        size = native_size(kind, prediction) if prediction else None
    pads = tuple(exact.get("pad_tokens") or [encoder.pad for encoder in kind.text_encoders])
    rates = exact.get("learning_rates", {})
    return Recipe(kind.name, parts, scheduler, prediction, size, pads, rates, tuple(assumed))


def native_size(kind: Architecture, prediction_type: str) -> int:
    """Pixels of the published models of an architecture that predict this."""
    objective = next(o for o, name in PREDICTION_TYPES.items() if name == prediction_type)
    return kind.variant(objective).native_size


def _prediction(
    shapes: Shapes,
    metadata: Mapping[str, str],
    stated: Mapping[str, Any],
    exact: Mapping[str, Any],
    kind: Architecture,
    assumed: list[str],
) -> str | None:
    """Who says it, in order: a person, the studio's header, modelspec, a marker, the architecture."""
    if stated.get("prediction_type") is not None:
        if stated["prediction_type"] not in _PREDICTIONS:
            raise NotABase(
                f"The facts beside it state the prediction type {stated['prediction_type']!r}; "
                "it must be “epsilon” or “v”."
            )
        return _PREDICTIONS[stated["prediction_type"]]
    if exact.get("prediction_type") in _PREDICTIONS:
        return _PREDICTIONS[exact["prediction_type"]]
    if (said := metadata.get("modelspec.prediction_type", "").lower()) in _PREDICTIONS:
        return _PREDICTIONS[said]
    _, variant = published(metadata.get("modelspec.architecture", ""))
    if "v_pred" in shapes or (variant and variant.objective == "v"):
        return "v_prediction"
    if not kind.objective_is_stated:
        assumed.append(
            "It does not say whether it predicts noise or v; that is measured when it is loaded."
        )
        return None
    assumed.append(f"Taken to predict noise (ε), as {kind.title} models usually do.")
    return "epsilon"


def _parts(shapes: Shapes, kind: Architecture) -> dict[str, dict[str, Any]]:
    vae = {**vae_config(shapes, VAE), "scaling_factor": kind.latents.factor}
    return {
        "unet": _unet(shapes, kind),
        "vae": vae,
        **{
            part: _text(shapes, encoder)
            for part, encoder in single_file_layout.text_parts(kind).items()
        },
    }


def _unet(shapes: Shapes, kind: Architecture) -> dict[str, Any]:
    """Walks `input_blocks` downwards: one entry per block of equal resolution."""
    widths: list[int] = []
    layers: list[int] = []
    depths: list[int] = []  # transformers per attention; 0 for a block without
    place, fresh = 1, True
    while True:
        block = f"{UNET}input_blocks.{place}"
        if f"{block}.0.op.weight" in shapes:
            fresh = True
        elif f"{block}.0.in_layers.2.weight" in shapes:
            if fresh:
                widths.append(shapes[f"{block}.0.in_layers.2.weight"][0])
                layers.append(0)
                depths.append(_depth(shapes, f"{block}.1"))
                fresh = False
            elif depths[-1] != _depth(shapes, f"{block}.1"):
                raise NotABase("Its UNet has unevenly deep blocks (a distilled SDXL?).")
            layers[-1] += 1
        else:
            break
        place += 1
    keys = [name for name in shapes if name.endswith(".attn2.to_k.weight")]
    projection = next(
        (n for n in shapes if n.startswith(UNET) and n.endswith(".proj_in.weight")), ""
    )
    if not keys or not widths:
        raise NotABase("Its UNet is not one of a Stable Diffusion model that generates from text.")
    if _depth(shapes, f"{UNET}middle_block.1") != max(depths[-1], 1):
        raise NotABase("Its UNet has unevenly deep blocks (a distilled model?).")
    down = ["CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in depths]
    up = ["CrossAttnUpBlock2D" if depth else "UpBlock2D" for depth in reversed(depths)]
    heads = kind.denoiser.heads
    config: dict[str, Any] = {
        "in_channels": shapes[f"{UNET}input_blocks.0.0.weight"][1],
        "out_channels": shapes.get(f"{UNET}out.2.weight", (4,))[0],
        "block_out_channels": widths,
        "layers_per_block": layers[0] if len(set(layers)) == 1 else layers,
        "down_block_types": down,
        "up_block_types": up,
        "cross_attention_dim": shapes[keys[0]][-1],
        "transformer_layers_per_block": [max(depth, 1) for depth in depths],
        "use_linear_projection": len(shapes[projection]) == 2,
        # diffusers calls the number of heads `attention_head_dim`
        "attention_head_dim": heads or [max(width // HEAD, 1) for width in widths],
        "norm_num_groups": 32,
    }
    if kind.denoiser.signs.get("addition_embed_type"):
        label = shapes.get(f"{UNET}label_emb.0.0.weight")
        if label is None:
            raise NotABase(f"Its UNet lacks the size conditioning that {kind.title} has.")
        config |= {
            **kind.denoiser.signs,
            "addition_time_embed_dim": 256,
            "projection_class_embeddings_input_dim": label[-1],
        }
    return config


def _depth(shapes: Shapes, place: str) -> int:
    """How many transformers an attention at `place` has; 0 when there is none."""
    depth = 0
    while f"{place}.transformer_blocks.{depth}.attn1.to_q.weight" in shapes:
        depth += 1
    return depth


def vae_config(shapes: Shapes, prefix: str) -> dict[str, Any]:
    """An AutoencoderKL's configuration from the original names behind `prefix`; raises NotABase."""
    widths: list[int] = []
    while (name := f"{prefix}encoder.down.{len(widths)}.block.0.conv1.weight") in shapes:
        widths.append(shapes[name][0])
    layers = 0
    while f"{prefix}encoder.down.0.block.{layers}.conv1.weight" in shapes:
        layers += 1
    latent = shapes.get(f"{prefix}decoder.conv_in.weight", ())
    if not widths or len(latent) != 4:
        raise NotABase("Its VAE is not one of a Stable Diffusion model.")
    return {
        "block_out_channels": widths,
        "down_block_types": ["DownEncoderBlock2D"] * len(widths),
        "up_block_types": ["UpDecoderBlock2D"] * len(widths),
        "layers_per_block": layers,
        "latent_channels": latent[1],
        "norm_num_groups": 32,
        "sample_size": 512,
    }


def _text(shapes: Shapes, encoder: TextEncoder) -> dict[str, Any]:
    prefix, openclip = encoder.single_file, encoder.openclip
    inner = "" if openclip else _inner(shapes, prefix)
    if openclip:
        table, layer = "token_embedding.weight", "transformer.resblocks.{}.mlp.c_fc.weight"
        places = "positional_embedding"
    else:
        table, layer = f"{inner}embeddings.token_embedding.weight", inner + "encoder.layers.{}.mlp.fc1.weight"  # fmt: skip
        places = f"{inner}embeddings.position_embedding.weight"
    projected = encoder.class_name.endswith("WithProjection")
    count = 0
    while prefix + layer.format(count) in shapes:
        count += 1
    rows = shapes.get(prefix + table, ())
    if not count or len(rows) != 2:
        raise NotABase("Its text encoder is not complete.")
    vocabulary, width = rows
    projection = shapes.get(
        f"{prefix}text_projection", shapes.get(f"{prefix}text_projection.weight")
    )
    return {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "intermediate_size": shapes[prefix + layer.format(0)][0],
        "num_hidden_layers": min(count, encoder.most_layers or count),
        "num_attention_heads": max(width // HEAD, 1),
        "max_position_embeddings": shapes.get(prefix + places, (77,))[0],
        "hidden_act": "gelu" if openclip else "quick_gelu",
        "projection_dim": projection[-1] if projection and projected else width,
        "bos_token_id": vocabulary - 2,
        "eos_token_id": vocabulary - 1,
    }  # fmt: skip


def _inner(shapes: Shapes, prefix: str) -> str:
    """Old files leave out the level `text_model.`"""
    return "text_model." if any(n.startswith(f"{prefix}text_model.") for n in shapes) else ""
