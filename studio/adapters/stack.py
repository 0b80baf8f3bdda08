"""An ordered list of adapter files on a base: all on, or exactly none.

Owns: the order rule, on/off, and that the base is as before on every way out.
Refuses to know: kinds of adapters, how images are generated.

Order rule: weight changes (LoRA and its kin) are summed, W + Σ sᵢ ΔWᵢ in list order; they commute
but for rounding, and changes relative to W (DoRA, IA3, OFT) all see the base's own W. Hooks
(hypernetworks) feed one into the next in list order. Of two words with one name the later wins.
Aesthetic embeddings each bend the same untouched text, and their changes are added up.
A range of the sampling and factors per block hold for weight changes and hooks in the denoiser; factors
also for weight changes in text encoders (BASE). Prompts are read once, so words, aesthetic embeddings
and text encoders know no range; their reports say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from studio.adapters.base import Attachment, Report
from studio.adapters.cache import AdapterCache
from studio.adapters.loading import load_adapter

if TYPE_CHECKING:
    from studio.families.base import Base
    from studio.settings.training import StackItem


@contextmanager
def applied(
    base: Base, items: Sequence[StackItem], cache: AdapterCache | None = None
) -> Iterator[list[Report]]:
    """Inside, `base` computes with the stack; afterwards it is bit for bit what it was.

    Yields one report per enabled item. Raises MissingError, FileError, MismatchError, or SettingsError
    (a block the base does not have) before anything was changed.
    """
    work = Attachment(base, cache if cache is not None else AdapterCache(), items)
    try:
        reports = []
        for item in items:
            if not item.enabled:
                continue
            reports.append(work.take(load_adapter(item.path, work.cache).adjusted(item), item))
        work.commit()
        yield reports
    finally:
        work.undo()
