"""LoRA-like adapter files of every dialect, read into one neutral record.

Owns: which file holds what (safetensors, `.bin`, cloneofsimo's `.pt` trio), alphas and ranks.
Refuses to know: which module of a base a name means (that is `studio.adapters`), strengths,
writing (`lora_write`).

A file never fails as a whole because one tensor is strange: what cannot be used is listed in
`leftovers` and `problems`, so that the page can say it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.core.counts import counted
from studio.core.errors import FileError
from studio.core.names import printable
from studio.formats import lora_algebra, peft_config, pickles, safetensors_file
from studio.formats.lora_dialects import Component, Dialect
from studio.formats.lora_keys import ModuleKeys, refuse_unsupported, sort_keys
from studio.formats.lora_module import LoraModule
from studio.formats.peft_config import PeftConfig
from studio.formats.sniff import Content, sniff

if TYPE_CHECKING:
    import torch

__all__ = ["LoraFile", "LoraModule", "from_tensors", "read"]

_FLAGS = ("on_input",)  # parts that are a yes or no


@dataclass
class LoraFile:
    """A whole file. `embeddings`: token → encoder slot → [n, width], bundled in the file."""

    path: Path
    dialect: Dialect
    modules: dict[str, LoraModule]
    embeddings: dict[str, dict[str, torch.Tensor]] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    leftovers: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def rank(self) -> int | None:
        """The rank most modules have."""
        rank: int | None = _most_common(module.rank for module in self.modules.values())
        return rank

    @property
    def alpha(self) -> float | None:
        """The alpha most modules have; None when the file has none (factor 1)."""
        alpha: float | None = _most_common(module.alpha for module in self.modules.values())
        return alpha


def read(path: str | Path, content: Content | None = None) -> LoraFile:
    """Reads a LoRA-like file of any dialect; FileError when there is no adapter in it.

    `content` is what `sniff` said of it, where it was asked already.
    """
    path = Path(path)
    if (content or sniff(path)) == "safetensors":
        tensors, metadata = safetensors_file.read_tensors(path)
        return from_tensors(path, tensors, metadata)
    value = pickles.read_pt(path)
    if isinstance(value, list):
        return _read_trio(path, value)
    if isinstance(value, dict) and isinstance(value.get("state_dict"), dict):
        value = value["state_dict"]
    return from_tensors(path, _only_tensors(value), {})


def from_tensors(
    path: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]
) -> LoraFile:
    """Builds the record from named tensors; `path` is for messages and PEFT's config beside it."""
    found = sort_keys(tensors, metadata)
    refuse_unsupported(found, path)
    file = LoraFile(path, found.dialect or "kohya", {}, metadata=dict(metadata))
    config = PeftConfig()
    if any(entry.spelling == "dotted" for entry in found.modules.values()):
        config = peft_config.read(path, metadata)
    file.problems += found.not_understood() + list(config.problems)
    file.problems += found.drop_broken({name: tuple(t.shape) for name, t in tensors.items()})
    default = _folder_component(path)
    for key, entry in found.modules.items():
        if default and entry.component == "text_encoder":
            entry.component = default
        file.modules[key] = _module(entry, tensors, config)
    _refuse_whole_numbers(file)
    odd = {
        key: module.alpha
        for key, module in file.modules.items()
        if module.alpha is not None and not math.isfinite(module.alpha)
    }
    file.problems += found.drop_not_finite(odd)
    file.modules = {m.key: m for key, m in file.modules.items() if key not in odd}
    file.leftovers = sorted(set(found.leftovers))
    for token, encoders in found.embeddings.items():
        file.embeddings[token] = {
            encoder: _rows(tensors[name]) for encoder, name in encoders.items()
        }
    if not file.modules:
        raise FileError(
            "This file has no adapter in it that the studio knows",
            where=path,
            why=" ".join(file.problems[-1:] if odd else []) or _sample(file.leftovers),
            remedy="Check that it is a LoRA or LyCORIS file for Stable Diffusion.",
        )
    file.problems += _nonfinite(tensors)
    return file


def _module(
    entry: ModuleKeys, tensors: Mapping[str, torch.Tensor], config: PeftConfig
) -> LoraModule:
    kind = entry.kind
    assert kind is not None, "sort_keys lists incomplete modules as leftovers"
    parts = {part: tensors[name] for part, name in entry.parts.items()}
    kind = lora_algebra.kind_by_shape(kind, {part: tuple(t.shape) for part, t in parts.items()})
    alpha = parts.pop("alpha", None)
    value = float(alpha.flatten()[0]) if alpha is not None and alpha.numel() else None
    module = LoraModule(entry.component, entry.name, entry.spelling, kind, parts, value)
    if entry.spelling == "dotted" and config.values:
        _configure(module, config)
    return module


