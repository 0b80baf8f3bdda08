"""What the original Stable Diffusion code calls the modules of a UNet.

Owns: the translation from diffusers' names (`down_blocks.1.attentions.0…`) to the original's
(`input_blocks.4.1…`), for UNets of any depth. Refuses to know: files, tensors.
Source: CompVis/latent-diffusion and Stability-AI/generative-models, openaimodel.py. Adapters made
for SDXL mostly carry these names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_ENDS = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_IN_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_PLACE = re.compile(
    r"(down_blocks|up_blocks)\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)(?:\.(.+))?"
)
_MIDDLE = re.compile(r"mid_block\.(resnets|attentions)\.(\d+)(?:\.(.+))?")


def original_names(names: Iterable[str]) -> dict[str, str]:
    """diffusers' module name → the original's, for every name that has one."""
    names = list(names)
    layers: dict[tuple[str, int], int] = {}
    for name in names:
        if match := _PLACE.fullmatch(name):
            side, block, kind, index, _ = match.groups()
            if kind == "resnets":
                key = (side, int(block))
                layers[key] = max(layers.get(key, 0), int(index) + 1)
    attentive = {".".join(name.split(".", 3)[:3]) for name in names}
    found: dict[str, str] = {}
    for name in names:
        if name in _ENDS:
            found[name] = _ENDS[name]
        elif match := _PLACE.fullmatch(name):
            found[name] = _block(layers, attentive, *match.groups())
        elif match := _MIDDLE.fullmatch(name):
            kind, index, rest = match.groups()
            # resnet, attention, resnet stand in one list
            place = 2 * int(index) + (kind == "attentions")
            found[name] = _joined(f"middle_block.{place}", kind, rest)
    return found


def _block(
    layers: dict[tuple[str, int], int],
    attentive: set[str],
    side: str,
    block: str,
    kind: str,
    index: str,
    rest: str | None,
) -> str:
    # Down: the first convolution is block 0; each level has its layers and then its down-sampler.
    # Up: each level has its layers, and its up-sampler stands behind the last of them.
    before = sum(layers.get((side, level), 0) for level in range(int(block)))
    own = layers.get((side, int(block)), 0)
    if side == "down_blocks":
        first = 1 + before + int(block)
        if kind == "downsamplers":
            return f"input_blocks.{first + own}.0.op"
        return _joined(f"input_blocks.{first + int(index)}.{_slot(kind)}", kind, rest)
    if kind == "upsamplers":
        place = 2 if f"{side}.{block}.attentions" in attentive else 1
        return f"output_blocks.{before + own - 1}.{place}.conv"
    return _joined(f"output_blocks.{before + int(index)}.{_slot(kind)}", kind, rest)


def _slot(kind: str) -> int:
    return 1 if kind == "attentions" else 0


def _joined(place: str, kind: str, rest: str | None) -> str:
    if rest is None:
        return place
    return f"{place}.{_IN_RESNET.get(rest, rest) if kind == 'resnets' else rest}"
