"""What is in a file, without torch: kind, dialect, family, rank, alpha, trigger, hashes, problems.

Owns: recognising kinds by content, and the report that `inspect --json` and the shelf show.
Refuses to know: whether a file fits the loaded base (shapes decide that, in `studio.adapters`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from studio.architectures import ARCHITECTURES, with_context, with_text_encoder
from studio.architectures.record import is_text_encoder
from studio.core import atomic
from studio.core.budget import check_text, cut_all
from studio.core.errors import FileError, StudioError
from studio.core.names import printable
from studio.core.text import parse_json
from studio.formats import (
    embedding,
    embedding_image,
    hypernetwork,
    lora_algebra,
    metadata,
    peft_config,
    pickles,
    safetensors_file,
)
from studio.formats.hypernetwork_layers import OVER_THE_BATCH, batch_warning, refusal
from studio.formats.lora_keys import ModuleKeys, Sorted, refuse_unread, sort_keys
from studio.formats.pickle_values import TensorSpec
from studio.formats.sniff import WORDS, sniff, wrong_content

FileKind = Literal["lora", "embedding", "hypernetwork", "aesthetic", "checkpoint", "unknown"]

MAX_CHECKPOINT_BYTES = 32 << 30
MOST_TEXTS, LONGEST_TEXT = 500, 20_000  # of the metadata that a report shows


class _Shaped(Protocol):
    @property
    def shape(self) -> tuple[int, ...]: ...


class _Shape(NamedTuple):
    shape: tuple[int, ...]


@dataclass
class FileReport:
    """Everything a person wants to know before using a file. `family` None means: cannot tell."""

    path: str
    kind: FileKind = "unknown"
    dialect: str | None = None
    family: str | None = None
    parameters: int = 0
    rank: int | None = None
    alpha: float | None = None
    trigger: str | None = None
    hashes: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What is worth knowing of a file that can be used."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def inspect(path: str | Path, *, strict: bool = False, hashes: bool = True) -> FileReport:
    """Recognises a file by its content; never imports torch, never reads tensor data but alphas.

    A broken or foreign file gives kind "unknown" with the reason in `problems`; with `strict` it
    raises FileError instead. `hashes` False skips reading the whole file for its SHA-256. A path
    that is not there raises MissingError either way.
    """
    path = Path(path)
    report = FileReport(printable(path))
    content = sniff(path)
    try:
        if content == "safetensors":
            _safetensors(path, report)
        elif content in ("zip", "torch-legacy"):
            value = pickles.read_outline(path, max_bytes=MAX_CHECKPOINT_BYTES)
            _pickled(path, value, report)
        elif content in ("png", "webp") and _carries_embedding(path):
            report.kind, report.dialect = "embedding", "image"
        else:
            raise wrong_content(path, content, "an adapter or a model")
        if report.kind == "unknown":
            raise FileError(
                "This file holds nothing the studio knows",
                where=path,
                why=f"It is {WORDS[content]} with unfamiliar contents.",
            )
    except FileError as error:
        if strict:
            raise
        report.problems.append(str(error))
    if hashes:
        _add_hashes(path, report, content == "safetensors")
    return report


def _carries_embedding(path: Path) -> bool:
    try:
        return embedding_image.read_value(path) is not None
    except ValueError:
        return False


def _safetensors(path: Path, report: FileReport) -> None:
    header = safetensors_file.read_header(path)
    facts = header.metadata
    report.metadata = cut_all(facts, LONGEST_TEXT, MOST_TEXTS)
    report.parameters = header.parameters
    report.trigger = metadata.trigger(facts)
    report.notes += [said] if (said := metadata.copied(facts)) else []
    if facts.get("format") == hypernetwork.TWIN_FORMAT and "hypernetwork" in facts:
        report.kind, report.dialect = "hypernetwork", "safetensors"
        _activation(_stated_activation(facts["hypernetwork"]), report)
    elif list(header.tensors) == ["aesthetic"]:
        report.kind, report.dialect = "aesthetic", "safetensors"
    else:
        found = _tensors(header.tensors, report)
        if found is not None:
            _alphas(path, header, found, report)
    report.family = metadata.family(facts) or report.family


def _stated_activation(settings: str) -> Any:
    try:
        check_text(settings, values=10_000)
        stated = parse_json(settings)
    except ValueError:
        return None
    return stated.get("activation") if isinstance(stated, dict) else None


def _tensors(tensors: Mapping[str, _Shaped], report: FileReport) -> Sorted | None:
    """Kind, dialect, family and rank from names and shapes; the sorted keys of a LoRA."""
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    found = sort_keys(shapes, report.metadata)
    refuse_unread(found, report.path)
    misunderstood = found.not_understood()
    report.problems += found.drop_broken(shapes)
    if found.modules:
        report.kind, report.dialect = "lora", found.dialect
        report.rank, report.family = _rank(found, shapes), _lora_family(found, shapes)
        report.problems += misunderstood
        return found
    if _is_checkpoint(shapes):
        report.kind = "checkpoint"
        ldm = any(name.startswith("model.diffusion_model.") for name in shapes)
        report.dialect = "single-file" if ldm else "diffusers"
        report.family = _context_family(shapes)
    elif {"clip_l", "clip_g"} & shapes.keys():
        report.kind, report.dialect = "embedding", embedding.encoder_dialect(shapes)
        report.family = embedding.family(shapes)
        if report.dialect == "clip_g":
            report.problems.append("It has vectors for one of SDXL's two text encoders only.")
        _outputs(shapes, report)
    elif embedding.is_embedding_layout(shapes, report.metadata):
        report.kind = "embedding"
        outputs = _outputs(shapes, report)
        shapes = {name: shape for name, shape in shapes.items() if name not in outputs}
        kohya = {"emb_params", "emp_params"} & shapes.keys()
        single = "kohya" if kohya else "diffusers"
        report.dialect = single if len(shapes) == 1 or kohya else "cloneofsimo"
        report.family = embedding.family(shapes)
    elif outputs := embedding.output_vectors(shapes):
        report.problems.append(f"It has output vectors only ({', '.join(outputs)[:200]}).")
    return None


def _outputs(shapes: Mapping[str, tuple[int, ...]], report: FileReport) -> list[str]:
    if names := embedding.output_vectors(shapes):
        report.notes.append(embedding.output_problem(names))
    return names


def _pickled(path: Path, value: Any, report: FileReport) -> None:
    report.parameters = _count(value)
    if isinstance(value, TensorSpec):
        report.kind, report.dialect = "aesthetic", "pt"
    elif isinstance(value, list) and (rows := embedding.listed_shape(value)) and len(value) == 1:
        report.kind, report.dialect = "embedding", "diffusers"
        report.family = with_text_encoder(rows[-1])
    elif isinstance(value, list) and value and all(isinstance(t, TensorSpec) for t in value):
        report.kind, report.dialect, report.family = "lora", "cloneofsimo", _of_cloneofsimo()
        report.rank = value[0].shape[1] if len(value[0].shape) > 1 else None
    elif isinstance(value, dict) and isinstance(value.get("string_to_param"), dict):
        report.kind, report.dialect = "embedding", "a1111"
        shapes = [embedding.listed_shape(entry) for entry in value["string_to_param"].values()]
        widths = [shape[-1] for shape in shapes if shape]
        report.family = with_text_encoder(widths[0]) if widths else None
        report.metadata = _texts(value)
    elif isinstance(value, dict) and any(type(key) is int for key in value):
        report.kind, report.dialect = "hypernetwork", "a1111"
        rows = ARCHITECTURES.values()
        report.family = next((r.name for r in rows if r.context_width in value), None)
        report.metadata = _texts(value)
        _activation(value.get("activation_func"), report)
    elif isinstance(value, dict):
        inner = value["state_dict"] if isinstance(value.get("state_dict"), dict) else value
        found = {name: embedding.listed_shape(entry) for name, entry in inner.items()}
        _tensors({n: _Shape(s) for n, s in found.items() if isinstance(n, str) and s}, report)


def _activation(name: Any, report: FileReport) -> None:
    if not isinstance(name, str):
        return
    if why := refusal(name):
        report.problems.append(why)
    elif name.lower() in OVER_THE_BATCH:
        report.notes.append(batch_warning(name))


def _count(value: Any) -> int:
    """Numbers in the tensors of an outline, three levels deep (a dict of pairs of dicts).

    The reader has proved that it is not large, however much of it is shared.
    """
    level = [value]
    total = 0
    for _ in range(4):
        below: list[Any] = []
        for item in level:
            if isinstance(item, TensorSpec):
                total += item.elements
            elif isinstance(item, dict):
                below += item.values()
            elif isinstance(item, (list, tuple)):
                below += item
        level = below
    return total


def _texts(value: Mapping[Any, Any]) -> dict[str, str]:
    texts = {
        key: str(entry)
        for key, entry in value.items()
        if isinstance(key, str) and type(entry) in (str, int, float, bool)
    }
    return cut_all(texts, LONGEST_TEXT, MOST_TEXTS)


def _rank(found: Sorted, shapes: Mapping[str, tuple[int, ...]]) -> int | None:
    ranks: Counter[int] = Counter()
    for entry in found.modules.values():
        parts = {part: shapes[name] for part, name in entry.parts.items()}
        if entry.kind and (rank := lora_algebra.algebra(entry.kind).rank(parts)):
            ranks[rank] += 1
    return max(ranks, key=lambda rank: (ranks[rank], rank)) if ranks else None


def _alphas(path: Path, header: safetensors_file.Header, found: Sorted, report: FileReport) -> None:
    """The alpha most modules have: their own, PEFT's settings, or kohya's metadata."""
    names = {key: e.parts["alpha"] for key, e in found.modules.items() if "alpha" in e.parts}
    values = safetensors_file.read_scalars(path, header, names.values())
    alphas = {key: values[name] for key, name in names.items() if name in values}
    if any(entry.spelling == "dotted" for entry in found.modules.values()):
        config = peft_config.read(path, report.metadata)
        report.problems += config.problems
        for key, entry in found.modules.items():
            scaled = entry.kind is not None and lora_algebra.algebra(entry.kind).scaled
            stated = config.alpha(entry.component, entry.name) if scaled else None
            if key not in names and stated is not None:
                alphas[key] = stated
    odd = {key: value for key, value in alphas.items() if not math.isfinite(value)}
    report.problems += found.drop_not_finite(odd)
    if not found.modules:
        report.kind, report.dialect = "unknown", None
        raise FileError("This file has no usable adapter in it", where=path)
    counts = Counter(value for key, value in alphas.items() if key not in odd)
    stated = metadata.number(report.metadata, "ss_network_alpha")
    report.alpha = counts.most_common(1)[0][0] if counts else stated


def _lora_family(found: Sorted, shapes: Mapping[str, tuple[int, ...]]) -> str | None:
    """By the width of the context that cross-attention reads, else by the text encoders."""
    context: Counter[int] = Counter()
    tokens: Counter[int] = Counter()
    for entry in found.modules.values():
        width = _inputs(entry, shapes)
        if width is None:
            continue
        name = entry.name.replace(".", "_")
        if not is_text_encoder(entry.component) and name.endswith(("attn2_to_k", "attn2_to_v")):
            context[width] += 1
        elif entry.component == "text_encoder" and name.endswith(("q_proj", "k_proj", "v_proj")):
            tokens[width] += 1
    if context:
        return with_context(context.most_common(1)[0][0])
    seen = {entry.component for entry in found.modules.values()}
    for row in ARCHITECTURES.values():
        if seen & set(row.text_names[1:]):
            return row.name
    if tokens:
        return with_text_encoder(tokens.most_common(1)[0][0])
    return _of_cloneofsimo() if found.dialect == "cloneofsimo" else None


def _of_cloneofsimo() -> str | None:
    return next((row.name for row in ARCHITECTURES.values() if row.cloneofsimo), None)


def _inputs(entry: ModuleKeys, shapes: Mapping[str, tuple[int, ...]]) -> int | None:
    """How many inputs the adapted layer has, where a part of the module tells it."""
    for part in ("down", "hada_w1_b", "a2"):
        if part in entry.parts and len(shapes[entry.parts[part]]) > 1:
            return shapes[entry.parts[part]][1]
    return None


def _is_checkpoint(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    starts = ("model.diffusion_model.", "first_stage_model.", "down_blocks.", "unet.down_blocks.")
    return sum(name.startswith(starts) for name in shapes) >= 8


def _context_family(shapes: Mapping[str, tuple[int, ...]]) -> str | None:
    for name, shape in shapes.items():
        if name.endswith("attn2.to_k.weight") and len(shape) == 2:
            return with_context(shape[1])
    return None


def _add_hashes(path: Path, report: FileReport, is_safetensors: bool) -> None:
    try:
        report.hashes["sha256"] = atomic.sha256(path)
        report.hashes["short"] = report.hashes["sha256"][:10]
        report.hashes["legacy"] = safetensors_file.legacy_hash(path)
        if is_safetensors and report.kind != "unknown":
            report.hashes["model"] = safetensors_file.model_hash(path)
    except (OSError, StudioError) as error:
        report.problems.append(f"Its hash could not be computed: {error}")
