"""Tensor names of LoRA-like files, sorted into modules; torch-free.

Owns: gathering the parts of each module (`lora_dialects` reads single names), bundled embeddings,
what is left over and why. Refuses to know: tensor values, and whether a base has the module that a
key names.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from studio.core.counts import counted
from studio.core.errors import FileError
from studio.formats import lora_algebra, peft_config
from studio.formats.lora_algebra import Kind
from studio.formats.lora_dialects import (
    Component,
    Dialect,
    Spelling,
    is_adapter_part,
    level,
    parse,
    unsupported_kind,
)

__all__ = ["Component", "Dialect", "Kind", "ModuleKeys", "Sorted", "Spelling", "sort_keys"]

_BUNDLED = re.compile(r"bundle_emb\.(.+)\.(string_to_param\..+|emb_params|clip_l|clip_g)")
_TOKEN = re.compile(r"<.+>")
_MERGE = "Merge it into its base model with the program that made it, or save it there as a LoRA."


@dataclass
class ModuleKeys:
    """One adapted module: where it is, how that is spelled, and its tensors' names by part."""

    component: Component
    name: str
    spelling: Spelling
    parts: dict[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> Kind | None:
        """What the parts make; None when something is missing. BOFT counts as "oft" here."""
        return lora_algebra.kind_of(self.parts)


@dataclass
class Sorted:
    """All names of a file, sorted. `embeddings`: token name → encoder → tensor name."""

    dialect: Dialect | None
    modules: dict[str, ModuleKeys]
    embeddings: dict[str, dict[str, str]]
    leftovers: list[str]

    def drop(self, keys: Iterable[str]) -> None:
        """Moves modules to the leftovers, because they cannot be used."""
        for key in keys:
            self.leftovers += self.modules.pop(key).parts.values()

    def drop_broken(self, shapes: Mapping[str, tuple[int, ...]]) -> list[str]:
        """Moves modules whose parts do not fit each other to the leftovers.

        `shapes` are by tensor name. Returns what to tell the user: nothing, or one sentence.
        """
        wrong: dict[str, str] = {}
        for key, entry in self.modules.items():
            parts = {part: shapes[name] for part, name in entry.parts.items()}
            if entry.kind and (what := lora_algebra.complaint(entry.kind, parts)):
                wrong[key] = what
        return self._dropped(wrong)

    def drop_not_finite(self, alphas: Mapping[str, float]) -> list[str]:
        """The same for modules whose alpha is NaN or infinite; `alphas` by module key."""
        odd = {key: f"its alpha is {value}" for key, value in alphas.items()}
        return self._dropped({key: what for key, what in odd.items() if key in self.modules})

    def _dropped(self, wrong: Mapping[str, str]) -> list[str]:
        if not wrong:
            return []
        key, what = next(iter(wrong.items()))
        name = self.modules[key].name
        self.drop(wrong)
        return [f"{counted(len(wrong), 'module')} cannot be used, first {name[:80]!a}: {what}."]

    def not_understood(self) -> list[str]:
        """What to tell the user about the leftovers of sorting: nothing, or one sentence."""
        if not self.leftovers:
            return []
        said = f"{counted(len(self.leftovers), 'tensor was', 'tensors were')} not understood"
        kinds = sorted({kind for name in self.leftovers if (kind := unsupported_kind(name))})
        return [f"{said} ({', '.join(kinds[:3])})." if kinds else f"{said}."]


def sort_keys(names: Iterable[str], metadata: Mapping[str, str] | None = None) -> Sorted:
    """Sorts tensor names into modules, bundled embeddings and leftovers (named as found)."""
    modules: dict[str, ModuleKeys] = {}
    embeddings: dict[str, dict[str, str]] = {}
    leftovers: list[str] = []
    shared: dict[str, str] = {}
    dialects: Counter[Dialect] = Counter()
    names = list(names)
    wrapper = _wrapper(names)
    for name in names:
        if bundled := _bundled(name, metadata or {}):
            token, encoder = bundled
            embeddings.setdefault(token, {})[encoder] = name
            continue
        found = parse(name.removeprefix(wrapper))
        if found is None:
            leftovers.append(name)
            continue
        key = f"{found.component}.{found.module}"
        entry = ModuleKeys(found.component, found.module, found.spelling)
        parts = shared if found.shared else modules.setdefault(key, entry).parts
        if found.part in parts:
            leftovers.append(name)
            continue
        parts[found.part] = name
        if found.part not in ("alpha", "dora_scale", "weight"):
            dialects[found.dialect] += 1
    users = [entry for entry in modules.values() if "vera_lambda_b" in entry.parts]
    for entry in users:
        entry.parts |= shared
    if not users:
        leftovers += shared.values()
    for key in [key for key, entry in modules.items() if entry.kind is None]:
        leftovers += modules.pop(key).parts.values()
    dialect = _dialect(dialects) if modules else None
    return Sorted(dialect, modules, embeddings, sorted(set(leftovers)))


def refuse_unsupported(found: Sorted, where: str | Path) -> None:
    """Raises FileError when a file holds nothing but an adapter that cannot be read, naming it.

    That is one of PEFT's kinds, or any kind for a model whose layers have other names.
    """
    if found.modules:
        return
    if any("base_model." in name for name in found.leftovers):
        stated = peft_config.read(Path(where), {}).values.get("peft_type")
    else:
        stated = None
    kinds = Counter(kind for name in found.leftovers if (kind := unsupported_kind(name)))
    if kinds:
        kind = kinds.most_common(1)[0][0]
        raise FileError(
            f"This is an adapter of a kind that the studio does not read: {kind}",
            where=where,
            why=f"{kinds[kind]} of its tensors are called like “{_first(found.leftovers, kind)}”.",
            remedy=_MERGE,
        )
    if isinstance(stated, str):
        raise FileError(
            f"This is an adapter of a kind that the studio does not read: {stated[:40]}",
            where=where,
            why=f"That is what {peft_config.BESIDE} beside it states.",
            remedy=_MERGE,
        )
    foreign = [name for name in found.leftovers if is_adapter_part(name)]
    if hidden := next((name for name in foreign if level(name)), None):
        raise FileError(
            "The names in this adapter are not written as any program that the studio knows writes them",
            where=where,
            why=f"“{hidden[:120]}” is a layer of Stable Diffusion, but “{level(hidden)[:60]}” stands "
            "before it, and other tensors begin otherwise.",
            remedy="Save it with the program that made it in kohya's or diffusers' form.",
        )
    if len(foreign) * 2 > len(found.leftovers):
        raise FileError(
            "This is an adapter for another kind of model, or a broken one",
            where=where,
            why=f"{len(foreign)} of its tensors are called like “{foreign[0][:120]}”, and none of "
            "them makes a layer of Stable Diffusion's UNet or text encoders.",
            remedy="Use it with the model it was made for.",
        )


def _wrapper(names: Sequence[str]) -> str:
    """The level of its own that a whole file's names stand behind, where none is known without it."""
    parts = [name for name in names if is_adapter_part(name)]
    if not parts or any(parse(name) for name in parts):
        return ""
    found = level(parts[0])
    whole = bool(found) and all(name.startswith(found) for name in names)
    return found if whole and all(parse(name.removeprefix(found)) for name in parts) else ""


def _first(names: Iterable[str], kind: str) -> str:
    return next(name for name in names if unsupported_kind(name) == kind)[:120]


def _dialect(counts: Counter[Dialect]) -> Dialect | None:
    if counts["lycoris"]:
        return "lycoris"
    return counts.most_common(1)[0][0] if counts else None


def _bundled(name: str, metadata: Mapping[str, str]) -> tuple[str, str] | None:
    if found := _BUNDLED.fullmatch(name):
        return found[1], "text_encoder_2" if found[2] == "clip_g" else "text_encoder"
    if _TOKEN.fullmatch(name) and metadata.get(name) == "<embed>":
        return name, "text_encoder"
    return None
