"""What kinds of change a module of a LoRA-like file can hold: one row per algebra; torch-free.

Owns: which parts make a kind, whether they fit each other, the low rank, and which function of
`lora_math` gives ΔW. Refuses to know: names of tensors and modules, files, bases.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from studio.formats import lora_math, lora_math_peft

if TYPE_CHECKING:
    import torch

Kind = Literal[
    "lora", "adalora", "loha", "lokr", "glora", "ia3", "ia3-peft", "oft", "boft", "oft-peft",
    "boft-peft", "hra", "vera", "norm", "diff",
]  # fmt: skip
Shapes = Mapping[str, tuple[int, ...]]
Tensors = Mapping[str, "torch.Tensor"]


@dataclass(frozen=True)
class Stated:
    """What a file says about a module beside its tensors: alpha, and PEFT's settings."""

    alpha: float | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Algebra:
    """One kind. `needs`: sets of parts, each of which is enough. `fits` sees shapes by part.

    `delta(tensors, base weight or None, what is stated)` is ΔW before alpha / rank; None when the
    weight stays (a change of the bias alone).
    """

    kind: Kind
    needs: tuple[frozenset[str], ...]
    fits: Callable[[Shapes], bool]
    delta: Callable[[Tensors, Any, Stated], torch.Tensor | None]
    rank: Callable[[Shapes], int | None] = lambda shapes: None
    scaled: bool = False
    """Whether ΔW is multiplied by alpha / rank."""
    multiplies: bool = False
    """Whether ΔW depends on the base's weight."""
    inputs: Callable[[Shapes], int | None] = lambda shapes: None
    """How many inputs the adapted layer has, where a part tells it."""
    size: Callable[[Shapes], tuple[int, int] | None] = lambda shapes: None
    """(outputs, inputs) of the adapted layer, where the parts tell both whatever the base."""
    norm: Callable[[Tensors], float | None] | None = None
    """‖ΔW‖ before alpha / rank without building ΔW, where there is a way (None: not for these)."""
    twin: Kind | None = None
    """The kind whose parts have the same names; `tell` sees by their shapes that it is this one."""
    tell: Callable[[Shapes], bool] = lambda shapes: False


def algebra(kind: Kind) -> Algebra:
    """The row of a kind."""
    return _BY_KIND[kind]


def kind_of(parts: Iterable[str]) -> Kind | None:
    """What a module's parts make, or None when something is missing. BOFT counts as "oft" here."""
    there = frozenset(parts)
    for row in ROWS:
        if any(needed <= there for needed in row.needs):
            return row.kind
    return None


def kind_by_shape(kind: Kind, shapes: Shapes) -> Kind:
    """The kind where names do not tell it: LyCORIS' BOFT is OFT with one axis more."""
    return next((row.kind for row in ROWS if row.twin == kind and row.tell(shapes)), kind)


def complaint(kind: Kind, shapes: Shapes) -> str | None:
    """What is wrong with a module's parts among themselves, or None when they fit.

    `shapes` are by neutral part name. Only what any base would reject is a complaint.
    """
    if any(0 in shape for shape in shapes.values()):
        return "a part is empty"
    try:
        fits = _BY_KIND[kind].fits(shapes)
    except (IndexError, ValueError):
        fits = False
    return None if fits else "its parts do not fit each other"


def block_size(elements: int) -> int:
    """Size of the skew-symmetric matrix with this many numbers above its diagonal; else ValueError."""
    size = (1 + math.isqrt(1 + 8 * elements)) // 2
    if size * (size - 1) // 2 != elements:
        raise ValueError("no triangle has this many numbers")
    return size


def _first_axis(part: str, *others: str) -> Callable[[Shapes], int | None]:
    def rank(shapes: Shapes) -> int | None:
        return next((shapes[name][0] for name in (part, *others) if shapes.get(name)), None)

    return rank


def _second_axis(part: str) -> Callable[[Shapes], int | None]:
    def inputs(shapes: Shapes) -> int | None:
        return shapes[part][1] if len(shapes.get(part, ())) > 1 else None

    return inputs


def _low_rank_size(s: Shapes) -> tuple[int, int] | None:
    return (s["up"][0], s["down"][1]) if len(s["down"]) > 1 else None


def _low_rank(s: Shapes) -> bool:
    rank = s["down"][0]
    if "mid" in s and s["mid"][:2] != (rank, rank):
        return False
    if "values" in s and s["values"] not in ((rank, 1), (rank,)):
        return False
    return len(s["down"]) >= 2 and len(s["up"]) >= 2 and s["up"][1] == rank


def _product(s: Shapes, name: str, core: str) -> tuple[int, ...]:
    """Shape of a · b, or of the Tucker form with `core`; ValueError when the ranks differ."""
    a, b = s[f"{name}_a"], s[f"{name}_b"]
    if core in s:
        first, second, *window = s[core]
        if (first, second) != (a[0], b[0]):
            raise ValueError
        return (a[1], b[1], *window)
    if a[1] != b[0] or len(b) < 2:
        raise ValueError
    return (a[0], *b[1:])


def _hadamard(s: Shapes) -> bool:
    if ("hada_t1" in s) != ("hada_t2" in s):
        return False
    return _product(s, "hada_w1", "hada_t1") == _product(s, "hada_w2", "hada_t2")


def _kronecker(s: Shapes) -> bool:
    w1 = s["lokr_w1"] if "lokr_w1" in s else _product(s, "lokr_w1", "")
    w2 = s["lokr_w2"] if "lokr_w2" in s else _product(s, "lokr_w2", "lokr_t2")
    return len(w1) == 2 and len(w2) >= 2


