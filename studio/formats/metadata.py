"""What a file says about itself: kohya's `ss_*`, ModelSpec's `modelspec.*`, and both hashes.

Owns: the keys, their spelling and their text form, in both directions; pure functions.
Refuses to know: runs, settings forms, where the facts come from.

Sources: kohya-ss/sd-scripts (train_network.py), Stability-AI/ModelSpec 1.0.1. Folder names and
caption tags go in only when `publish_dataset` is set, because they tell what somebody trained on.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from studio.architectures import ARCHITECTURES, called, published
from studio.formats import safetensors_file
from studio.formats.sniff import sniff_bytes

if TYPE_CHECKING:
    import torch

LONGEST_TRIGGER = 2_000
NEGATIVE_HINT = "Write it in the negative prompt."

Product = Literal["lora", "textual-inversion", "hypernetwork", "aesthetic", "checkpoint"]


@dataclass(frozen=True)
class Facts:
    """Everything known about a finished adapter; what is None is left out of the file.

    `architecture` is a modelspec name (`architectures.Variant`), `resolution` is (width, height) in pixels, times are
    seconds since 1970, `thumbnail` an encoded PNG, JPEG or WebP.
    """

    name: str
    architecture: str
    product: Product = "lora"
    # identity
    session_id: str | None = None
    started_at: float | None = None
    finished_at: float | None = None
    comment: str | None = None
    # model
    base_name: str | None = None
    base_hash: str | None = None
    base_sha256: str | None = None
    clip_skip: int | None = None
    prediction_type: Literal["epsilon", "v"] | None = None
    # network
    network_module: str = "networks.lora"
    rank: int | None = None
    alpha: float | None = None
    network_args: Mapping[str, Any] = field(default_factory=dict)
    # optimisation
    learning_rate: float | None = None
    unet_lr: float | None = None
    text_encoder_lr: float | None = None
    optimizer: str | None = None
    lr_scheduler: str | None = None
    lr_warmup_steps: int | None = None
    max_train_steps: int | None = None
    steps: int | None = None
    epoch: int | None = None
    num_epochs: int | None = None
    batch_size: int | None = None
    total_batch_size: int | None = None
    gradient_accumulation_steps: int | None = None
    mixed_precision: str | None = None
    seed: int | None = None
    min_snr_gamma: float | None = None
    noise_offset: float | None = None
    prior_loss_weight: float | None = None
    # data
    resolution: tuple[int, int] | None = None
    num_train_images: int | None = None
    num_reg_images: int | None = None
    publish_dataset: bool = False
    dataset_dirs: Mapping[str, Any] | None = None
    tag_frequency: Mapping[str, Mapping[str, int]] | None = None
    bucket_info: Mapping[str, Any] | None = None
    # description
    title: str | None = None
    trigger: str | None = None
    description: str | None = None
    author: str | None = None
    date: str | None = None
    license: str | None = None
    usage_hint: str | None = None
    tags: tuple[str, ...] = ()
    merged_from: str | None = None
    timestep_range: tuple[int, int] | None = None
    thumbnail: bytes | None = None
    # the studio's own
    for_negative: bool = False
    """The concept is what is not wanted; it belongs into the negative prompt."""
    copied: str | None = None
    """What another file's change became in this one, and how near that comes."""
    base_weights: str | None = None
    """In how few bits the base's weights were kept while it was trained; None for all of them."""
    config: Mapping[str, Any] | None = None
    """Every setting of the run, so that it can be run again."""


_KNOWN = ("modelspec.", "ss_", "sshs_", "studio.", "sd_checkpoint", "name")
_KOHYA = (
    "session_id", "learning_rate", "unet_lr", "text_encoder_lr", "optimizer", "lr_scheduler",
    "lr_warmup_steps", "max_train_steps", "steps", "epoch", "num_epochs", "total_batch_size",
    "gradient_accumulation_steps", "mixed_precision", "seed", "min_snr_gamma", "noise_offset",
    "prior_loss_weight", "num_train_images", "num_reg_images", "clip_skip",
)  # fmt: skip
_KOHYA_RENAMED = {
    "name": "output_name",
    "started_at": "training_started_at",
    "finished_at": "training_finished_at",
    "comment": "training_comment",
    "base_name": "sd_model_name",
    "base_hash": "sd_model_hash",
    "base_sha256": "new_sd_model_hash",
    "batch_size": "batch_size_per_device",
}


def kohya(facts: Facts) -> dict[str, str]:
    """`ss_*` entries; the minimum that loaders rely on is always there."""
    row, variant = published(facts.architecture)
    entries: dict[str, Any] = {name: getattr(facts, name) for name in _KOHYA}
    entries |= {key: getattr(facts, name) for name, key in _KOHYA_RENAMED.items()}
    if facts.resolution:
        entries["resolution"] = "({}, {})".format(*facts.resolution)
    if facts.publish_dataset:
        for name in ("dataset_dirs", "tag_frequency", "bucket_info"):
            if (value := getattr(facts, name)) is not None:
                entries[name] = _json(value)
    entries = {key: value for key, value in entries.items() if value is not None}
    entries |= {
        "v2": row is not None and row.kohya_v2,
        "base_model_version": variant.kohya if variant else facts.architecture,
        "network_module": facts.network_module,
        "network_dim": facts.rank,
        "network_alpha": facts.alpha,
        "network_args": _json(facts.network_args),
    }
    return {f"ss_{key}": str(value) for key, value in entries.items()}


