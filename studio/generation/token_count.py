"""Tokens of the prompts that somebody is writing, counted as generating would encode them.

Owns: which vocabulary is kept, and what of a prompt is counted. Refuses to know: pages. Imports torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from studio.core.errors import StudioError
from studio.families.prompt_tokens import Tokenizer, tokenizer_of
from studio.infer import prompt as brackets
from studio.infer import template
from studio.infer.tags import split_tags
from studio.library.library import Library

MOST_REMEMBERED = 50_000  # captions whose tokens are kept


@dataclass(frozen=True)
class TokenCount:
    """What is shown beside a prompt: `tokens` of `room`; `room` is None where any number fits."""

    tokens: int
    room: int | None
    varies: bool
    """Whether images choose different texts: then it is one of them that was counted."""


@dataclass(frozen=True)
class CaptionTokens:
    """The tokens of each caption; `room` is what one chunk takes, None where any number fits."""

    tokens: list[int]
    room: int | None


class TokenCounter:
    """Counts by the vocabulary of the base that was asked for last."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self._last: tuple[Path, Tokenizer] | None = None
        self._counted: dict[str, int] = {}  # by the last vocabulary

    def count(self, base: str, prompt: str, syntax: bool = True) -> TokenCount:
        """The tokens of a prompt at the sampling step that has most.

        A word of an embedding counts as its letters do: how many vectors it has is in its file.
        Errors of the base and of wildcards come through.
        """
        tokenizer = self._tokenizer(base)
        varies = syntax and template.has_choices(prompt)
        if not syntax:
            counts = [tokenizer.count(prompt)]
        else:
            text = template.resolve(prompt, 0, self.library.wildcards.lines)
            steps = dict.fromkeys(brackets.steps_of(split_tags(text)[0], 20))
            counts = [tokenizer.count(brackets.weighted(step)) for step in steps]
        tokens, chunks = max(counts)
        return TokenCount(tokens, tokenizer.room and tokenizer.room * chunks, varies)

    def captions(self, base: str, captions: Sequence[str]) -> CaptionTokens:
        """The tokens of captions, in which nothing is a choice or a weight. Errors of the base."""
        tokenizer = self._tokenizer(base)
        counted = self._counted
        for text in captions:
            if text not in counted:
                counted[text] = tokenizer.count(text)[0]
        found = CaptionTokens([counted[text] for text in captions], tokenizer.room)
        if len(counted) > MOST_REMEMBERED:
            self._counted = {}
        return found

    def _tokenizer(self, base: str) -> Tokenizer:
        path = self.library.base_path(base)
        if isinstance(path, str):
            raise StudioError("This base has to be downloaded first", where=path)
        if self._last is None or self._last[0] != path:
            self._last = (path, tokenizer_of(path, self.library.workspace.bases / "tokenizer"))
            self._counted = {}
        return self._last[1]
