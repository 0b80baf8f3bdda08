"""How a textual-inversion file is recognised by the names and shapes of its tensors; torch-free.

Owns: that recognition, and the limits of what counts as a list of vectors.
Refuses to know: containers and writing (`embedding`), tokens.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, Literal

from studio.architectures import with_second_encoder, with_text_encoder
from studio.formats.file_report import FileReport, Outline, Shapes, plain_texts
from studio.formats.lora_keys import sort_keys
from studio.formats.pickle_values import TensorSpec

MAX_VECTORS = 1_024
MAX_WIDTH = 16_384
MAX_TOKENS = 256
_OUTPUT = "_out"  # ends the names of vectors that are added behind the text encoder


def recognise(outline: Outline, report: FileReport) -> bool:
    """Whether it holds vectors for words; then the report has dialect and family."""
    value, shapes = outline.value, dict(outline.shapes)
    if outline.content in ("png", "webp"):
        report.dialect = "image"
        return value is not None
    if isinstance(value, list):
        rows = listed_shape(value) if len(value) == 1 else None
        report.dialect = "diffusers" if rows else None
        report.family = with_text_encoder(rows[-1]) if rows else None
        return rows is not None
    if isinstance(value, dict) and isinstance(value.get("string_to_param"), dict):
        found = [listed_shape(entry) for entry in value["string_to_param"].values()]
        widths = [shape[-1] for shape in found if shape]
        report.dialect = "a1111"
        report.family = with_text_encoder(widths[0]) if widths else None
        report.metadata = plain_texts(value)
        if not widths:
            report.problems.append("None of its tensors is a list of vectors.")
        return True
    outputs = output_vectors(shapes)
    if {"clip_l", "clip_g"} & shapes.keys():
        report.dialect, report.family = encoder_dialect(shapes), family(shapes)
        if report.dialect == "clip_g":
            report.problems.append("It has vectors for one of SDXL's two text encoders only.")
    elif is_embedding_layout(shapes, outline.metadata):
        words = {name: shape for name, shape in shapes.items() if name not in outputs}
        kohya = {"emb_params", "emp_params"} & words.keys()
        single = "kohya" if kohya else "diffusers"
        report.dialect = single if len(words) == 1 or kohya else "cloneofsimo"
        report.family = family(words)
    else:
        if outputs:
            report.problems.append(f"It has output vectors only ({', '.join(outputs)[:200]}).")
        return False
    if outputs:
        report.notes.append(output_problem(outputs))
    return True


def inner_table(value: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """The table that lies in `state_dict`, where training programs put it; else the value itself."""
    inner = value.get("state_dict")
    return inner if isinstance(inner, dict) else value


def output_vectors(names: Iterable[str]) -> list[str]:
    """Those of the tensors that OneTrainer adds to what the text encoder gives, not to its words."""
    return sorted(name for name in names if name.endswith(_OUTPUT))


def output_problem(names: Sequence[str]) -> str:
    """What to say about output vectors in a file."""
    listed = ", ".join(name[:60] for name in names)
    return f"Its output vectors ({listed}) are not used: only its words act here."


def encoder_dialect(names: Container[str]) -> Literal["sdxl", "clip_l", "clip_g"]:
    """How a file is laid out that names its text encoders: SDXL's two, or just one of them."""
    if "clip_l" in names and "clip_g" in names:
        return "sdxl"
    return "clip_l" if "clip_l" in names else "clip_g"


def listed_shape(entry: Any) -> tuple[int, ...] | None:
    """The shape that `read` gives a tensor's outline or a list of vectors; None for what is neither."""
    if isinstance(entry, TensorSpec):
        return entry.shape
    if not isinstance(entry, (list, tuple)) or not 0 < len(entry) <= MAX_VECTORS:
        return None
    if all(isinstance(part, TensorSpec) and fits(part.shape) for part in entry):
        widths = {part.shape[-1] for part in entry}
        rows = sum(part.shape[-2] if len(part.shape) > 1 else 1 for part in entry)
        return (rows, widths.pop()) if len(widths) == 1 else None
    if not is_table(entry):
        return None
    return (len(entry), len(entry[0])) if isinstance(entry[0], (list, tuple)) else (len(entry),)


def family(shapes: Shapes) -> str | None:
    """Whose token embeddings these are, by their widths and the encoders that are there."""
    if name := with_second_encoder(shapes):
        return name
    widths = {shape[-1] for name, shape in shapes.items() if shape and not name.endswith(_OUTPUT)}
    return with_text_encoder(widths.pop()) if len(widths) == 1 else None


def is_embedding_layout(shapes: Shapes, metadata: Mapping[str, str]) -> bool:
    """Whether tensor names and shapes look like an embedding and nothing else; torch-free."""
    shapes = {name: shape for name, shape in shapes.items() if not name.endswith(_OUTPUT)}
    if not 0 < len(shapes) <= MAX_TOKENS or sort_keys(shapes, metadata).modules:
        return False
    if any(".weight" in name or ".bias" in name for name in shapes):
        return False
    return all(fits(shape) for shape in shapes.values())


def is_table(entry: Any) -> bool:
    """Whether it is a row of numbers, or rows of the same length."""
    rows = entry if isinstance(entry[0], (list, tuple)) else [entry]
    return len({len(row) if isinstance(row, (list, tuple)) else -1 for row in rows}) == 1 and all(
        isinstance(row, (list, tuple))
        and 0 < len(row) <= MAX_WIDTH
        and all(type(n) is float or (type(n) is int and abs(n) < 1 << 62) for n in row)
        for row in rows
    )


def fits(shape: tuple[int, ...]) -> bool:
    """Whether a tensor of this shape may be a list of vectors."""
    if len(shape) not in (1, 2) and not (len(shape) == 3 and shape[0] == 1):
        return False
    vectors = shape[-2] if len(shape) > 1 else 1
    return 0 < vectors <= MAX_VECTORS and 0 < shape[-1] <= MAX_WIDTH
