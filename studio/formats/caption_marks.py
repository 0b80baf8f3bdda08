"""What other trainers write into captions, as training here reads it.

    [trigger] on a sofa          ai-toolkit: stands for the trigger word
    miku \\(vocaloid\\)            taggers: brackets escaped for prompts; training means brackets
    several lines                one text here; kohya takes the first line, OneTrainer draws one

Owns: these three, and the notes about them. Refuses to know: files, prompts, templates.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from studio.core.counts import counted

_TRIGGER = re.compile(r"\[trigger\]", re.IGNORECASE)
_ESCAPED = re.compile(r"\\([()\[\]{}])")
_LINE_END = re.compile(r"\s*[\r\n]+\s*")


def as_trained(caption: str, trigger: str) -> str:
    """The caption as training reads it: the trigger in its place, plain brackets, one line."""
    if trigger:
        caption = _TRIGGER.sub(lambda _: trigger, caption)
    return _LINE_END.sub(" ", _ESCAPED.sub(r"\1", caption)).strip()


def notes_on(captions: Iterable[str | None], trigger: str) -> list[str]:
    """Sentences on what of these captions is read in another way than it is written."""
    texts = [caption.strip() for caption in captions if caption]
    marked = sum(bool(_TRIGGER.search(text)) for text in texts)
    escaped = sum(bool(_ESCAPED.search(text)) for text in texts)
    several = sum(bool(_LINE_END.search(text)) for text in texts)
    notes = []
    if marked and trigger:
        notes.append(f"“[trigger]” in {_captions(marked)} is read as “{trigger}”.")
    elif marked:
        notes.append(f"“[trigger]” in {_captions(marked)} stays as it is: no trigger word is set.")
    if escaped:
        notes.append(
            f"Brackets written as \\( and \\) in {_captions(escaped)} are read as plain brackets."
        )
    if several:
        notes.append(
            f"Several lines in {_captions(several)} are read as one text. (Other trainers take the "
            'first line, or a random one; “captions = "lines"” in dataset.toml does so here.)'
        )
    return notes


def _captions(count: int) -> str:
    return counted(count, "caption")
