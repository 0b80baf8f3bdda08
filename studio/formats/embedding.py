"""Textual-inversion files: every container in which vectors for a prompt word travel.

Owns: the containers of A1111, the original repository, diffusers, kohya, SDXL, cloneofsimo and
embedding images, and writing the four that other programs load.
Refuses to know: tokenizers, which base the width belongs to, how a word is found in a prompt.

Vectors are [n, width] fp32: n rows that replace n token embeddings. Encoder slots are
"text_encoder" (CLIP-L, or the only one) and "text_encoder_2" (SDXL's OpenCLIP-G).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from studio.core.errors import FileError
from studio.formats import embedding_image, pickles, safetensors_file
from studio.formats.embedding_facts import (
    MAX_TOKENS,
    MAX_VECTORS,
    encoder_dialect,
    fits,
    inner_table,
    is_embedding_layout,
    is_table,
    output_vectors,
)
from studio.formats.sniff import Content, sniff

if TYPE_CHECKING:
    import torch

EmbeddingDialect = Literal[
    "a1111", "diffusers", "kohya", "sdxl", "clip_l", "clip_g", "cloneofsimo", "image"
]  # fmt: skip
MAX_BYTES = 512 << 20

_SLOTS = {"clip_l": "text_encoder", "clip_g": "text_encoder_2"}


@dataclass
class EmbeddingFile:
    """A whole file. `embeddings`: name → encoder slot → vectors [n, width].

    A file with one embedding gives it the file's stem as name, as web UIs do; what the file itself
    calls it is `metadata["token"]` or `metadata["name"]`. Several keep their own tokens.
    """

    path: Path
    dialect: EmbeddingDialect
    embeddings: dict[str, dict[str, torch.Tensor]]
    step: int | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)
    """Names of output vectors, which belong behind the text encoder and are not used."""


def read(path: str | Path, content: Content | None = None) -> EmbeddingFile:
    """Reads any container; FileError when there are no usable vectors in it.

    `content` is what `sniff` said of it, where it was asked already.
    """
    path = Path(path)
    content = content or sniff(path)
    if content == "safetensors":
        tensors, metadata = safetensors_file.read_tensors(path)
        return _from_tensors(path, tensors, metadata)
    if content in ("png", "webp"):
        return _from_image(path)
    return from_object(path, pickles.read_pt(path, max_bytes=MAX_BYTES))


def from_object(path: Path, value: Any) -> EmbeddingFile:
    """Takes the vectors out of an unpickled object (A1111, original repository, diffusers)."""
    if isinstance(value, dict) and isinstance(value.get("string_to_param"), dict):
        return _from_a1111(path, value, "a1111")
    if isinstance(value, dict):
        table = {name: _rows(entry) for name, entry in inner_table(value).items()}
        return _from_tensors(path, table, {})
    if _is_tensor(rows := _rows(value)):
        return _from_tensors(path, {path.stem: rows}, {})
    raise _nothing(path)


def write_a1111(
    path: str | Path,
    vectors: torch.Tensor,
    *,
    name: str,
    step: int = 0,
    checkpoint: str | None = None,
    checkpoint_name: str | None = None,
) -> Path:
    """Writes A1111's `.pt`; `vectors` [n, width], `checkpoint` its short hash."""
    value = {
        # 265 is CLIP's "*"; A1111 writes it whatever the name is.
        "string_to_token": {"*": 265},
        "string_to_param": {"*": _checked(vectors, path)},
        "name": name,
        "step": step,
        "sd_checkpoint": checkpoint,
        "sd_checkpoint_name": checkpoint_name,
    }
    return pickles.write_pt(path, value)


