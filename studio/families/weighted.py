"""Text whose parts count more or less: what a prompt's brackets have become.

Owns: the two classes. Refuses to know: how brackets are written (`studio.infer.prompt`), tokens.
Imports no torch. Captions and prompts without brackets are plain `str` everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """A stretch of text and the factor of its hidden states."""

    text: str
    weight: float = 1.0


@dataclass(frozen=True)
class Weighted:
    """A whole text; each part begins a chunk of its own (what `BREAK` asks for)."""

    parts: tuple[tuple[Span, ...], ...]


Text = str | Weighted


def parts_of(text: Text) -> tuple[tuple[Span, ...], ...]:
    """The parts of any text; a plain one is a single span of weight 1."""
    return text.parts if isinstance(text, Weighted) else ((Span(text),),)