def modelspec(facts: Facts, tensors_sha256: str | None = None) -> dict[str, str]:
    """`modelspec.*` entries 1.0.1; `tensors_sha256` is the hash of the bytes after the header."""
    suffix = {"lora": "/lora", "textual-inversion": "/textual-inversion"}.get(facts.product, "")
    width, height = facts.resolution or (512, 512)
    entries: dict[str, Any] = {
        "sai_model_spec": "1.0.1",
        "architecture": facts.architecture + suffix,
        "implementation": "diffusers",
        "title": facts.title or facts.name,
        "resolution": f"{width}x{height}",
        "description": facts.description,
        "author": facts.author,
        "date": facts.date,
        "hash_sha256": f"0x{tensors_sha256}" if tensors_sha256 else None,
        "license": facts.license,
        "usage_hint": facts.usage_hint,
        "thumbnail": data_url(facts.thumbnail) if facts.thumbnail else None,
        "tags": ", ".join(facts.tags) or None,
        "merged_from": facts.merged_from,
        "trigger_phrase": facts.trigger,
        "prediction_type": facts.prediction_type,
        "timestep_range": ",".join(map(str, facts.timestep_range))
        if facts.timestep_range
        else None,
        "encoder_layer": facts.clip_skip,
    }
    return {f"modelspec.{key}": str(value) for key, value in entries.items() if value is not None}


def hashes(tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> dict[str, str]:
    """`sshs_model_hash` and `sshs_legacy_hash` of the file these tensors will make.

    The old hash reads bytes at 1 MiB, so it depends on the header; as kohya's scripts do, it is
    taken over a header with the `ss_*` entries only, which later edits leave alone.
    """
    fixed = {key: value for key, value in metadata.items() if key.startswith("ss_")}
    part = safetensors_file.to_bytes(tensors, fixed)[0x100000:0x110000]
    return {
        "sshs_model_hash": safetensors_file.tensors_hash(tensors),
        "sshs_legacy_hash": hashlib.sha256(part).hexdigest()[:8],
    }


def build(facts: Facts, tensors: Mapping[str, torch.Tensor]) -> dict[str, str]:
    """Everything that goes into the header of a finished file."""
    entries = kohya(facts)
    entries |= hashes(tensors, entries)
    return entries | modelspec(facts, entries["sshs_model_hash"]) | own(facts)


def own(facts: Facts) -> dict[str, str]:
    """`studio.*` entries: what no other program's keys can say."""
    entries = {}
    if facts.for_negative:
        entries["studio.for"] = "negative prompt"
    if facts.copied:
        entries["studio.copy"] = facts.copied
    if facts.base_weights:
        entries["studio.base_weights"] = facts.base_weights
    if facts.config is not None:
        entries["studio.config"] = _json(facts.config)
    return entries


def copied(metadata: Mapping[str, str]) -> str | None:
    """What a copy of another file's change says about itself, for people."""
    return metadata.get("studio.copy", "")[:300] or None


def for_negative(metadata: Mapping[str, str]) -> bool:
    """Whether the file says that its word belongs into the negative prompt."""
    return metadata.get("studio.for") == "negative prompt"


def family(metadata: Mapping[str, str]) -> str | None:
    """The architecture's name as the metadata says it, or None when it does not."""
    stated = metadata.get("modelspec.architecture", "").split("/")[0]
    version = metadata.get("ss_base_model_version", "")
    if (row := called(stated) or called(version)) is not None:
        return row.name
    v2 = metadata.get("ss_v2") == "True"
    return next((row.name for row in ARCHITECTURES.values() if v2 and row.kohya_v2), None)


def in_order(metadata: Mapping[str, str]) -> dict[str, str]:
    """The same entries, those under keys that programs agree on before all others.

    A list that is cut keeps these; some files have an entry for every image they were trained on.
    """
    return dict(sorted(metadata.items(), key=lambda entry: not entry[0].startswith(_KNOWN)))


def trigger(metadata: Mapping[str, str]) -> str | None:
    """The phrase that stands for the concept, when the file names it; no more of it than a prompt takes."""
    return metadata.get("modelspec.trigger_phrase", "")[:LONGEST_TRIGGER] or None


def names(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """What a file says it is called: kohya's output name, ModelSpec's title, A1111's name."""
    keys = ("ss_output_name", "modelspec.title", "name")
    return tuple(metadata[key][:300] for key in keys if metadata.get(key))


def trained_on(metadata: Mapping[str, str]) -> tuple[str, str] | None:
    """(name, hash) of the base a file says it was trained on, as kohya or A1111 write it."""
    for name, value in (
        ("ss_sd_model_name", "ss_sd_model_hash"),
        ("sd_checkpoint_name", "sd_checkpoint"),
    ):
        if metadata.get(name) and metadata.get(value):
            return metadata[name][:300], metadata[value][:300]
    return None


def number(metadata: Mapping[str, str], key: str) -> float | None:
    """A numeric entry, or None when it is missing, "None" or no number."""
    try:
        value = float(metadata[key])
    except (KeyError, ValueError):
        return None
    return value if abs(value) < 1e12 else None


def data_url(image: bytes) -> str:
    """An encoded image as a `data:` URL; ValueError when it is no PNG, JPEG or WebP."""
    content = sniff_bytes(image[:512])
    if content not in ("png", "jpeg", "webp"):
        raise ValueError("a thumbnail must be PNG, JPEG or WebP")
    return f"data:image/{content};base64,{base64.b64encode(image).decode('ascii')}"


def thumbnail(metadata: Mapping[str, str]) -> bytes | None:
    """The encoded thumbnail a file carries, or None; only raster formats are given out."""
    head, _, body = metadata.get("modelspec.thumbnail", "").partition(",")
    if not head.startswith("data:image/") or not head.endswith(";base64"):
        return None
    try:
        image = base64.b64decode(body, validate=True)
    except ValueError:
        return None
    return image if sniff_bytes(image[:512]) in ("png", "jpeg", "webp") else None


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
