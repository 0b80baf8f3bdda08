"""How many tokens a prompt has, by a base's own vocabulary, without loading the base.

Owns: finding that vocabulary and what one chunk takes. Refuses to know: brackets in a prompt
(`studio.infer.prompt`), words of adapters.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.architectures import ARCHITECTURES
from studio.core.errors import MissingError
from studio.families import detect, vocabulary
from studio.families.text import chunks_of
from studio.families.weighted import Text


@dataclass(frozen=True)
class Tokenizer:
    """A base's first vocabulary."""

    reader: Any
    room: int | None
    """Tokens of one chunk, begin and end not counted; None: any number."""

    def count(self, text: Text) -> tuple[int, int]:
        """(tokens, chunks) of a text."""
        chunks = chunks_of(self.reader, text, {}, self.room or sys.maxsize)
        return sum(len(chunk.ids) for chunk in chunks), len(chunks)


def tokenizer_of(path: Path, extra: Path | None = None) -> Tokenizer:
    """The vocabulary of the base at `path`; `extra` as in `load_base`. Nothing is downloaded.

    Raises MissingError where it is not on this machine, FileError where it is broken.
    """
    kind = ARCHITECTURES.get(detect.describe(path).family or "")
    if kind is None:
        raise MissingError("This is no base model that the studio knows", where=path.name)
    encoder = kind.text_encoders[0]
    if path.is_file():
        recipe = detect.file_recipe(path)
        size = recipe.parts[kind.text_names[0]]["vocab_size"]
        folder = vocabulary.find(path, size, extra, download=False)
        reader = vocabulary.read(folder, recipe.pad_tokens[0])
    else:
        reader = vocabulary.read(path / kind.tokenizer_names[0], class_name=encoder.tokenizer)
    return Tokenizer(reader, encoder.tokens and encoder.tokens - 2)
