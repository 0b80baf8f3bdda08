"""Writes a base with some of its parts replaced: as a diffusers folder, or as one file.

Owns: a folder's complete content, the one-file layout with the exact configuration in its header.
Refuses to know: which method changed what; how files are laid out (`formats`).

Nothing is announced half-written: a folder's `model_index.json` comes last.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from studio.architectures.record import is_text_encoder
from studio.core import atomic
from studio.core.errors import MismatchError
from studio.core.text import parse_json
from studio.families import stated_facts, vocabulary, weights
from studio.families.base import Base
from studio.formats import ldm_names, safetensors_file, single_file_layout

States = Mapping[str, Mapping[str, Tensor]]
"""Component (`unet`, `vae`, `text_encoder`, …) → parameter name → tensor."""

_BESIDE = ("clip", "captioner", "classifier.safetensors", stated_facts.FACTS, "MODEL_CARD.md")
"""What a base may carry beside its parts, and what its descendants keep."""


def save_folder(
    base: Base,
    folder: str | Path,
    states: States,
    dtype: torch.dtype,
    *,
    zero_terminal: bool = False,
) -> Path:
    """Writes a complete diffusers folder; what `states` does not name is the base's own.

    `zero_terminal`: it learned with noise that ends at zero signal, and is to be sampled so.

    A component may be given in part: only the tensors it names are replaced. Floating-point
    tensors are stored as `dtype`. Raises MismatchError for a name or shape the base does not have,
    StorageError when the disk refuses (`model_index.json` is then not there).
    """
    folder = Path(folder)
    # while it is being replaced, an older model in this place is not a whole one
    (folder / "model_index.json").unlink(missing_ok=True)
    for component, config in _configs(base, dtype).items():
        name = "model" if is_text_encoder(component) else "diffusion_pytorch_model"
        state = _state(base, component, states.get(component, {}), dtype)
        safetensors_file.write(folder / component / f"{name}.safetensors", state, {"format": "pt"})
        atomic.write_json(folder / component / "config.json", config)
    kind = base.architecture
    named = zip(kind.tokenizer_names, base.tokenizers, kind.text_encoders, strict=True)
    for name, tokenizer, encoder in named:
        vocabulary.write(tokenizer, folder / name, encoder.tokens)
    scheduler = _scheduler(base, zero_terminal)
    atomic.write_json(folder / "scheduler" / "scheduler_config.json", scheduler)
    _copy_beside(base, folder)
    return atomic.write_json(folder / "model_index.json", _index(base)).parent


def save_single(
    base: Base,
    path: str | Path,
    states: States,
    dtype: torch.dtype,
    metadata: Mapping[str, str] | None = None,
    *,
    zero_terminal: bool = False,
) -> Path:
    """Writes the original one-file layout that every Stable Diffusion program loads.

    `states`, `dtype` and `zero_terminal` as in `save_folder`. The exact configuration goes into the header under
    `studio.configs`, so that the file loads here whatever its widths are. A vocabulary that is not
    CLIP's usual one is written beside the file, as `<name>.tokenizer/`.
    """
    path = Path(path)
    single_file_layout.require(base.architecture)
    configs = _configs(base, dtype)
    parts = {name: _state(base, name, states.get(name, {}), dtype) for name in configs}
    stated = {
        "family": base.architecture.name,
        **configs,
        "scheduler": _scheduler(base, zero_terminal),
        "native_size": base.native_size,
        "pad_tokens": [str(tokenizer.pad_token) for tokenizer in base.tokenizers],
        "learning_rates": {name: list(pair) for name, pair in base.learning_rates.items()},
    }
    written = single_file_layout.write(
        path,
        parts,
        base.architecture,
        ldm_names.UNetLayout.from_config(base.denoiser.config),
        vae_blocks=len(base.vae.config.block_out_channels),
        metadata={
            "format": "pt",
            **(metadata or {}),
            single_file_layout.CONFIGS: json.dumps(stated, sort_keys=True),
        },
        markers=_markers(base, zero_terminal),
    )
    if vocabulary.is_unusual(base.tokenizers[0]) and not (path.parent / "tokenizer").is_dir():
        vocabulary.write(base.tokenizers[0], path.with_suffix(vocabulary.BESIDE))
    return written


def _state(
    base: Base, component: str, given: Mapping[str, Tensor], dtype: torch.dtype
) -> dict[str, Tensor]:
    """One part's tensors by their names in files, `given` in place of the base's own."""
    own: Any
    if component == "vae":  # always loaded in full; may have been chosen apart from the base
        own = base.vae.state_dict().items()
    else:
        own = weights.own_state(base, component)
    changed = {weights.file_name(component, name): tensor for name, tensor in given.items()}
    changed = {k: v for k, v in changed.items() if not k.endswith("position_ids")}
    state: dict[str, Tensor] = {}
    for name, tensor in own:
        new = changed.pop(name, tensor)
        if new.shape != tensor.shape:
            raise _foreign(base, component, name)
        state[name] = new.detach().to("cpu", dtype if new.is_floating_point() else new.dtype)
    if changed:
        raise _foreign(base, component, min(changed))
    return state


def _foreign(base: Base, component: str, name: str) -> MismatchError:
    return MismatchError(
        f"What was trained does not fit the base “{base.name}”",
        where=f"{component}.{name}",
        why="The base has no tensor of this name and shape.",
        safe="No file was replaced.",
    )


def _configs(base: Base, dtype: torch.dtype) -> dict[str, dict[str, Any]]:
    """Component → the configuration its class is made from, without paths of this machine."""
    found: dict[str, dict[str, Any]] = {}
    for name, module in {**base.components(), "vae": base.vae}.items():
        config: Any = module.config
        text = (config if is_text_encoder(name) else module).to_json_string()
        values = {k: v for k, v in parse_json(text).items() if k != "_name_or_path"}
        if is_text_encoder(name):
            values |= {"architectures": [type(module).__name__]}
            values["dtype"] = str(dtype).removeprefix("torch.")
        found[name] = values
    return found


def _scheduler(base: Base, zero_terminal: bool = False) -> dict[str, Any]:
    defaults = {"_class_name": base.architecture.scheduler["_class_name"]}
    stated = {**base.scheduler_config, "prediction_type": base.prediction_type}
    if zero_terminal and base.objective == "v":  # noise cannot be told from noise alone
        stated |= {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    return {**defaults, **stated}


def _markers(base: Base, zero_terminal: bool) -> list[str]:
    """What tells other programs that a model predicts v, where its family usually does not."""
    known = {variant.objective for variant in base.architecture.variants}
    if base.objective != "v" or "v" in known:
        return []
    zero = zero_terminal or base.scheduler_config.get("rescale_betas_zero_snr")
    return [single_file_layout.V_PREDICTION, *([single_file_layout.ZERO_TERMINAL] if zero else [])]


def _index(base: Base) -> dict[str, Any]:
    """`model_index.json`: which class of which library reads which part."""
    import diffusers

    kind = base.architecture
    parts = {
        name: ["transformers" if is_text_encoder(name) else "diffusers", type(module).__name__]
        for name, module in {**base.components(), "vae": base.vae}.items()
    }
    for name, encoder in zip(kind.tokenizer_names, kind.text_encoders, strict=True):
        parts[name] = ["transformers", encoder.tokenizer]
    parts["scheduler"] = ["diffusers", str(_scheduler(base)["_class_name"])]
    absent = ("feature_extractor", "image_encoder", *kind.optional_parts)
    return {
        "_class_name": kind.pipeline,
        "_diffusers_version": diffusers.__version__,
        **kind.index_facts,
        **dict(sorted({**parts, **{name: [None, None] for name in absent}}.items())),
    }


def _copy_beside(base: Base, folder: Path) -> None:
    """What is no part of the pipeline and still belongs to the model: its CLIP, captioner, facts."""
    for name in _BESIDE:
        source = base.path / name  # nothing, where the base is one file
        files = sorted(source.rglob("*")) if source.is_dir() else [source]
        for file in files:
            if file.is_file():
                atomic.copy_file(file, folder / file.relative_to(base.path))
    if not (base.path / stated_facts.FACTS).is_file():
        atomic.write_text(folder / stated_facts.FACTS, _facts(base))


def _facts(base: Base) -> str:
    lines = [f"native_size = {base.native_size}"]
    if base.learning_rates:
        lines.append("\n[learning_rates]")
        lines += [f"{json.dumps(m)} = [{a!r}, {b!r}]" for m, (a, b) in base.learning_rates.items()]
    return "\n".join(lines) + "\n"
