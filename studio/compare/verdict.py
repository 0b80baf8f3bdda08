"""What the differences say, in sentences that claim no more than the intervals do.

Owns: the words. Refuses to know: how differences are found, pages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from studio.compare.differences import better
from studio.compare.measures import MEASURES, Measure
from studio.compare.record import Difference, GroupDifference

Pair = Difference | GroupDifference
Key = TypeVar("Key", int, str)
"""Place of a column, name of a group."""


def sentences(names: Sequence[str], differences: Sequence[Difference]) -> tuple[str, ...]:
    """Of columns, by their names; one or two sentences per measure."""
    found = {(one.measure, one.a, one.b): one for one in differences}
    return _all(dict(enumerate(names)), found)


def group_sentences(differences: Sequence[GroupDifference]) -> tuple[str, ...]:
    """Of groups; how many runs each has is said once where it is the same, else behind every name."""
    runs: dict[str, int] = {}
    for one in differences:
        runs.setdefault(one.a, one.runs[0])
        runs.setdefault(one.b, one.runs[1])
    several = {count for count in runs.values() if count > 1}
    names = {name: f"{name} ({count} runs)" if count > 1 else name for name, count in runs.items()}
    if len(several) == 1:
        names = {name: name for name in runs}
    found = _all(names, {(one.measure, one.a, one.b): one for one in differences})
    if len(several) == 1 and found:
        return (
            f"Each entry was trained {several.pop()} times, with another seed each time.",
            *found,
        )
    return found


def _all(
    names: Mapping[Key, str], differences: Mapping[tuple[str, Key, Key], Pair]
) -> tuple[str, ...]:
    """A measure in which every column has the same value has nothing to say."""
    found: list[str] = []
    for row in MEASURES:
        own = {(a, b): one for (key, a, b), one in differences.items() if key == row.key}
        if any(one.value != 0 for one in own.values()):
            found += _of(row, names, own)
    return tuple(found)


def _of(row: Measure, names: Mapping[Key, str], pairs: Mapping[tuple[Key, Key], Pair]) -> list[str]:
    if len(pairs) == 1:
        (((a, b), one),) = pairs.items()
        winner = better(one)
        if not winner:
            return [
                f"{names[a]} and {names[b]} cannot be told apart in {_called(row)} ({_how(row, one)})."
            ]
        first, second = (a, b) if winner > 0 else (b, a)
        return [f"{names[first]} {row.comparative} {names[second]} ({_how(row, one, winner)})."]
    leader = _leader(row, pairs)
    equal: list[tuple[Key, Pair, int]] = []
    behind: list[tuple[Key, Pair, int]] = []
    for (a, b), one in pairs.items():
        if leader in (a, b):
            other, sign = (b, 1) if a == leader else (a, -1)
            (behind if better(one) == sign else equal).append((other, one, sign))
    said = []
    if behind:
        others = _list([names[other] for other, _, _ in behind])
        other, nearest, sign = min(behind, key=lambda entry: abs(entry[1].value))
        how = _how(row, nearest, sign)
        how = how if len(behind) == 1 else f"to {names[other]}: {how}"
        said.append(f"{names[leader]} {row.comparative} {others} ({how}).")
    if equal:
        others = _list([names[other] for other, _, _ in equal])
        said.append(f"{names[leader]} cannot be told apart from {others} in {_called(row)}.")
    return said


def _leader(row: Measure, pairs: Mapping[tuple[Key, Key], Pair]) -> Key:
    """The column whose value is on the good side of every other one's, told apart or not."""
    above: dict[Key, int] = {}
    for (a, b), one in pairs.items():
        first, second = (a, b) if (one.value >= 0) == (row.better == "higher") else (b, a)
        above[first] = above.get(first, 0) + 1
        above.setdefault(second, 0)
    return max(above, key=lambda key: above[key])


def _how(row: Measure, one: Pair, sign: int = 1) -> str:
    """“difference 0.12, 0.08 … 0.16”, of the one named first minus the other."""
    unit = row.behind
    if one.low is None or one.high is None:
        return "too few images"
    low, high = sorted((sign * one.low, sign * one.high))
    ends = f"{row.number(low)} … {row.number(high)}"
    apart = "" if getattr(one, "paired", True) else ", images not paired"
    return f"difference {row.number(sign * one.value)}, {ends}{unit}{apart}"


def _called(row: Measure) -> str:
    """The label inside a sentence."""
    label = row.label
    return label if label[1:2].isupper() else label[0].lower() + label[1:]


def _list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
