"""Why a file does not fit a base, in words a person understands.

Owns: guessing what a LoRA-like file was made for from its names, sizes and metadata, and the
sentence that sets both sides against each other. Refuses to know: how anything is attached.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from studio.architectures import ARCHITECTURES, called, title, with_context
from studio.architectures.foreign import FOREIGN, WIDE_TEXTS
from studio.core.counts import counted
from studio.core.errors import MismatchError
from studio.formats.lora_dialects import Component, component_hint

if TYPE_CHECKING:
    from studio.families.base import Base
    from studio.formats.lora import LoraFile

_TEXTS: dict[Component, str] = {
    "text_encoder": "text encoder",
    "text_encoder_2": "second text encoder",
    "text_encoder_3": "third text encoder",
}


def mismatch(file: LoraFile, base: Base, detail: str) -> MismatchError:
    """The error for a file that cannot be used on `base`; `detail` says what was found."""
    made_for, width = made_for_what(file), text_width(file)
    theirs = made_for or "another kind of base"
    if width:
        theirs += f" (text {width} wide)"
    return MismatchError(
        "This adapter does not fit this base",
        where=file.path,
        why=f"It was made for {theirs}; this base, “{base.name}”, is {base.architecture.title} "
        f"(text {base_text_width(base)} wide). {detail}",
        remedy="Use it with a base of its own kind, or take it off the stack.",
    )


def what_matched(
    file: LoraFile, base: Base, found: Mapping[str, int], unmatched: Sequence[str]
) -> str:
    """How many modules of a file act on a base, part by part, and why the others do not.

    `found` counts modules by the file's components; `unmatched` names those that the base does not
    have.
    """
    own, denoiser = base.architecture.component, base.architecture.denoiser
    titles = {denoiser.name: denoiser.title, **_TEXTS}
    totals = Counter(own(module.component) for module in file.modules.values())
    act = Counter({own(component): count for component, count in found.items()})
    lost = Counter(own(component_hint(name)) for name in file.leftovers)
    message = f"{sum(found.values())} of {counted(totals.total(), 'module')} matched"
    parts = [part for part in titles if totals[part] or lost[part]]
    if parts != [denoiser.name]:
        counts = (f"{titles[part]} {act[part]} of {totals[part]}" for part in parts)
        message += f" ({', '.join(counts)})"
    if not unmatched and not file.leftovers:
        return message + "."
    message = f"Only a part of this file acts: {message}."
    for part in parts:
        if lost[part]:
            first = next(name for name in file.leftovers if own(component_hint(name)) == part)
            message += (
                f" {counted(lost[part], 'tensor')} of the {titles[part]} could not be used, "
                f"first “{first[:80]}”."
            )
    if unmatched:
        message += f" Not in this base: {_some(unmatched)}."
    return message


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def embedding_mismatch(path: Path, given: dict[str, int], base: Base) -> MismatchError:
    """The error for an embedding; `given` is encoder slot → width."""
    widths = tuple(given.values())
    rows = ARCHITECTURES.values()
    fitting = (row.title for row in rows if widths == tuple(e.width for e in row.text_encoders))
    known = next(fitting, "another base")
    wanted = [int(encoder.config.hidden_size) for encoder in base.text_encoders]
    return MismatchError(
        "This embedding does not fit this base",
        where=path,
        why=f"Its vectors are {listed(widths)} wide, as for {known}; the text encoder of "
        f"“{base.name}” ({base.architecture.title}) is {listed(wanted)} wide.",
        remedy="Use it with a base of its own kind, or take it off the stack.",
    )


def made_for_what(file: LoraFile) -> str | None:
    """The family a file was made for, as far as it shows."""
    keys = ("modelspec.architecture", "ss_base_model_version")
    stated = [file.metadata.get(key, "").lower() for key in keys]
    for said in filter(None, stated):
        if row := called(said):
            return row.title
    for other in FOREIGN:
        if any(said.startswith(other.metadata) for said in stated):
            return other.title
    names = " ".join((*(module.key for module in file.modules.values()), *file.leftovers))
    for other in FOREIGN:
        if any(part in names for part in other.keys):
            return other.title
    for row in ARCHITECTURES.values():
        if any(re.search(sign, names) for sign in row.key_signs):
            return row.title
    width = text_width(file) or 0
    return title(with_context(width)) or WIDE_TEXTS.get(width)


def text_width(file: LoraFile) -> int | None:
    """Width of the text that the file's cross-attention layers read, when it has any."""
    for module in file.modules.values():
        if re.search(r"attn2[._]to[._][kv]", module.name) and "down" in module.tensors:
            return int(module.tensors["down"].shape[1])
    return None


def base_text_width(base: Base) -> int:
    """Width of the text that the base's cross-attention layers read."""
    return sum(int(encoder.config.hidden_size) for encoder in base.text_encoders)


def listed(widths: tuple[int, ...] | list[int]) -> str:
    """“32”, “32 and 64”, “32, 64 and 96”."""
    *first, last = map(str, widths)
    return f"{', '.join(first)} and {last}" if first else last
