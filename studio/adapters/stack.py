"""An ordered list of adapter files on a base: all on, or exactly none.

Owns: the order rule, strengths, on/off, and that the base is as before on every way out.
Refuses to know: kinds of adapters, how pictures are drawn.

Order rule: weight changes (LoRA and its kin) are summed, W + Σ sᵢ ΔWᵢ in list order; they commute
but for rounding, and changes relative to W (DoRA, IA3, OFT) all see the base's own W. Hooks
(hypernetworks) feed one into the next in list order. Of two words with one name the later wins.
Aesthetic embeddings each bend the same untouched text, and their changes are added up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from studio.adapters.base import Attachment, Report
from studio.adapters.cache import AdapterCache

if TYPE_CHECKING:
    from studio.config import StackItem
    from studio.families.base import Base


@contextmanager
def applied(
    base: Base, items: Sequence[StackItem], cache: AdapterCache | None = None
) -> Iterator[list[Report]]:
    """Inside, `base` computes with the stack; afterwards it is bit for bit what it was.

    Yields one report per enabled item. Raises MissingError, FileError or MismatchError before
    anything was changed.
    """
    work = Attachment(base, cache if cache is not None else AdapterCache(), items)
    try:
        reports = []
        for item in items:
            if not item.enabled:
                continue
            text = item.strength if item.text_strength is None else item.text_strength
            adapter = work.cache.load(item.path).adjusted(item)
            reports.append(adapter.attach(work, item.strength, text))
        work.commit()
        yield reports
    finally:
        work.undo()
