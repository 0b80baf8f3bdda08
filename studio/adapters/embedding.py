"""Textual-inversion files on a base: their vectors become words that prompts can use.

Owns: which word a file answers to and whether its width fits. Refuses to know: containers
(`studio.formats`), tokens and prompts (`studio.families.text`).

A file answers to its name without ending, as in web UIs, and to the token or trigger that its own
metadata states. Strength scales the vectors. One strength only: words are text.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from studio.adapters import diagnosis
from studio.adapters.base import Adapter, Attachment, Report
from studio.formats import embedding, embedding_facts, metadata
from studio.formats.embedding import EmbeddingFile

if TYPE_CHECKING:
    from torch import Tensor

    from studio.families.base import Base
    from studio.formats.sniff import Content

SLOTS = ("text_encoder", "text_encoder_2")


class WordAdapter(Adapter):
    """One embedding file: usually one word, sometimes several."""

    kind = "embedding"
    text_only = True

    def __init__(self, file: EmbeddingFile) -> None:
        self.file = file
        self.path = file.path
        self.name = file.path.stem
        self.words = dict(file.embeddings)
        if len(self.words) == 1:
            vectors = next(iter(self.words.values()))
            for key in ("modelspec.trigger_phrase", "token"):
                stated = file.metadata.get(key, "").strip()[: metadata.LONGEST_TRIGGER]
                if stated and stated != "*":  # `*` is the placeholder old programs all write
                    self.words.setdefault(stated, vectors)
        tensors = [tensor for slots in file.embeddings.values() for tensor in slots.values()]
        self.size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        self.info = {
            "dialect": file.dialect,
            "trigger": next(reversed(self.words)),
            "words": list(self.words),
            "vectors": [len(next(iter(slots.values()))) for slots in file.embeddings.values()],
            "step": file.step,
            "negative": metadata.for_negative(file.metadata),
        }

    @staticmethod
    def read(path: str | Path, content: Content | None = None) -> WordAdapter:
        """See `Adapter.read`."""
        return WordAdapter(embedding.read(path, content))

    def attach(self, work: Attachment, strength: float, text_strength: float) -> Report:
        """See `Adapter.attach`. `text_strength` scales the vectors; 0 leaves the word unknown."""
        for word, slots in self.words.items():
            vectors = widths_fit([slots.get(slot) for slot in SLOTS], work.base)
            if vectors is None:
                given = {slot: int(tensor.shape[-1]) for slot, tensor in slots.items()}
                raise diagnosis.embedding_mismatch(self.path, given, work.base)
            if text_strength != 0:
                scaled = [(vector * text_strength).to(work.base.device) for vector in vectors]
                work.word(word, scaled)
        own = {word.casefold() for word in self.words}
        twins = [word for word in work.words if word not in self.words and word.casefold() in own]
        called = " or ".join(f"“{word}”" for word in self.words)
        where = "negative prompt" if self.info["negative"] else "prompt"
        message = f"Write {called} in the {where}."
        if twins:
            other = ", ".join(f"“{word}”" for word in twins)
            message += f" The case matters here: {other} is another file's word."
        if outputs := self.file.outputs:
            message += f" {embedding_facts.output_problem(outputs)}"
        return Report(self.path, self.kind, len(self.words), list(outputs), message)


def widths_fit(vectors: Sequence[Tensor | None], base: Base) -> list[Tensor] | None:
    """The vectors for each of the base's text encoders, or None when they do not fit."""
    wanted = [int(encoder.config.hidden_size) for encoder in base.text_encoders]
    given = [vector for vector in vectors if vector is not None]
    widths = [int(vector.shape[-1]) for vector in given]
    return given if widths == wanted and vectors[0] is not None else None
