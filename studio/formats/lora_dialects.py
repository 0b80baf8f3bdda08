"""How programs spell a tensor of a LoRA-like file: one row per ending, one per beginning; torch-free.

Owns: the endings (which part of a module), the beginnings (which component), and the names of PEFT's
kinds that the studio does not read. Refuses to know: modules, kinds, tensor values.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from studio.architectures import ARCHITECTURES

Component = str
"""`unet` for any denoiser, as kohya and ComfyUI call them all; `text_encoder`, `text_encoder_2`, …"""
Spelling = Literal["kohya", "dotted", "index"]
Dialect = Literal["kohya", "lycoris", "peft", "diffusers", "cloneofsimo"]


class Spelled(NamedTuple):
    """A tensor's name, taken apart. `shared` parts belong to every module of the file."""

    component: Component
    module: str
    spelling: Spelling
    part: str
    dialect: Dialect
    shared: bool = False


# Ending of a tensor's name → (neutral part, whose ending it is).
_ENDINGS: dict[str, tuple[str, Dialect]] = {
    ".lora_down.weight": ("down", "kohya"),
    ".lora_up.weight": ("up", "kohya"),
    ".lora_mid.weight": ("mid", "kohya"),
    ".lora_A.weight": ("down", "peft"),
    ".lora_B.weight": ("up", "peft"),
    ".lora_A": ("down", "peft"),  # AdaLoRA
    ".lora_B": ("up", "peft"),
    ".lora_E": ("values", "peft"),
    ".lora_magnitude_vector": ("magnitude", "peft"),
    ".lora_magnitude_vector.weight": ("magnitude", "peft"),
    ".oft_R.weight": ("oft_R", "peft"),
    ".ia3_l": ("ia3_l", "peft"),
    ".boft_R": ("boft_R", "peft"),
    ".boft_s": ("boft_s", "peft"),
    ".hra_u": ("hra_u", "peft"),
    ".vera_lambda_b": ("vera_lambda_b", "peft"),
    ".vera_lambda_d": ("vera_lambda_d", "peft"),
    "_lora.down.weight": ("down", "diffusers"),
    "_lora.up.weight": ("up", "diffusers"),
    ".lora.down.weight": ("down", "diffusers"),
    ".lora.up.weight": ("up", "diffusers"),
    ".lora_linear_layer.down.weight": ("down", "diffusers"),
    ".lora_linear_layer.up.weight": ("up", "diffusers"),
    # A bias of either factor, in every spelling of the factors.
    ".lora_down.bias": ("down_bias", "kohya"),
    ".lora_up.bias": ("up_bias", "kohya"),
    ".lora_A.bias": ("down_bias", "peft"),
    ".lora_B.bias": ("up_bias", "peft"),
    "_lora.down.bias": ("down_bias", "diffusers"),
    "_lora.up.bias": ("up_bias", "diffusers"),
    ".lora.down.bias": ("down_bias", "diffusers"),
    ".lora.up.bias": ("up_bias", "diffusers"),
    ".lora_linear_layer.down.bias": ("down_bias", "diffusers"),
    ".lora_linear_layer.up.bias": ("up_bias", "diffusers"),
    **{
        f".{part}": (part, "lycoris")
        for part in (
            "hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "hada_t1", "hada_t2",
            "lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t2",
            "oft_blocks", "oft_diag", "rescale", "diff", "diff_b", "w_norm", "b_norm", "on_input",
        )
    },
    ".a1.weight": ("a1", "lycoris"),
    ".a2.weight": ("a2", "lycoris"),
    ".b1.weight": ("b1", "lycoris"),
    ".b2.weight": ("b2", "lycoris"),
    ".bm.weight": ("bm", "lycoris"),
    # These belong to whatever else their module has.
    ".alpha": ("alpha", "kohya"),
    "_lora.alpha": ("alpha", "diffusers"),
    ".lora.alpha": ("alpha", "diffusers"),
    ".lora_linear_layer.alpha": ("alpha", "diffusers"),
    ".dora_scale": ("dora_scale", "kohya"),
    ".weight": ("weight", "lycoris"),
}  # fmt: skip
_KOHYA: tuple[Dialect, ...] = ("kohya", "lycoris")  # LyCORIS' parts lie in kohya's files
_KEY = re.compile(
    "(.+?)(" + "|".join(re.escape(e) for e in sorted(_ENDINGS, key=len, reverse=True)) + ")"
)
# PEFT keeps its own adapter's name in the key when a state dict is saved without its help.
_ADAPTER_NAME = re.compile(
    r"(\.(?:lora_(?:[ABE]|magnitude_vector)|oft_R|boft_[Rs]|ia3_l|hra_u|vera_lambda_[bd]"
    r"|hada_(?:w[12]_[ab]|t[12])|lokr_(?:w[12](?:_[ab])?|t2)))"
    r"\.(?!weight$|bias$)[\w-]+(?=\.weight$|\.bias$|$)"
)
# torch.compile and training on several GPUs wrap a model, and leave their level in its names.
_WRAPPED = re.compile(r"(?<![^.])(?:_orig_mod|module)\.|(?<=_unet_)_orig_mod_")
_SHARED = re.compile(r"(?:.*\.)?(vera_[AB])(?:\.(?!weight$)[\w-]+)?")
_SLOT = re.compile(r"(unet|text_encoder):(\d{1,5}):(up|down)")

