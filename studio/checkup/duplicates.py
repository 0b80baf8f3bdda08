"""Checks for the same image twice: copies, re-encoded or resized ones, mirrored ones.

Owns: its rows of the table, the hash and the limits. Refuses to know: how tiny copies are made
(`formats.image_look`).

The hash is the signs of the low frequencies of a tiny grey copy (DCT, 8 × 8 without the mean, 63
bits; Zauner 2010). Mirroring an image changes the sign of every odd horizontal frequency, so the
hash of the mirrored image is one XOR away. Hashes that are near each other are only candidates: the
tiny copies decide. Every image is held against those behind it in one operation (XOR, population
count), so 10,000 images take about a second and the memory of one row.

Measured on the 160 images that ship: re-encoded, halved, doubled and mirrored copies differ in at
most 5 bits and correlate at 0.993 and more; the two most alike of different images correlate at 0.95.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from studio.checkup.records import Check, Evidence, Hit
from studio.formats.image_look import GRID, tiny_copies

BITS = 10  # of 63 that may differ
ALIKE = 0.975  # correlation of the tiny copies
FLAT = 3.0  # of 255: mean difference below which copies without contrast are the same
COLOUR = 32.0  # of 255: the mean colours may differ by that
_LOW = 8
_Grey = np.ndarray[tuple[int, ...], np.dtype[np.float32]]
_Words = np.ndarray[tuple[int, ...], np.dtype[np.uint64]]


class Copies:
    """The tiny copies of some images, and which are the same image."""

    def __init__(self, encoded: list[str]) -> None:
        self.grey, self.colours = tiny_copies(encoded)
        self.hashes, odd = _hashes(self.grey)
        self.mirrored = self.hashes ^ odd

    def like(self, index: int, others: slice) -> Iterator[tuple[int, bool]]:
        """(place among `others`, whether it is mirrored) of the images that are image `index` too."""
        hashes = self.hashes[others]
        near = np.bitwise_count(hashes ^ self.hashes[index]) <= BITS
        flipped = np.bitwise_count(hashes ^ self.mirrored[index]) <= BITS
        for place in np.flatnonzero(near | flipped):
            other = int(place) + others.start
            if abs(self.colours[index] - self.colours[other]).max() > COLOUR:
                continue
            if near[place] and _same(self.grey[index], self.grey[other]):
                yield int(place), False
            elif flipped[place] and _same(self.grey[index], self.grey[other][:, ::-1]):
                yield int(place), True


def _duplicates(seen: Evidence) -> list[Hit]:
    paths = _known(seen, [item.path for item in seen.info.items])
    copies = Copies([seen.facts[path].tiny for path in paths])
    taken = np.zeros(len(paths), dtype=bool)
    hits = []
    for index, path in enumerate(paths):
        if taken[index]:
            continue
        behind = slice(index + 1, len(paths))
        found = [(at + behind.start, flip) for at, flip in copies.like(index, behind)]
        new = [(at, flip) for at, flip in found if not taken[at]]
        taken[[at for at, _ in new]] = True
        if new:
            hits.append(_group(seen, path, [(paths[at], flip) for at, flip in new]))
    return hits


def _leaks(seen: Evidence) -> list[Hit]:
    trained = _known(seen, [item.path for item in seen.info.items])
    held_out = _known(seen, seen.held_out)
    if not held_out or not trained:
        return []
    copies = Copies([seen.facts[path].tiny for path in (*held_out, *trained)])
    behind = slice(len(held_out), len(held_out) + len(trained))
    return [
        _group(seen, path, [(trained[at], flip) for at, flip in found])
        for index, path in enumerate(held_out)
        if (found := list(copies.like(index, behind)))
    ]


def _known(seen: Evidence, paths: Sequence[Path]) -> list[Path]:
    return [path for path in paths if seen.facts[path].tiny]


def _group(seen: Evidence, first: Path, others: list[tuple[Path, bool]]) -> Hit:
    names = [seen.name(path) + (" (mirrored)" if flip else "") for path, flip in others]
    return Hit((first, *(path for path, _ in others)), f"{seen.name(first)} = {', '.join(names)}")


def _hashes(grey: _Grey) -> tuple[_Words, np.uint64]:
    """(a word of 63 signs for each copy [N, 16, 16], the signs that mirroring turns)."""
    frequency, place = np.arange(_LOW)[:, None], np.arange(GRID)[None]
    waves = np.cos(np.pi * (2 * place + 1) * frequency / (2 * GRID)).astype(np.float32)
    signs = (waves @ grey @ waves.T).reshape(len(grey), -1) > 0
    odd = np.tile(np.arange(_LOW) % 2 == 1, _LOW)
    weights = np.uint64(1) << np.arange(_LOW * _LOW, dtype=np.uint64)
    weights[0] = 0  # the mean is brightness, which says nothing
    words: _Words = (signs * weights).sum(axis=1, dtype=np.uint64)
    return words, (odd * weights).sum(dtype=np.uint64)


def _same(one: _Grey, other: _Grey) -> bool:
    if float(np.abs(one - other).mean()) <= FLAT:
        return True
    a, b = one - one.mean(), other - other.mean()
    length = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return length > 0 and float((a * b).sum()) >= ALIKE * length


CHECKS = (
    Check(
        "duplicate", "Nearly the same image", "a perceptual hash, mirrored images included",
        "Each copy counts as an image of its own: keep one, unless you mean it.",
        "warning", _duplicates,
    ),
    Check(
        "leak", "Held out and trained on", "the same, between held-out images and the others",
        "A held-out image that is trained on measures memory: take it out of one of the two.",
        "warning", _leaks,
    ),
)  # fmt: skip