def write_diffusers(
    path: str | Path,
    tokens: Mapping[str, torch.Tensor],
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Writes `{token: [n, width]}` as safetensors, what diffusers' textual inversion loads."""
    tensors = {token: _checked(vectors, path) for token, vectors in tokens.items()}
    return safetensors_file.write(path, tensors, metadata)


def write_kohya(
    path: str | Path, vectors: torch.Tensor, metadata: Mapping[str, str] | None = None
) -> Path:
    """Writes `{"emb_params": [n, width]}`, what kohya's scripts and web UIs load."""
    return safetensors_file.write(path, {"emb_params": _checked(vectors, path)}, metadata)


def write_sdxl(
    path: str | Path,
    clip_l: torch.Tensor,
    clip_g: torch.Tensor,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Writes SDXL's two encoders; the same n for both, or ValueError."""
    tensors = {"clip_l": _checked(clip_l, path), "clip_g": _checked(clip_g, path)}
    if tensors["clip_l"].shape[0] != tensors["clip_g"].shape[0]:
        raise ValueError("both encoders need the same number of vectors")
    return safetensors_file.write(path, tensors, metadata)


def _from_tensors(
    path: Path, tensors: Mapping[str, Any], metadata: Mapping[str, str]
) -> EmbeddingFile:
    tensors = {name: t for name, t in tensors.items() if isinstance(name, str) and _is_tensor(t)}
    facts = dict(metadata)
    outputs = output_vectors(tensors)
    tensors = {name: tensor for name, tensor in tensors.items() if name not in outputs}
    if outputs and not tensors:
        raise _nothing(path, f"It has output vectors only ({', '.join(outputs)[:200]}).")
    step = int(facts["step"]) if facts.get("step", "").isdecimal() else None
    if found := {slot: tensors[key] for key, slot in _SLOTS.items() if key in tensors}:
        vectors = {slot: _checked(t, path) for slot, t in found.items()}
        if len({t.shape[0] for t in vectors.values()}) > 1:
            raise _nothing(path, "Its two encoders have different numbers of vectors.")
        return EmbeddingFile(
            path, encoder_dialect(tensors), {path.stem: vectors}, step, facts, outputs
        )
    for key in ("emb_params", "emp_params"):
        if key in tensors:
            vectors = {"text_encoder": _checked(tensors[key], path)}
            return EmbeddingFile(path, "kohya", {path.stem: vectors}, step, facts, outputs)
    if not is_embedding_layout({n: tuple(t.shape) for n, t in tensors.items()}, metadata):
        raise _nothing(path)
    tokens = {name: {"text_encoder": _checked(t, path)} for name, t in tensors.items()}
    if len(tokens) == 1:
        facts["token"] = next(iter(tokens))
        only = {path.stem: tokens[facts["token"]]}
        return EmbeddingFile(path, "diffusers", only, step, facts, outputs)
    return EmbeddingFile(path, "cloneofsimo", tokens, step, facts, outputs)


def _from_a1111(path: Path, value: Mapping[Any, Any], dialect: EmbeddingDialect) -> EmbeddingFile:
    found = {str(key): _rows(entry) for key, entry in value["string_to_param"].items()}
    parameters = {
        key: {"text_encoder": _checked(rows, path)}
        for key, rows in found.items()
        if _is_tensor(rows)
    }
    if not 0 < len(parameters) <= MAX_TOKENS:
        raise _nothing(path)
    if len(parameters) == 1:
        parameters = {path.stem: next(iter(parameters.values()))}
    facts = {
        key: str(value[key])
        for key in ("name", "sd_checkpoint", "sd_checkpoint_name")
        if isinstance(value.get(key), str)
    }
    return EmbeddingFile(path, dialect, parameters, _step(value.get("step")), facts)


def _step(value: Any) -> int | None:
    """A whole number; some programs kept it as a tensor or a number of numpy's."""
    if _is_tensor(value) and value.numel() == 1:
        value = value.item()
    whole = type(value) in (int, float) and value == value and abs(value) < 1 << 53
    return int(value) if whole and int(value) == value else None


def _rows(entry: Any) -> Any:
    """Vectors that lie in a list (tensors or plain numbers) as one tensor; all else as it is."""
    import torch

    if not isinstance(entry, (list, tuple)) or not 0 < len(entry) <= MAX_VECTORS:
        return entry
    if all(_is_tensor(part) and fits(tuple(part.shape)) for part in entry):
        if len({part.shape[-1] for part in entry}) == 1:
            return torch.cat([part.detach().float().reshape(-1, part.shape[-1]) for part in entry])
        return entry
    return torch.tensor(entry, dtype=torch.float32) if is_table(entry) else entry


def _from_image(path: Path) -> EmbeddingFile:
    try:
        value = embedding_image.read_value(path)
        if value is None:
            raise _nothing(path, "It is an image without an embedding in it.")
        parameters = value["string_to_param"].items()
        value["string_to_param"] = {key: _nested(entry, path) for key, entry in parameters}
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise _nothing(path, "The embedding in the image is damaged.") from error
    return _from_a1111(path, value, "image")


def _nested(entry: Any, path: Path) -> torch.Tensor:
    """`{"TORCHTENSOR": [[…], …]}` as a tensor; anything but a small table of numbers is refused."""
    import torch

    rows = entry["TORCHTENSOR"]
    rows = rows if rows and isinstance(rows[0], list) else [rows]
    if len(rows) > MAX_VECTORS or not is_table(rows):
        raise _nothing(path, "The embedding in the image is no table of numbers.")
    return torch.tensor(rows, dtype=torch.float32)


def _checked(vectors: torch.Tensor, path: str | Path) -> torch.Tensor:
    if not vectors.is_floating_point() or not fits(tuple(vectors.shape)):
        raise _nothing(path, f"A tensor of shape {tuple(vectors.shape)} is no list of vectors.")
    rows = vectors.detach().cpu().float().reshape(-1, vectors.shape[-1])
    if not bool(rows.isfinite().all()):
        raise FileError(
            "This embedding is broken",
            where=path,
            why="It holds NaN or infinity, which would spoil every image.",
            remedy="Use an earlier step of the same training.",
        )
    return rows.contiguous()


def _is_tensor(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor)


def _nothing(path: str | Path, why: str = "None of its tensors is a list of vectors.") -> FileError:
    return FileError(
        "There is no embedding in this file",
        where=path,
        why=why,
        remedy="Check that it is a textual-inversion file.",
    )
