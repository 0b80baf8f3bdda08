"""Whether the parts of one adapted module fit each other; torch-free.

Owns: the shape rules of every kind, so that a broken file is told apart from another base.
Refuses to know: the base's shapes, tensor values.
"""

from __future__ import annotations

from collections.abc import Mapping

from studio.formats.lora_keys import Kind, Sorted

Shapes = Mapping[str, tuple[int, ...]]

# Kind → parts whose first axis is the rank.
_RANK_PARTS: dict[Kind, tuple[str, ...]] = {
    "lora": ("down",),
    "loha": ("hada_w1_b",),
    "lokr": ("lokr_w2_b", "lokr_w1_b"),
}


def complaint(kind: Kind, shapes: Shapes) -> str | None:
    """What is wrong with a module's parts among themselves, or None when they fit.

    `shapes` are by neutral part name. Only what any base would reject is a complaint.
    """
    if any(0 in shape for shape in shapes.values()):
        return "a part is empty"
    try:
        fits = _RULES[kind](shapes)
    except (IndexError, ValueError):
        fits = False
    return None if fits else "its parts do not fit each other"


def rank(kind: Kind, shapes: Shapes) -> int | None:
    """The low rank of a module whose parts fit, or None for kinds that have none."""
    if kind == "glora":
        return min(shapes["a1"][:2])
    for part in _RANK_PARTS.get(kind, ()):
        if shapes.get(part):
            return shapes[part][0]
    return None


def broken_modules(found: Sorted, shapes: Shapes) -> list[str]:
    """Moves modules whose parts do not fit from `found.modules` to its leftovers.

    `shapes` are by tensor name. Returns what to tell the user: nothing, or one sentence.
    """
    wrong: list[tuple[str, str]] = []
    for key, entry in list(found.modules.items()):
        parts = {part: shapes[name] for part, name in entry.parts.items()}
        if entry.kind and (what := complaint(entry.kind, parts)):
            wrong.append((entry.name, what))
            found.leftovers += found.modules.pop(key).parts.values()
    if not wrong:
        return []
    name, what = wrong[0]
    return [f"{len(wrong)} modules cannot be used, first {name[:80]!a}: {what}."]


def _lora(s: Shapes) -> bool:
    rank = s["down"][0]
    if "mid" in s and s["mid"][:2] != (rank, rank):
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


def _loha(s: Shapes) -> bool:
    if ("hada_t1" in s) != ("hada_t2" in s):
        return False
    return _product(s, "hada_w1", "hada_t1") == _product(s, "hada_w2", "hada_t2")


def _lokr(s: Shapes) -> bool:
    w1 = s["lokr_w1"] if "lokr_w1" in s else _product(s, "lokr_w1", "")
    w2 = s["lokr_w2"] if "lokr_w2" in s else _product(s, "lokr_w2", "lokr_t2")
    return len(w1) == 2 and len(w2) >= 2


def _glora(s: Shapes) -> bool:
    return s["a1"][:2] == s["a2"][1::-1] and all(len(s[part]) >= 2 for part in s if part[0] == "b")


def _ia3(s: Shapes) -> bool:
    return len(s["weight"]) >= 1


def _oft(s: Shapes) -> bool:
    blocks = s["oft_blocks"] if "oft_blocks" in s else s["oft_diag"]
    return len(blocks) in (3, 4) and blocks[-1] == blocks[-2]


def _one_axis(s: Shapes) -> bool:
    return all(len(s[part]) == 1 for part in ("w_norm", "b_norm", "diff_b") if part in s)


_RULES = {
    "lora": _lora,
    "loha": _loha,
    "lokr": _lokr,
    "glora": _glora,
    "ia3": _ia3,
    "oft": _oft,
    "boft": _oft,
    "diff": _one_axis,
    "norm": _one_axis,
}
