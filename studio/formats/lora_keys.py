"""Tensor names of LoRA-like files, sorted into modules; torch-free.

Owns: every spelling of a LoRA key (kohya, LyCORIS, PEFT, diffusers old and new, cloneofsimo,
bundled embeddings) and the neutral part names they map to.
Refuses to know: tensor values, and whether a base has the module that a key names.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Component = Literal["unet", "text_encoder", "text_encoder_2"]
Spelling = Literal["kohya", "dotted", "index"]
Kind = Literal["lora", "loha", "lokr", "glora", "ia3", "oft", "boft", "diff", "norm"]
Dialect = Literal["kohya", "lycoris", "peft", "diffusers", "cloneofsimo"]

# Ending of a tensor's name → (neutral part, whose ending it is).
_ENDINGS: dict[str, tuple[str, Dialect]] = {
    ".lora_down.weight": ("down", "kohya"),
    ".lora_up.weight": ("up", "kohya"),
    ".lora_mid.weight": ("mid", "kohya"),
    ".lora_A.weight": ("down", "peft"),
    ".lora_B.weight": ("up", "peft"),
    ".lora_B.bias": ("up_bias", "peft"),
    ".lora_magnitude_vector": ("magnitude", "peft"),
    ".lora_magnitude_vector.weight": ("magnitude", "peft"),
    "_lora.down.weight": ("down", "diffusers"),
    "_lora.up.weight": ("up", "diffusers"),
    ".lora.down.weight": ("down", "diffusers"),
    ".lora.up.weight": ("up", "diffusers"),
    ".lora_linear_layer.down.weight": ("down", "diffusers"),
    ".lora_linear_layer.up.weight": ("up", "diffusers"),
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
_KEY = re.compile(
    "(.+?)(" + "|".join(re.escape(e) for e in sorted(_ENDINGS, key=len, reverse=True)) + ")"
)
# PEFT keeps its own adapter's name in the key when a state dict is saved without its help.
_ADAPTER_NAME = re.compile(
    r"(\.lora_(?:A|B|magnitude_vector))\.(?!weight$|bias$)[\w-]+(?=\.weight$|\.bias$|$)"
)
_KOHYA = re.compile(r"(?:lora|lycoris)_(unet|te1|te2|te|text_encoder_2|text_encoder)_([^.]+)")
_LYCORIS = re.compile(r"lycoris_([^.]+)")
_SLOT = re.compile(r"(unet|text_encoder):(\d{1,5}):(up|down)")
_BUNDLED = re.compile(r"bundle_emb\.(.+)\.(string_to_param\..+|emb_params|clip_l|clip_g)")
_TOKEN = re.compile(r"<.+>")
_COMPONENTS: dict[str, Component] = {
    "unet": "unet",
    "te": "text_encoder",
    "te1": "text_encoder",
    "te2": "text_encoder_2",
    "text_encoder": "text_encoder",
    "text_encoder_2": "text_encoder_2",
}
_UNET_STARTS = ("down_blocks.", "mid_block.", "up_blocks.", "conv_in", "conv_out", "time_emb")
_LDM_STARTS = (
    "input_blocks.",
    "middle_block.",
    "output_blocks.",
    "time_embed.",
    "out.",
    "label_emb.",
)
_OLD_TEXT_NAMES = {"to_q": "q_proj", "to_k": "k_proj", "to_v": "v_proj", "to_out": "out_proj"}

# Parts that must be there, in the order in which kinds are tried.
_KINDS: tuple[tuple[Kind, frozenset[str]], ...] = (
    ("lora", frozenset({"up", "down"})),
    ("loha", frozenset({"hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"})),
    ("glora", frozenset({"a1", "a2", "b1", "b2"})),
    ("ia3", frozenset({"weight", "on_input"})),
    ("oft", frozenset({"oft_blocks"})),
    ("oft", frozenset({"oft_diag"})),
    ("norm", frozenset({"w_norm"})),
    ("diff", frozenset({"diff"})),
    ("diff", frozenset({"diff_b"})),
)


@dataclass
class ModuleKeys:
    """One adapted module: where it is, how that is spelled, and its tensors' names by part."""

    component: Component
    name: str
    spelling: Spelling
    parts: dict[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> Kind | None:
        """What the parts make; None when something is missing. BOFT counts as "oft" here."""
        for kind, needed in _KINDS:
            if needed <= self.parts.keys():
                return kind
        return "lokr" if self._is_lokr() else None

    def _is_lokr(self) -> bool:
        return all(
            side in self.parts or {f"{side}_a", f"{side}_b"} <= self.parts.keys()
            for side in ("lokr_w1", "lokr_w2")
        )


@dataclass
class Sorted:
    """All names of a file, sorted. `embeddings`: token name → encoder → tensor name."""

    dialect: Dialect | None
    modules: dict[str, ModuleKeys]
    embeddings: dict[str, dict[str, str]]
    leftovers: list[str]


def sort_keys(names: Iterable[str], metadata: Mapping[str, str] | None = None) -> Sorted:
    """Sorts tensor names into modules, bundled embeddings and leftovers (named as found)."""
    modules: dict[str, ModuleKeys] = {}
    embeddings: dict[str, dict[str, str]] = {}
    leftovers: list[str] = []
    dialects: Counter[Dialect] = Counter()
    for name in names:
        if bundled := _bundled(name, metadata or {}):
            token, encoder = bundled
            embeddings.setdefault(token, {})[encoder] = name
        elif parsed := _parse(name):
            component, module, spelling, part, dialect = parsed
            key = f"{component}.{module}"
            entry = modules.setdefault(key, ModuleKeys(component, module, spelling))
            if part in entry.parts:
                leftovers.append(name)
                continue
            entry.parts[part] = name
            if part not in ("alpha", "dora_scale", "weight"):
                dialects[dialect] += 1
        else:
            leftovers.append(name)
    for key in [key for key, entry in modules.items() if entry.kind is None]:
        leftovers += modules.pop(key).parts.values()
    return Sorted(_dialect(dialects) if modules else None, modules, embeddings, sorted(leftovers))


def _dialect(counts: Counter[Dialect]) -> Dialect | None:
    if counts["lycoris"]:
        return "lycoris"
    return counts.most_common(1)[0][0] if counts else None


def _bundled(name: str, metadata: Mapping[str, str]) -> tuple[str, str] | None:
    if found := _BUNDLED.fullmatch(name):
        return found[1], "text_encoder_2" if found[2] == "clip_g" else "text_encoder"
    if _TOKEN.fullmatch(name) and metadata.get(name) == "<embed>":
        return name, "text_encoder"
    return None


def _parse(name: str) -> tuple[Component, str, Spelling, str, Dialect] | None:
    if slot := _SLOT.fullmatch(name):
        return _COMPONENTS[slot[1]], str(int(slot[2])), "index", slot[3], "cloneofsimo"
    if not (found := _KEY.fullmatch(_ADAPTER_NAME.sub(r"\1", name))):
        return None
    prefix, (part, dialect) = found[1], _ENDINGS[found[2]]
    if kohya := _KOHYA.fullmatch(prefix):
        return _COMPONENTS[kohya[1]], kohya[2], "kohya", part, dialect
    if lycoris := _LYCORIS.fullmatch(prefix):
        text = lycoris[1].startswith(("text_model_", "encoder_layers_"))
        return "text_encoder" if text else "unet", lycoris[1], "kohya", part, dialect
    if part == "weight" or (place := _dotted(prefix)) is None:
        return None
    return *place, "dotted", part, dialect


def _dotted(prefix: str) -> tuple[Component, str] | None:
    prefix = prefix.removeprefix("base_model.model.")
    head, _, rest = prefix.partition(".")
    component = _COMPONENTS.get(head)
    if component is None or not rest:
        if head in ("diffusion_model", "model") and rest:
            component, rest = "unet", rest.removeprefix("diffusion_model.")
        elif prefix.startswith(_UNET_STARTS) or prefix.startswith(_LDM_STARTS):
            component, rest = "unet", prefix
        elif prefix.startswith(("text_model.", "encoder.layers.")):
            component, rest = "text_encoder", prefix
        else:
            return None
    return component, _today(rest, component)


def _today(name: str, component: Component) -> str:
    """Old diffusers files hung the LoRA on attention processors and used the UNet's words in CLIP."""
    name = name.replace(".processor.", ".")
    if component == "unet":
        return name + ".0" if name.endswith(".to_out") else name
    head, _, last = name.rpartition(".")
    return f"{head}.{_OLD_TEXT_NAMES[last]}" if last in _OLD_TEXT_NAMES else name
