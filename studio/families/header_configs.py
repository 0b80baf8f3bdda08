"""The exact configuration that the studio writes into its one-file bases, and reads back guardedly.

Owns: which keys a file's header may decide, and refusing counts no model has. A header comes from
anywhere: it decides numbers, never a class, a path or a program part.
Refuses to know: torch, shapes, what files of other programs look like (`infer_config`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studio.architectures.record import Architecture
from studio.core.text import parse_json
from studio.families.single_file_kind import NotABase
from studio.formats import single_file_layout

_UNET = """
    sample_size in_channels out_channels flip_sin_to_cos freq_shift down_block_types mid_block_type
    up_block_types only_cross_attention block_out_channels layers_per_block downsample_padding act_fn
    norm_num_groups norm_eps cross_attention_dim transformer_layers_per_block attention_head_dim
    num_attention_heads use_linear_projection upcast_attention addition_embed_type
    addition_time_embed_dim projection_class_embeddings_input_dim
"""
_VAE = """
    in_channels out_channels down_block_types up_block_types block_out_channels layers_per_block
    act_fn latent_channels norm_num_groups sample_size scaling_factor shift_factor force_upcast
    use_quant_conv use_post_quant_conv mid_block_add_attention
"""
_TEXT = """
    vocab_size hidden_size intermediate_size projection_dim num_hidden_layers num_attention_heads
    max_position_embeddings hidden_act layer_norm_eps attention_dropout bos_token_id eos_token_id
    pad_token_id
"""
_KEYS = {"unet": frozenset(_UNET.split()), "vae": frozenset(_VAE.split())}
_TEXT_KEYS = frozenset(_TEXT.split())
_MOST = 100
"""Layers, blocks or transformers a header may ask for; real models have up to 32."""


def read(metadata: Mapping[str, str], kind: Architecture) -> dict[str, Any]:
    """`parts` (component → configuration), `scheduler`, `prediction_type`, `native_size`,
    `learning_rates` and `pad_tokens`, or nothing where the header has no such entry.

    Raises NotABase when the entry makes no sense.
    """
    text = metadata.get(single_file_layout.CONFIGS)
    if text is None:
        return {}
    try:
        stated = parse_json(text)
        parts = {
            part: {k: v for k, v in stated[part].items() if k in _KEYS.get(part, _TEXT_KEYS)}
            for part in (kind.denoiser.name, "vae", *kind.text_names)
        }
        scheduler = {key: value for key, value in stated["scheduler"].items() if _plain(value)}
        pads = tuple(str(pad) for pad in stated["pad_tokens"])
        rates = {str(k): (float(a), float(b)) for k, (a, b) in stated["learning_rates"].items()}
        sane = all(map(_is_sane, parts.values())) and len(pads) == len(kind.text_names)
        if stated["family"] != kind.name or not sane:
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotABase("The configuration in its header makes no sense.") from error
    return {
        "parts": parts,
        "scheduler": scheduler,
        "native_size": stated.get("native_size"),
        "prediction_type": scheduler.get("prediction_type"),
        "learning_rates": rates,
        "pad_tokens": pads,
    }


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float, bool))


def _is_sane(config: Mapping[str, Any]) -> bool:
    """Counts that would make a module of endless layers are no configuration."""
    counts: list[Any] = []
    for key in ("num_hidden_layers", "layers_per_block", "transformer_layers_per_block"):
        value = config.get(key, 1)
        counts += value if isinstance(value, list) else [value]
    widths = config.get("block_out_channels", [])
    return len(widths) <= 16 and all(type(n) is int and 0 < n <= _MOST for n in counts)
