"""What the checks need to know of a base, read from its files.

Owns: the resolution and steps of its images, and counting tokens by its vocabulary, which is read only
when a caption is long. Refuses to know: where bases are. Imports torch only to count.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from studio.architectures import ARCHITECTURES
from studio.checkup.records import BaseFacts
from studio.core.errors import StudioError
from studio.families.detect import BaseInfo
from studio.families.size_multiple import size_multiple

if TYPE_CHECKING:
    from studio.families.prompt_tokens import Tokenizer


def base_facts(info: BaseInfo, vocabularies: Path, resolution: int = 0) -> BaseFacts | None:
    """The facts of a base, trained at `resolution` (0: its own); None for one of an unknown family.

    `vocabularies`: where one lies for bases of one file, as in `load_base`.
    """
    if info.family is None or not info.path.exists():
        return None
    multiple = size_multiple(info.path, info.family)
    if multiple is None:
        return None
    kind = ARCHITECTURES[info.family]
    tokens = kind.text_encoders[0].tokens
    return BaseFacts(
        info.name,
        info.title,
        resolution or info.native_size or kind.variants[0].native_size,
        multiple,
        _Counter(info.path, vocabularies) if tokens else None,
        (tokens or 2) - 2,
    )


class _Counter:
    """Tokens of captions by the vocabulary of a base; none where that is not on this machine."""

    def __init__(self, path: Path, extra: Path) -> None:
        self._path, self._extra = path, extra

    def __call__(self, text: str) -> tuple[int, int]:
        return self._tokenizer.count(text) if self._tokenizer else (0, 1)

    @cached_property
    def _tokenizer(self) -> Tokenizer | None:
        from studio.families.prompt_tokens import tokenizer_of

        try:
            return tokenizer_of(self._path, self._extra)
        except StudioError:
            return None
