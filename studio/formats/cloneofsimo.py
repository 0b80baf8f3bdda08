"""Which module is meant by slot `i` of a positional LoRA file.

Owns: the slot order of cloneofsimo's files (`unet:<i>:up`, and `.pt` lists before that), which
count modules in the order in which the UNet of 2022 listed them.
Refuses to know: tensors, and how many levels the loaded base has (its layout is an argument).

Per transformer block: attn1 q, k, v, out; the feed-forward's GEGLU projection; attn2 q, k, v, out.
Blocks: down, then up, and the middle last. Checked by shapes on a published SD 1.x file.
"""

from __future__ import annotations

from collections.abc import Sequence

_ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
# The registration order in CLIP's attention.
_CLIP_ATTENTION = ("k_proj", "v_proj", "q_proj", "out_proj")

# SD 1.x: attentions per block (0 = a block without attention).
SD1_DOWN = (2, 2, 2, 0)
SD1_UP = (0, 3, 3, 3)


def unet_slots(
    down: Sequence[int] = SD1_DOWN,
    up: Sequence[int] = SD1_UP,
    *,
    middle: int = 1,
    geglu: bool = True,
) -> list[str]:
    """Dotted module names in slot order for a UNet with these attentions per block.

    SD 1.x gives 144 names. `geglu` is False for files trained without the feed-forward
    (their metadata `unet` does not list GEGLU): 128 names.
    """
    places = [f"down_blocks.{i}.attentions.{j}" for i, n in enumerate(down) for j in range(n)]
    places += [f"up_blocks.{i}.attentions.{j}" for i, n in enumerate(up) for j in range(n)]
    places += [f"mid_block.attentions.{j}" for j in range(middle)]
    names: list[str] = []
    for place in places:
        block = f"{place}.transformer_blocks.0"
        names += [f"{block}.attn1.{part}" for part in _ATTENTION]
        names += [f"{block}.ff.net.0.proj"] if geglu else []
        names += [f"{block}.attn2.{part}" for part in _ATTENTION]
    return names


def text_encoder_slots(layers: int = 12) -> list[str]:
    """Dotted module names in slot order for a CLIP text encoder: 48 names for twelve layers."""
    return [
        f"text_model.encoder.layers.{layer}.self_attn.{part}"
        for layer in range(layers)
        for part in _CLIP_ATTENTION
    ]