def _generalized(s: Shapes) -> bool:
    return s["a1"][:2] == s["a2"][1::-1] and all(len(s[part]) >= 2 for part in s if part[0] == "b")


def _square_blocks(s: Shapes) -> bool:
    blocks = next(s[part] for part in ("oft_blocks", "oft_diag", "boft_R") if part in s)
    return len(blocks) in (3, 4) and blocks[-1] == blocks[-2]


def _rounds(s: Shapes) -> bool:
    rounds, count, size, _ = s["boft_R"]
    mixes = rounds == 1 or (size % 2 == 0 and count % 2 ** (rounds - 1) == 0)
    return _square_blocks(s) and rounds < 32 and mixes and len(s["boft_s"]) == 2


def _triangles(s: Shapes) -> bool:
    return len(s["oft_R"]) == 2 and block_size(s["oft_R"][1]) > 0


def _vectors(s: Shapes) -> bool:
    a, b = s["vera_A"], s["vera_B"]
    (rank,), (outputs,) = s["vera_lambda_d"], s["vera_lambda_b"]
    return len(a) == len(b) == 2 and a[0] == b[1] == rank and outputs <= b[0]


def _one_axis(s: Shapes) -> bool:
    return all(len(s[part]) == 1 for part in ("w_norm", "b_norm", "diff_b") if part in s)


# LoKr: each side is there whole or as a product of two.
_KRONECKER = tuple(
    frozenset({*first, *second})
    for first in (("lokr_w1",), ("lokr_w1_a", "lokr_w1_b"))
    for second in (("lokr_w2",), ("lokr_w2_a", "lokr_w2_b"))
)


# In the order in which they are tried: what needs more comes before what needs less.
ROWS: tuple[Algebra, ...] = (
    Algebra(
        "adalora", (frozenset({"up", "down", "values"}),), _low_rank,
        lambda t, base, stated: lora_math_peft.adaptive(t), _first_axis("down"), scaled=True,
        inputs=_second_axis("down"),
    ),
    Algebra(
        "lora", (frozenset({"up", "down"}),), _low_rank,
        lambda t, base, stated: lora_math.low_rank(t), _first_axis("down"), scaled=True,
        inputs=_second_axis("down"), size=_low_rank_size, norm=lora_math.low_rank_norm,
    ),
    Algebra(
        "loha", (frozenset({"hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"}),), _hadamard,
        lambda t, base, stated: lora_math.hadamard(t), _first_axis("hada_w1_b"), scaled=True,
        inputs=_second_axis("hada_w1_b"),
    ),
    Algebra(
        "glora", (frozenset({"a1", "a2", "b1", "b2"}),), _generalized,
        lambda t, base, stated: lora_math.generalized(t, base),
        lambda shapes: min(shapes["a1"][:2]), scaled=True, multiplies=True,
        inputs=_second_axis("a2"),
    ),
    Algebra(
        "ia3", (frozenset({"weight", "on_input"}),), lambda s: len(s["weight"]) >= 1,
        lambda t, base, stated: lora_math.scaled_channels(t, base), multiplies=True,
    ),
    Algebra(
        "ia3-peft", (frozenset({"ia3_l"}),), lambda s: len(s["ia3_l"]) >= 2,
        lambda t, base, stated: lora_math_peft.rescaled_channels(t, base, stated.settings),
        multiplies=True,
    ),
    Algebra(
        "oft", (frozenset({"oft_blocks"}), frozenset({"oft_diag"})), _square_blocks,
        lambda t, base, stated: lora_math.rotation(t, base, stated.alpha), multiplies=True,
    ),
    Algebra(
        "boft", (), _square_blocks,
        lambda t, base, stated: lora_math.butterfly(t, base, stated.alpha), multiplies=True,
        twin="oft", tell=lambda shapes: len(shapes.get("oft_blocks", ())) == 4,
    ),
    Algebra(
        "oft-peft", (frozenset({"oft_R"}),), _triangles,
        lambda t, base, stated: lora_math_peft.input_rotation(t, base, stated.settings), multiplies=True,
    ),
    Algebra(
        "boft-peft", (frozenset({"boft_R", "boft_s"}),), _rounds,
        lambda t, base, stated: lora_math_peft.input_butterfly(t, base), multiplies=True,
    ),
    Algebra(
        "hra", (frozenset({"hra_u"}),), lambda s: len(s["hra_u"]) == 2,
        lambda t, base, stated: lora_math_peft.reflections(t, base, stated.settings),
        lambda shapes: shapes["hra_u"][1], multiplies=True,
    ),
    Algebra(
        "vera", (frozenset({"vera_lambda_b", "vera_lambda_d", "vera_A", "vera_B"}),), _vectors,
        # needs the layer's width, though not its values
        lambda t, base, stated: lora_math_peft.vector_based(t, base),
        _first_axis("vera_lambda_d"), multiplies=True,
    ),
    Algebra(
        "norm", (frozenset({"w_norm"}),), _one_axis, lambda t, base, stated: t["w_norm"]
    ),
    Algebra(
        "diff", (frozenset({"diff"}), frozenset({"diff_b"})), _one_axis,
        lambda t, base, stated: t.get("diff"),
    ),
    Algebra(
        "lokr", _KRONECKER, _kronecker,
        lambda t, base, stated: lora_math.kronecker(t),
        _first_axis("lokr_w2_b", "lokr_w1_b"), scaled=True,
    ),
)  # fmt: skip
_BY_KIND: dict[Kind, Algebra] = {row.kind: row for row in ROWS}
