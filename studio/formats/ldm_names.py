"""Names of the original Stable Diffusion layout ⇄ names of diffusers, as pure string functions.

Owns: which `input_blocks.4.1` is which `down_blocks.1.attentions.0`, computed from the numbers of
a layout, for the UNet and the VAE, in both directions (`openclip_names` has the text encoders).
Refuses to know: tensors (`single_file_layout` moves those), models, files.

Names are dotted module paths or parameter names; whatever follows a known part is kept, so
`….to_q` and `….to_q.weight` both work. Sources: CompVis/stable-diffusion and
Stability-AI/generative-models (openaimodel.py, model.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

_RESNET = {
    "in_layers.0": "norm1",
    "in_layers.2": "conv1",
    "emb_layers.1": "time_emb_proj",
    "out_layers.0": "norm2",
    "out_layers.3": "conv2",
    "skip_connection": "conv_shortcut",
}
_VAE_RESNET = {"nin_shortcut": "conv_shortcut"}
_VAE_ATTENTION = {
    "norm": "group_norm", "q": "to_q", "k": "to_k", "v": "to_v", "proj_out": "to_out.0",
}  # fmt: skip
_VAE_FORMERLY = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}


@dataclass(frozen=True)
class UNetLayout:
    """The numbers that decide a UNet's names.

    `layers` and `attention` have one entry per down block, in order: ResNet layers, and whether
    they are followed by transformers. The up blocks mirror them, with one more layer each.
    """

    layers: tuple[int, ...]
    attention: tuple[bool, ...]
    middle_attention: bool = True

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> UNetLayout:
        """From a diffusers UNet config (`block_out_channels`, `layers_per_block`, block types)."""
        count = len(config["block_out_channels"])
        layers = config.get("layers_per_block", 2)
        per_block = (layers,) * count if isinstance(layers, int) else tuple(layers)
        attention = tuple("Attn" in kind for kind in config["down_block_types"])
        middle = config.get("mid_block_type", "UNetMidBlock2DCrossAttn")
        return cls(per_block, attention, "Attn" in (middle or ""))


SD1 = UNetLayout((2, 2, 2, 2), (True, True, True, False))
SDXL = UNetLayout((2, 2, 2), (False, True, True))


class _Pair(NamedTuple):
    ldm: str
    diffusers: str
    inner: Mapping[str, str] | None = None


class Table:
    """Two-way lookup of names by their longest known beginning."""

    def __init__(self, pairs: list[_Pair]) -> None:
        self._forward = {pair.ldm: (pair.diffusers, dict(pair.inner or {})) for pair in pairs}
        self._backward = {
            pair.diffusers: (pair.ldm, {new: old for old, new in (pair.inner or {}).items()})
            for pair in pairs
        }

    def places(self) -> list[tuple[str, str]]:
        """(original name, diffusers name) of every part the table knows."""
        return [(ldm, name) for ldm, (name, _) in self._forward.items()]

    def to_diffusers(self, name: str) -> str | None:
        """The diffusers name, or None for a name the original layout does not have."""
        return _translate(name, self._forward)

    def to_ldm(self, name: str) -> str | None:
        """The original name, or None for a name diffusers does not have."""
        return _translate(name, self._backward)


def ldm_to_diffusers_unet(name: str, layout: UNetLayout = SD1) -> str | None:
    """`input_blocks.1.1.transformer_blocks…` → `down_blocks.0.attentions.0.transformer_blocks…`."""
    return unet_table(layout).to_diffusers(name)


def diffusers_to_ldm_unet(name: str, layout: UNetLayout = SD1) -> str | None:
    """The inverse of `ldm_to_diffusers_unet`; None for names the layout does not have."""
    return unet_table(layout).to_ldm(name)


def unet_blocks(layout: UNetLayout) -> dict[str, bool]:
    """The blocks of a UNet as block-weight tools number them, and whether each has attention.

    `IN00`… as `input_blocks`, `M00`, `OUT00`… as `output_blocks`, in that order.
    """
    found: dict[str, bool] = {}
    for place, name in unet_table(layout).places():
        if (block := _block(place)) is not None:
            found[block] = found.get(block, False) or ".attentions." in name
    return dict(sorted(found.items(), key=lambda item: ("IMO".index(item[0][0]), item[0])))


def unet_block(name: str, layout: UNetLayout) -> str | None:
    """The block that a diffusers name belongs to; None for what lies outside (time, last layer)."""
    place = diffusers_to_ldm_unet(name, layout)
    return None if place is None else _block(place)


def _block(place: str) -> str | None:
    first, _, rest = place.partition(".")
    if first == "middle_block":
        return "M00"
    side = {"input_blocks": "IN", "output_blocks": "OUT"}.get(first)
    return f"{side}{int(rest.partition('.')[0]):02}" if side else None


def ldm_to_diffusers_vae(name: str, blocks: int = 4) -> str | None:
    """`encoder.down.0.block.1.conv1` → `encoder.down_blocks.0.resnets.1.conv1`, and so on."""
    return vae_table(blocks).to_diffusers(name)


def diffusers_to_ldm_vae(name: str, blocks: int = 4) -> str | None:
    """The inverse of `ldm_to_diffusers_vae`."""
    return vae_table(blocks).to_ldm(name)


def vae_today(name: str) -> str:
    """A parameter of a diffusers VAE by its name since 2023: attention was called otherwise."""
    for old, new in _VAE_FORMERLY.items():
        name = name.replace(f".attentions.0.{old}.", f".attentions.0.{new}.")
    return name


def is_vae_attention(name: str) -> bool:
    """Whether this diffusers parameter is [c, c] here and a 1×1 convolution [c, c, 1, 1] there."""
    return ".attentions." in name and name.endswith(
        (".to_q.weight", ".to_k.weight", ".to_v.weight", ".to_out.0.weight")
    )


@lru_cache(maxsize=16)
def unet_table(layout: UNetLayout) -> Table:
    """All modules of a UNet of this layout, down to the level where both sides agree."""
    pairs = [
        _Pair("time_embed.0", "time_embedding.linear_1"),
        _Pair("time_embed.2", "time_embedding.linear_2"),
        _Pair("label_emb.0.0", "add_embedding.linear_1"),
        _Pair("label_emb.0.2", "add_embedding.linear_2"),
        _Pair("input_blocks.0.0", "conv_in"),
        _Pair("out.0", "conv_norm_out"),
        _Pair("out.2", "conv_out"),
        *_down_pairs(layout),
        *_up_pairs(layout),
        _Pair("middle_block.0", "mid_block.resnets.0", _RESNET),
    ]
    if layout.middle_attention:
        pairs.append(_Pair("middle_block.1", "mid_block.attentions.0"))
    last = 2 if layout.middle_attention else 1
    pairs.append(_Pair(f"middle_block.{last}", "mid_block.resnets.1", _RESNET))
    return Table(pairs)


def _down_pairs(layout: UNetLayout) -> list[_Pair]:
    pairs = []
    place = 1  # input_blocks.0 is conv_in
    for i, (layers, attention) in enumerate(zip(layout.layers, layout.attention, strict=True)):
        for j in range(layers):
            pairs.append(_Pair(f"input_blocks.{place}.0", f"down_blocks.{i}.resnets.{j}", _RESNET))
            if attention:
                pairs.append(_Pair(f"input_blocks.{place}.1", f"down_blocks.{i}.attentions.{j}"))
            place += 1
        if i < len(layout.layers) - 1:
            pairs.append(
                _Pair(f"input_blocks.{place}.0.op", f"down_blocks.{i}.downsamplers.0.conv")
            )
            place += 1
    return pairs


def _up_pairs(layout: UNetLayout) -> list[_Pair]:
    pairs = []
    place = 0
    mirrored = list(zip(layout.layers[::-1], layout.attention[::-1], strict=True))
    for i, (layers, attention) in enumerate(mirrored):
        for j in range(layers + 1):
            pairs.append(_Pair(f"output_blocks.{place}.0", f"up_blocks.{i}.resnets.{j}", _RESNET))
            if attention:
                pairs.append(_Pair(f"output_blocks.{place}.1", f"up_blocks.{i}.attentions.{j}"))
            if j == layers and i < len(mirrored) - 1:
                # The upsampler shares the place of the block's last layer.
                slot = 2 if attention else 1
                upsampler = f"up_blocks.{i}.upsamplers.0.conv"
                pairs.append(_Pair(f"output_blocks.{place}.{slot}.conv", upsampler))
            place += 1
    return pairs


@lru_cache(maxsize=16)
def vae_table(blocks: int) -> Table:
    """All modules of an AutoencoderKL with this many levels; its decoder counts from the far end."""
    pairs = [_Pair("quant_conv", "quant_conv"), _Pair("post_quant_conv", "post_quant_conv")]
    for side in ("encoder", "decoder"):
        pairs += [
            _Pair(f"{side}.conv_in", f"{side}.conv_in"),
            _Pair(f"{side}.conv_out", f"{side}.conv_out"),
            _Pair(f"{side}.norm_out", f"{side}.conv_norm_out"),
            _Pair(f"{side}.mid.block_1", f"{side}.mid_block.resnets.0", _VAE_RESNET),
            _Pair(f"{side}.mid.block_2", f"{side}.mid_block.resnets.1", _VAE_RESNET),
            _Pair(f"{side}.mid.attn_1", f"{side}.mid_block.attentions.0", _VAE_ATTENTION),
        ]
    for i in range(blocks):
        down, up = f"encoder.down_blocks.{i}", f"decoder.up_blocks.{i}"
        theirs = f"decoder.up.{blocks - 1 - i}"
        pairs.append(_Pair(f"encoder.down.{i}.downsample.conv", f"{down}.downsamplers.0.conv"))
        pairs.append(_Pair(f"{theirs}.upsample.conv", f"{up}.upsamplers.0.conv"))
        for j in range(8):  # more layers per block than any model has
            pairs.append(_Pair(f"encoder.down.{i}.block.{j}", f"{down}.resnets.{j}", _VAE_RESNET))
            pairs.append(_Pair(f"{theirs}.block.{j}", f"{up}.resnets.{j}", _VAE_RESNET))
    return Table(pairs)


def with_text_model(name: str) -> str:
    """Newer classes of CLIP have no `text_model` level in their names; files always do."""
    if name.startswith(("embeddings.", "encoder.layers.", "final_layer_norm.")):
        return f"text_model.{name}"
    return name


def _translate(name: str, table: Mapping[str, tuple[str, dict[str, str]]]) -> str | None:
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        if found := table.get(".".join(parts[:length])):
            rest = ".".join(parts[length:])
            if not rest:
                return found[0]
            return f"{found[0]}.{replaced(rest, found[1]) or rest}"
    return None


def replaced(rest: str, inner: Mapping[str, str]) -> str | None:
    """A path whose beginning is one of `inner`'s, with the other beginning; else None."""
    for old, new in inner.items():
        if rest == old or rest.startswith(old + "."):
            return new + rest[len(old) :]
    return None