_UNDERSCORED_COMPONENTS: dict[str, Component] = {"unet": "unet"} | {
    spelling: name
    for row in ARCHITECTURES.values()
    for name, encoder in zip(row.text_names, row.text_encoders, strict=True)
    for spelling in encoder.spellings
}
# kohya's networks name themselves in front: LoRA, LyCORIS, OFT.
_UNDERSCORED = re.compile(
    f"(?:lora|lycoris|oft)_({'|'.join(sorted(_UNDERSCORED_COMPONENTS, key=len, reverse=True))})"
    r"_([^.]+)"
)
_LYCORIS = re.compile(r"lycoris_([^.]+)")
# Beginnings of dotted names → (component, what stays of the beginning), in the order of trying.
_DOTTED: tuple[tuple[str, Component, str], ...] = (
    *(  # ComfyUI, and OneTrainer's files for it; OneTrainer's own are without the outer levels
        (f"{outer}{name}.{inner}", _UNDERSCORED_COMPONENTS[name], "")
        for outer in ("text_encoders.", "")
        for name in ("clip_l", "clip_h", "clip_g")
        for inner in ("transformer.", "")
    ),
    ("text_encoder_2.", "text_encoder_2", ""),
    ("text_encoder.", "text_encoder", ""),
    ("te1.", "text_encoder", ""),
    ("te2.", "text_encoder_2", ""),
    ("te.", "text_encoder", ""),
    *((f"{row.denoiser.name}.", "unet", "") for row in ARCHITECTURES.values()),
    ("model.diffusion_model.", "unet", ""),
    ("diffusion_model.", "unet", ""),
    ("model.", "unet", ""),
    *(
        (start, "unet", start)
        for row in ARCHITECTURES.values()
        for start in row.denoiser.starts
    ),
    ("text_model.", "text_encoder", "text_model."),
    ("encoder.layers.", "text_encoder", "encoder.layers."),
)  # fmt: skip
_OLD_TEXT_NAMES = {"to_q": "q_proj", "to_k": "k_proj", "to_v": "v_proj", "to_out": "out_proj"}

# Beginning of a level of a tensor's name → PEFT's kind, for those that cannot be read here.
_UNSUPPORTED: dict[str, str] = {
    "adamss_": "AdaMSS", "beft_": "BEFT", "bone_": "Bone", "c3a_": "C³A", "cartridge": "Cartridge",
    "deft_": "DEFT", "delora_": "DeLoRA", "fourierft_": "FourierFT", "frod_": "FRoD",
    "glora_": "PEFT's GLoRA", "gralora_": "GraLoRA", "hira_": "HiRA", "lily_": "Lily",
    "ln_tuning_": "LayerNorm tuning", "miss_": "MiSS", "osf_": "OSF", "peanut_": "PEANuT",
    "poly_": "Poly", "prompt_embeddings": "prompt tuning", "prompt_encoder": "prompt tuning",
    "adaption_prompt": "adaption prompt", "psoft_": "PSOFT", "pvera_": "PVeRA",
    "randlora_": "RandLoRA", "road_": "RoAd", "shadow_": "Shadow", "shira_": "SHiRA",
    "supertuning_": "SuperTuning", "tinylora_": "TinyLoRA",
    "trainable_tokens_": "trainable tokens", "unilora_": "UniLoRA", "vblora_": "VB-LoRA",
    "waveft_": "WaveFT", "internal_xlora_": "X-LoRA", "oft_r": "an early OFT of PEFT",
    "lora_embedding_": "LoRA of an embedding layer", "oft_embedding_": "OFT of an embedding layer",
    "vera_lambda_": "VeRA without its shared projections (`save_projection=False`)",
}  # fmt: skip


