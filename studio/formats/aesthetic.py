"""Aesthetic embeddings: one CLIP image direction in a `.pt` file.

Owns: reading every variant found in the wild, writing the usual one and its safetensors twin.
Refuses to know: CLIP, and how the direction steers a prompt.

Source: github.com/vicgalle/stable-diffusion-aesthetic-gradients. The file holds one tensor, the
mean of CLIP image features, [1, width]; some are 1-D, half precision, or saved on a GPU. The twin
holds the same tensor and says in its metadata which settings it was meant for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.core.budget import check_text
from studio.core.errors import FileError, SettingsError
from studio.core.text import parse_json
from studio.formats import pickles, safetensors_file
from studio.formats.file_report import FileReport, Outline
from studio.formats.pickle_values import TensorSpec
from studio.formats.sniff import Content, sniff
from studio.settings.training import SteeringSettings

if TYPE_CHECKING:
    import torch

TWIN_FORMAT = "aesthetic"
MAX_WIDTH = 16_384
MAX_BYTES = 512 << 20


@dataclass
class AestheticFile:
    """`direction` [width], fp32, length 1; `norm` is the length it had in the file.

    `recommended` are the `SteeringSettings` that the file states; empty for a plain `.pt`.
    """

    path: Path
    direction: torch.Tensor
    norm: float
    recommended: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def width(self) -> int:
        """The size of the CLIP projection it belongs to, for example 768 for ViT-L/14."""
        return int(self.direction.shape[0])


def recognise(outline: Outline, report: FileReport) -> bool:
    """Whether a file is one: a tensor alone in a pickle, or the twin's only one."""
    if list(outline.shapes) == ["aesthetic"] and outline.content == "safetensors":
        report.dialect = "safetensors"
        return True
    if isinstance(outline.value, TensorSpec):
        report.dialect = "pt"
        return True
    return False


def read(path: str | Path, content: Content | None = None) -> AestheticFile:
    """Reads a `.pt` (or a one-tensor safetensors) file; FileError when it holds no direction.

    `content` is what `sniff` said of it, where it was asked already.
    """
    path = Path(path)
    if (content or sniff(path)) == "safetensors":
        tensors, metadata = safetensors_file.read_tensors(path)
        file = from_object(path, tensors)
        file.metadata, file.recommended = metadata, _recommended(path, metadata)
        return file
    return from_object(path, pickles.read_pt(path, max_bytes=MAX_BYTES))


def from_object(path: Path, value: Any) -> AestheticFile:
    """Takes the direction out of an unpickled object: a tensor, or a table with just one."""
    import torch

    if isinstance(value, dict) and len(value) == 1:
        value = next(iter(value.values()))
    if not isinstance(value, torch.Tensor) or not value.is_floating_point():
        raise _broken(path, "It holds no single tensor.")
    if value.dim() not in (1, 2) or not 0 < value.shape[-1] <= MAX_WIDTH or not value.numel():
        raise _broken(path, f"Its tensor has the shape {tuple(value.shape)}.")
    # Several rows are the features of several pictures; their mean is the direction.
    mean = value.detach().cpu().float().reshape(-1, value.shape[-1]).mean(dim=0)
    norm = float(mean.norm())
    if not 1e-8 < norm < float("inf"):
        raise _broken(path, "Its direction is zero, NaN or infinite.")
    return AestheticFile(path, mean / norm, norm)


def write(path: str | Path, direction: torch.Tensor) -> Path:
    """Writes [width] or [1, width] as the `.pt` [1, width] fp32 that web UIs load, length as given."""
    row = direction.detach().cpu().float().reshape(1, -1)
    from_object(Path(path), row)
    return pickles.write_pt(path, row)


def write_safetensors(
    path: str | Path,
    direction: torch.Tensor,
    recommended: SteeringSettings,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Writes the twin: the same row as `write`, the recommended settings as JSON in the metadata."""
    row = direction.detach().cpu().float().reshape(1, -1)
    from_object(Path(path), row)
    stated = {"format": TWIN_FORMAT, "aesthetic": recommended.model_dump_json()}
    return safetensors_file.write(path, {"aesthetic": row}, {**(metadata or {}), **stated})


def _recommended(path: Path, metadata: Mapping[str, str]) -> dict[str, Any]:
    try:
        stated = metadata.get("aesthetic", "{}")
        check_text(stated, values=10_000)
        values = parse_json(stated)
        if not isinstance(values, dict):
            raise ValueError
        return SteeringSettings.parse(values).model_dump(include=set(values))
    except (ValueError, SettingsError) as error:
        why = error.what if isinstance(error, SettingsError) else "They are not readable JSON."
        raise FileError(
            "This aesthetic embedding states settings that cannot be used", where=path, why=why
        ) from None


def _broken(path: Path, why: str) -> FileError:
    return FileError(
        "This is not an aesthetic embedding",
        where=path,
        why=why,
        remedy="Check that it was made from CLIP image features.",
    )
