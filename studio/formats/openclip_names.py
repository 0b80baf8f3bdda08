"""Names of a CLIP text encoder's parameters in OpenCLIP's code (SD 2.x, SDXL's second) ⇄ transformers'.

Owns: both directions. Refuses to know: tensors (`single_file_layout` moves those), models, files.
Source: mlfoundations/open_clip.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from studio.formats.ldm_names import replaced, with_text_model

_OPENCLIP = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "attn.out_proj": "self_attn.out_proj",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}
_OPENCLIP_WHOLE = {
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "ln_final.weight": "text_model.final_layer_norm.weight",
    "ln_final.bias": "text_model.final_layer_norm.bias",
}
_FUSED = ("q_proj", "k_proj", "v_proj")


class OpenClipName(NamedTuple):
    """Where a CLIP parameter is in OpenCLIP's text encoder.

    `third` is 0, 1, 2 for the q, k, v part of a fused matrix; `transposed` when [in, out] there.
    """

    name: str
    third: Literal[0, 1, 2] | None = None
    transposed: bool = False


def clip_to_openclip(name: str) -> OpenClipName | None:
    """A transformers CLIP text parameter in OpenCLIP's naming (SD 2.x, SDXL's second encoder)."""
    if name == "text_projection.weight":
        return OpenClipName("text_projection", transposed=True)
    name = with_text_model(name)
    for theirs, ours in _OPENCLIP_WHOLE.items():
        if name == ours:
            return OpenClipName(theirs)
    head, _, rest = name.removeprefix("text_model.encoder.layers.").partition(".")
    if not head.isdecimal() or not rest:
        return None
    block = f"transformer.resblocks.{head}"
    for number, projection in enumerate(_FUSED):
        if rest.startswith(f"self_attn.{projection}."):
            kind = rest.rpartition(".")[2]
            third: Any = number
            return OpenClipName(f"{block}.attn.in_proj_{kind}", third)
    found = replaced(rest, {ours: theirs for theirs, ours in _OPENCLIP.items()})
    return OpenClipName(f"{block}.{found}") if found else None


def openclip_to_clip(name: str) -> list[str]:
    """The CLIP parameters an OpenCLIP parameter holds: three (q, k, v) for a fused one, else one.

    Empty for names that CLIP's text encoder does not have (`logit_scale`, the image tower, …).
    """
    if name in ("text_projection", "text_projection.weight"):
        return ["text_projection.weight"]
    if name in _OPENCLIP_WHOLE:
        return [_OPENCLIP_WHOLE[name]]
    if not name.startswith("transformer.resblocks."):
        return []
    head, _, rest = name.removeprefix("transformer.resblocks.").partition(".")
    layer = f"text_model.encoder.layers.{head}"
    if rest in ("attn.in_proj_weight", "attn.in_proj_bias"):
        return [f"{layer}.self_attn.{part}.{rest.rpartition('_')[2]}" for part in _FUSED]
    found = replaced(rest, _OPENCLIP)
    return [f"{layer}.{found}"] if found and head.isdecimal() else []