# Where a network's own names certainly begin, whatever stands before them.
_INNER = re.compile(
    r"(?<=\w)\.(?=(?:unet|text_encoder(?:_2)?|down_blocks|up_blocks|mid_block)\.|lora_(?:unet|te[12]?)_)"
)


def parse(name: str) -> Spelled | None:
    """A tensor's name taken apart, or None when no row knows it."""
    if slot := _SLOT.fullmatch(name):
        component = _UNDERSCORED_COMPONENTS[slot[1]]
        return Spelled(component, str(int(slot[2])), "index", slot[3], "cloneofsimo")
    if shared := _SHARED.fullmatch(name):
        return Spelled("unet", "", "dotted", shared[1], "peft", shared=True)
    if not (found := _KEY.fullmatch(_ADAPTER_NAME.sub(r"\1", name))):
        return None
    prefix, (part, dialect) = _WRAPPED.sub("", found[1]), _ENDINGS[found[2]]
    if kohya := _UNDERSCORED.fullmatch(prefix):
        return Spelled(_UNDERSCORED_COMPONENTS[kohya[1]], kohya[2], "kohya", part, dialect)
    if lycoris := _LYCORIS.fullmatch(prefix):
        text = lycoris[1].startswith(("text_model_", "encoder_layers_"))
        return Spelled("text_encoder" if text else "unet", lycoris[1], "kohya", part, dialect)
    if part == "weight" or (place := dotted(prefix)) is None:
        return None
    if "base_model.model." in prefix:
        dialect = "peft"
    return Spelled(*place, "dotted", part, dialect)


def dotted(prefix: str) -> tuple[Component, str] | None:
    """Component and module that a dotted path means, or None when it begins like neither."""
    prefix = prefix.replace("base_model.model.", "", 1)
    for start, component, kept in _DOTTED:
        if prefix.startswith(start) and len(prefix) > len(start):
            return component, _today(kept + prefix[len(start) :], component)
    return None


def level(name: str) -> str:
    """What stands before a name that is known from there on (“net.” in “net.unet.down_blocks…”): the
    wrapper that a program saved its network in. Empty where nothing is known, or nothing stands before.
    """
    found = _INNER.search(name)
    return name[: found.end()] if found and parse(name[found.end() :]) is not None else ""


def ending(part: str) -> str | None:
    """What ends the name of a part in kohya's files; None for a part that they have no name for."""
    own = (
        text for text, (named, dialect) in _ENDINGS.items() if named == part and dialect in _KOHYA
    )
    return next(own, None)


def unsupported_kind(name: str) -> str | None:
    """PEFT's kind that a tensor's name belongs to, when it is one that the studio does not read."""
    levels = name.split(".")
    for level in levels:
        for start, title in _UNSUPPORTED.items():
            # a single level may be anybody's word: an embedding's token is its tensor's name
            beginning = start.endswith("_") and len(levels) > 1
            if level == start or (beginning and level.startswith(start)):
                return title
    return None


def is_adapter_part(name: str) -> bool:
    """Whether a tensor's name ends as an adapter's parts do, whatever model it begins with."""
    found = _KEY.fullmatch(_ADAPTER_NAME.sub(r"\1", name))
    return found is not None and _ENDINGS[found[2]][0] not in ("weight", "alpha", "diff")


def component_hint(name: str) -> Component:
    """Which component a tensor lies in whose name could not be taken apart, as far as it shows."""
    plain = name.lower().replace(".", "_")
    if re.search(r"text_encoder_2|_te2_|clip_g", plain):
        return "text_encoder_2"
    if re.search(r"text_|(?:^|_)te1?_|clip_|t5xxl|encoder_layers", plain):
        return "text_encoder"
    return "unet"


def _today(name: str, component: Component) -> str:
    """Old diffusers files hung the LoRA on attention processors and used the UNet's words in CLIP."""
    name = name.replace(".processor.", ".")
    if component == "unet":
        return name + ".0" if name.endswith(".to_out") else name
    head, _, last = name.rpartition(".")
    return f"{head}.{_OLD_TEXT_NAMES[last]}" if last in _OLD_TEXT_NAMES else name
