"""Which two images a voter sees next, and on which sides.

Each voter has an order of their own, made from what is kept with the votes: the same after a restart, in
a second window, on another machine. In it

- the pairs of columns take turns, in rounds, so that each of them has its votes early;
- a pair of columns shows every prompt once before any prompt again: images of one prompt are alike, and
  further ones tell less;
- a column stands as often on the left as on the right of another one, in blocks of two.

Among those not voted on, pairs of columns without an answer come first, then pairs of images that nobody
has seen: those tell most. Owns: this order, and the tokens. Refuses to know: files, the stop rule.
"""

from __future__ import annotations

import hashlib
import hmac
import random
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, zip_longest

from studio.compare.record import Comparison
from studio.compare.vote.votes import ImagePair

MOST_PAIRS = 5000
"""Nobody votes on more; further pairs of images are left out."""


@dataclass(frozen=True)
class Shown:
    """Two images, the column on the left, and the word that stands for them on the page."""

    pair: ImagePair
    left: int
    token: str

    @property
    def right(self) -> int:
        return self.pair.b if self.left == self.pair.a else self.pair.a


def possible(comparison: Comparison) -> dict[tuple[int, int], list[ImagePair]]:
    """Every two columns → the pairs of images of one prompt and seed that both have."""
    cells: list[set[tuple[int, int]]] = [set() for _ in comparison.columns]
    for cell in comparison.cells:
        if 0 <= cell.column < len(cells) and 0 <= cell.prompt < len(comparison.prompts):
            cells[cell.column].add((cell.prompt, cell.seed))
    return {
        (a, b): [ImagePair(a, b, *both) for both in sorted(cells[a] & cells[b])]
        for a, b in combinations(range(len(cells)), 2)
    }


def plan(comparison: Comparison, order: str) -> list[Shown]:
    """All pairs of images in one voter's order."""
    dice = random.Random(order)
    lanes = [_lane(images, dice) for images in possible(comparison).values() if images]
    found: list[Shown] = []
    for turn in zip_longest(*lanes):
        round_ = [one for one in turn if one is not None]
        dice.shuffle(round_)
        found += [Shown(pair, left, token(order, pair)) for pair, left in round_]
        if len(found) >= MOST_PAIRS:
            break
    return found[:MOST_PAIRS]


def next_ones(
    planned: Sequence[Shown],
    voted: Collection[ImagePair],
    seen: Collection[ImagePair],
    decided: Collection[tuple[int, int]],
) -> list[Shown]:
    """What is left to vote on, what tells most in front."""
    left = [one for one in planned if one.pair not in voted]
    return sorted(left, key=lambda one: (one.pair[:2] in decided, one.pair in seen))


def token(order: str, pair: ImagePair) -> str:
    """A word for a pair of images that tells a voter nothing and that nobody else can make."""
    text = ",".join(map(str, pair))
    return hmac.new(order.encode(), text.encode(), hashlib.sha256).hexdigest()[:32]


def _lane(images: Iterable[ImagePair], dice: random.Random) -> list[tuple[ImagePair, int]]:
    """The pairs of images of two columns, prompts taking turns, each with its left column."""
    by_prompt: dict[int, list[ImagePair]] = {}
    for image in images:
        by_prompt.setdefault(image.prompt, []).append(image)
    groups = list(by_prompt.values())
    dice.shuffle(groups)
    for group in groups:
        dice.shuffle(group)
    ordered = [one for turn in zip_longest(*groups) for one in turn if one is not None]
    sides: list[int] = []
    while len(sides) < len(ordered):
        block = [*ordered[0][:2]]
        dice.shuffle(block)
        sides += block
    return list(zip(ordered, sides, strict=False))
