"""The settings a finished file was trained with, read back from its metadata.

Owns: which metadata key is which setting (dotted, as in a run's configuration), for the studio's
own files and for those of kohya's scripts. Refuses to know: which settings and values are valid
(`studio.library.presets` tries them), bases and datasets.

Key names: kohya-ss/sd-scripts, train_network.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from studio.architectures.record import is_text_encoder
from studio.core.text import parse_json
from studio.formats.lora_keys import sort_keys

OPTIMIZERS = {
    "adamw8bit": "adamw-8bit",
    "pagedadamw8bit": "adamw-8bit",
    "lion8bit": "lion-8bit",
    "pagedlion8bit": "lion-8bit",
}
SCHEDULES = {"constant_with_warmup": "constant", "cosine_with_restarts": "cosine-restarts"}
# What the network's own arguments are called here; those of other networks are named as left out.
_ARGUMENTS = {
    "conv_dim": "options.conv_rank",
    "conv_rank": "options.conv_rank",
    "conv_alpha": "options.conv_alpha",
    "dropout": "options.dropout",
    "dora_wd": "options.dora",
}
_LOW_RANK = ("lora", "locon")


@dataclass
class Recipe:
    """Dotted setting → value as the file states it, and what could not be taken over."""

    values: dict[str, Any] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def own(metadata: Mapping[str, str]) -> dict[str, Any] | None:
    """The nested settings that the studio wrote, or None when it wrote none that can be read."""
    try:
        values = parse_json(metadata.get("studio.config", "null"))
    except ValueError:
        return None
    return values if isinstance(values, dict) else None


def of_kohya(metadata: Mapping[str, str], names: list[str]) -> Recipe | None:
    """The settings in `ss_*` keys of a LoRA; `names` are its tensors. None for any other file."""
    modules = sort_keys(names, metadata).modules
    if not metadata.get("ss_network_module") or not modules:
        return None
    recipe = Recipe({"method": "lora"})
    for key, (setting, read) in _KEYS.items():
        text = metadata.get(f"ss_{key}", "")
        if text in ("", "None"):
            continue
        try:
            value = read(text)
        except (ValueError, TypeError, IndexError):
            recipe.left_out.append(f"{key} is “{text[:60]}”")
            continue
        if value is not None:
            recipe.values[setting] = value
    _network(metadata, recipe)
    recipe.values["options.text_encoder"] = any(
        is_text_encoder(entry.component) for entry in modules.values()
    )
    recipe.values["options.target"] = _target([entry.name for entry in modules.values()])
    if recipe.values.get("options.target") != "attention + MLP + conv":
        recipe.values.pop("options.conv_rank", None)
        recipe.values.pop("options.conv_alpha", None)
    if "train.learning_rate" not in recipe.values and "ss_learning_rate" in metadata:
        recipe.values["train.learning_rate"] = _positive(metadata["ss_learning_rate"])
    if not recipe.values.get("options.text_encoder"):
        recipe.values.pop("train.text_learning_rate", None)
    return recipe


def _network(metadata: Mapping[str, str], recipe: Recipe) -> None:
    """The network's kind and its arguments."""
    try:
        arguments = parse_json(metadata.get("ss_network_args") or "{}")
    except ValueError:
        arguments = {}
    if not isinstance(arguments, dict):
        return
    kind = str(arguments.pop("algo", "lora")).lower()
    if kind not in _LOW_RANK:
        recipe.left_out.append(f"the network is {kind}, which the studio reads but does not train")
    arguments.pop("wd_on_output", None)
    for name, value in arguments.items():
        setting = _ARGUMENTS.get(name)
        if setting is None:
            recipe.left_out.append(f"network argument {name} = {str(value)[:40]}")
        elif setting == "options.dora":
            recipe.values[setting] = str(value).lower() == "true"
        else:
            number = float(value)
            recipe.values[setting] = int(number) if setting.endswith("rank") else number


def _target(names: list[str]) -> str:
    """The layers that modules of these names (any spelling) make up."""
    plain = [name.replace(".", "_") for name in names]
    if any(
        re.search(r"(_resnets_|_(down|up)samplers_|_in_layers_|_out_layers_)", n) for n in plain
    ):
        return "attention + MLP + conv"
    if any(re.search(r"(_ff_net_|_mlp_fc|_proj_in$|_proj_out$)", name) for name in plain):
        return "attention + MLP"
    return "attention"


def _positive(text: str) -> float | None:
    number = float(text)
    return number if number > 0 else None


def _whole(text: str) -> int:
    return int(float(text))


def _base(text: str) -> str:
    """A model's file name without folder and ending."""
    name = PurePosixPath(text.replace("\\", "/")).name
    return re.sub(r"\.(safetensors|ckpt|pt|bin)$", "", name)


def _optimizer(text: str) -> str:
    """The class name alone: kohya writes module, class and arguments."""
    name = text.partition("(")[0].rpartition(".")[2].strip().lower()
    return OPTIMIZERS.get(name, name)


def _schedule(text: str) -> str:
    return SCHEDULES.get(text, text)


def _side(text: str) -> int:
    """The resolution's side, from “512” or “(512, 512)”."""
    sides = [int(part) for part in re.findall(r"\d+", text)]
    return round((sides[0] * sides[-1]) ** 0.5)


_KEYS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "output_name": ("name", str),
    "sd_model_name": ("base", _base),
    "seed": ("seed", _whole),
    "network_dim": ("options.rank", _whole),
    "network_alpha": ("options.alpha", float),
    "unet_lr": ("train.learning_rate", _positive),
    "text_encoder_lr": ("train.text_learning_rate", _positive),
    "optimizer": ("train.optimizer", _optimizer),
    "lr_scheduler": ("train.schedule", _schedule),
    "lr_warmup_steps": ("train.warmup_steps", _whole),
    "max_train_steps": ("train.steps", _whole),
    "batch_size_per_device": ("train.batch_size", _whole),
    "gradient_accumulation_steps": ("train.gradient_accumulation", _whole),
    "gradient_checkpointing": ("train.gradient_checkpointing", lambda text: text == "True"),
    "max_grad_norm": ("train.clip_gradient_norm", float),
    "mixed_precision": ("precision", lambda text: None if text == "no" else text),
    "min_snr_gamma": ("loss.min_snr_gamma", float),
    "noise_offset": ("loss.noise_offset", float),
    "ip_noise_gamma": ("loss.input_perturbation", float),
    "zero_terminal_snr": ("loss.zero_terminal_snr", lambda text: text == "True"),
    "debiased_estimation": (
        "loss.weighting",
        lambda text: "debiased" if text == "True" else None,
    ),
    "loss_type": ("loss.type", lambda text: text.replace("_", "-")),
    "resolution": ("data.resolution", _side),
    "caption_dropout_rate": ("data.caption_dropout", float),
    "caption_tag_dropout_rate": ("data.tag_dropout", float),
}