def _refuse_whole_numbers(file: LoraFile) -> None:
    for key, module in file.modules.items():
        factors = [tensor for part, tensor in module.tensors.items() if part not in _FLAGS]
        if not all(tensor.is_floating_point() for tensor in factors):
            raise FileError(
                "This file holds whole numbers, and not what they stand for",
                where=file.path,
                why=f"Its module “{printable(key)[:120]}” was packed without the scale to unpack it.",
                remedy="Get the file in fp16, bf16 or fp32.",
            )


def _configure(module: LoraModule, config: PeftConfig) -> None:
    """Takes over what PEFT's settings state about a module, as far as the file itself does not."""
    place = module.component, module.name
    module.settings = config.switches(*place)
    scaled = lora_algebra.algebra(module.kind).scaled
    if scaled and module.alpha is None:
        if (rank := config.rank(*place)) is not None and module.rank is None:
            module.settings["r"] = rank
        module.alpha = config.alpha(*place)
        if module.alpha is not None and config.rank_stabilized(module.component):
            module.alpha *= math.sqrt(module.rank or 1)


def _read_trio(path: Path, value: list[Any]) -> LoraFile:
    """cloneofsimo's `.pt`: [up0, down0, up1, …] for the UNet; two more files may lie beside it."""
    file = LoraFile(path, "cloneofsimo", {})
    component: Component = "unet"
    if path.stem.endswith(".text_encoder"):
        component = "text_encoder"
    _add_slots(file, component, value)
    if component == "unet":
        stem = path.name.removesuffix(path.suffix)
        beside = path.with_name(f"{stem}.text_encoder{path.suffix}")
        if beside.is_file():
            slots = pickles.read_pt(beside)
            _add_slots(file, "text_encoder", slots if isinstance(slots, list) else [])
        tokens = path.with_name(f"{stem}.ti{path.suffix}")
        if tokens.is_file():
            for name, tensor in _only_tensors(pickles.read_pt(tokens)).items():
                file.embeddings[name] = {"text_encoder": _rows(tensor)}
    return file


def _add_slots(file: LoraFile, component: Component, value: list[Any]) -> None:
    import torch

    pairs = list(zip(value[::2], value[1::2], strict=False))
    good = all(isinstance(t, torch.Tensor) and t.dim() in (2, 4) for t in value)
    if not pairs or len(value) % 2 or not good:
        raise FileError(
            "This list of tensors is not a LoRA",
            where=file.path,
            why="A positional LoRA alternates up and down matrices.",
        )
    for slot, (up, down) in enumerate(pairs):
        module = LoraModule(component, str(slot), "index", "lora", {"up": up, "down": down})
        file.modules[module.key] = module


def _only_tensors(value: Any) -> dict[str, torch.Tensor]:
    import torch

    if not isinstance(value, dict):
        return {}
    return {
        key: tensor
        for key, tensor in value.items()
        if isinstance(key, str) and isinstance(tensor, torch.Tensor)
    }


def _rows(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.reshape(1, -1) if tensor.dim() < 2 else tensor.flatten(0, -2)


def _folder_component(path: Path) -> Component | None:
    """A PEFT folder called text_encoder_2 tells which encoder its keys mean."""
    return "text_encoder_2" if path.parent.name == "text_encoder_2" else None


def _most_common(values: Iterable[Any]) -> Any:
    counts = Counter(value for value in values if value is not None)
    return max(counts, key=lambda value: (counts[value], value)) if counts else None


def _sample(names: list[str]) -> str:
    shown = ", ".join(f"“{name[:60]}”" for name in names[:3])
    return f"Its tensors are called {shown}, …" if names else "It holds no tensors."


def _nonfinite(tensors: Mapping[str, torch.Tensor]) -> list[str]:
    bad = [
        name
        for name, tensor in tensors.items()
        if tensor.is_floating_point() and not bool(tensor.float().isfinite().all())
    ]
    hold = counted(len(bad), "tensor holds", "tensors hold")
    return [f"{hold} NaN or infinity, first “{bad[0][:80]}”."] if bad else []
