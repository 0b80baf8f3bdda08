"""Several captions of one image: training picks one of them at every step.

    metadata.jsonl, 1.json    a list: {"captions": ["a cat", {"text": "a zibbo cat", "weight": 2}]}
    1.txt                     one on each line, where `dataset.toml` says captions = "lines"; a line
                              that stands there twice counts twice

Owns: both forms, and the one text that the studio shows and edits for either: a line for each, as
often as it counts. Refuses to know: which file is whose, random numbers.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from studio.core.text import lines

KEYS = ("captions", "text", "caption", "prompt")
"""Where a list of captions may stand in a row of a table, or in a `.json` beside an image."""
MOST = 100
"""Lines of a list's text: finer weights are rounded to hundredths."""


class Listed(str):
    """The text of several captions: its lines are alternatives. Any other text is one caption."""

    __slots__ = ()


def lines_of(text: str) -> tuple[str, ...]:
    """The captions of a text whose lines are alternatives, each as often as it counts."""
    return tuple(line.strip() for line in lines(text) if line.strip())


def weights_of(text: str) -> dict[str, int]:
    """Each different caption of such a text, in order, with how often it counts."""
    return dict(Counter(lines_of(text)))


def text_of(weights: Iterable[tuple[str, int]]) -> str:
    """The text of captions with their weights."""
    rows = ((" ".join(text.split()), times) for text, times in weights)
    return "\n".join(line for text, times in rows if text for line in [text] * times)


def captions_of(text: str | None) -> tuple[str, ...]:
    """The captions of an image that has several; none where it has one, or none at all."""
    return lines_of(text) if isinstance(text, Listed) else ()


def first_of(text: str | None) -> str:
    """What an image is judged by: its caption, or the first of several."""
    return next(iter(captions_of(text)), text or "")


def marked(text: str | None, each_line: bool) -> str | None:
    """A caption as what it is in a dataset that says whether lines are alternatives."""
    return Listed(text) if each_line and text is not None else text


def from_list(rows: Any) -> Listed:
    """The captions of a list: texts, or {"text": …, "weight": …}. Raises ValueError for anything else."""
    if not isinstance(rows, list):
        raise ValueError("no list")
    found: dict[str, Fraction] = {}
    for row in rows:
        text, weight = _row(row)
        if text and weight:
            found[text] = found.get(text, Fraction(0)) + weight
    return Listed(text_of(zip(found, _whole(list(found.values())), strict=True)))


def as_list(text: str) -> list[Any]:
    """The list that a text of several captions is written as."""
    return [
        line if times == 1 else {"text": line, "weight": times}
        for line, times in weights_of(text).items()
    ]


def _row(row: Any) -> tuple[str, Fraction]:
    weight: Any = 1
    if isinstance(row, dict):
        weight = row.get("weight", 1)
        row = next((row[key] for key in KEYS if isinstance(row.get(key), str)), None)
    number = isinstance(weight, int | float) and not isinstance(weight, bool)
    if not isinstance(row, str) or not number or not math.isfinite(weight) or weight < 0:
        raise ValueError("no text, or a weight that is no number from 0 up")
    return " ".join(row.split()), Fraction(str(weight))


def _whole(weights: list[Fraction]) -> list[int]:
    """The same proportions in small whole numbers: 0.5 and 0.25 are 2 and 1."""
    if not weights:
        return []
    scale = math.lcm(*(weight.denominator for weight in weights))
    numbers = [int(weight * scale) for weight in weights]
    divisor = math.gcd(*numbers)
    numbers = [number // divisor for number in numbers]
    total = sum(numbers)
    if total <= max(MOST, len(numbers)):
        return numbers
    return [max(1, round(number * MOST / total)) for number in numbers]
