"""Two images that somebody is to vote on, found by a token and shown without names.

Owns: a pair of images as a voter gets it, tokens back to pairs, and why there is nothing to vote on.
Refuses to know: who votes, what was voted.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from studio.compare.record import Comparison
from studio.compare.vote import images as vote_images
from studio.compare.vote.plan import Shown, plan
from studio.compare.vote.votes import KEPT, Ballot, Vote
from studio.core.errors import FileError, InputError, StudioError


@dataclass(frozen=True)
class BlindPair:
    """Two images to vote on."""

    token: str
    prompt: str
    left: bytes
    """PNG, as is `right`: pixels alone."""
    right: bytes


def blind_pair(comparison: Comparison, folder: Path, shown: Shown) -> BlindPair | None:
    """A pair as its voter sees it; None when both images are equal. Raises FileError."""
    files = {(cell.column, cell.prompt, cell.seed): cell.file for cell in comparison.cells}
    paths = []
    for column in (shown.left, shown.right):
        path = (folder / files[column, shown.pair.prompt, shown.pair.seed]).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise FileError("An image of this comparison lies outside of it", where=folder.name)
        paths.append(path)
    try:
        images = vote_images.blind(*paths)
    except StudioError as error:  # whose place would tell the voter a column
        raise FileError(
            "An image of this comparison is gone or damaged", where=folder.name, why=error.why
        ) from None
    if images is None:
        return None
    return BlindPair(shown.token, comparison.prompts[shown.pair.prompt], *images)


def of_token(comparison: Comparison, ballot: Ballot, token: str) -> Shown:
    """The pair that a voter was given a token for. InputError for a token of nobody."""
    for shown in plan(comparison, ballot.order):
        if secrets.compare_digest(shown.token.encode(), token.encode()):
            return shown
    raise InputError(
        "This vote is for no pair of images that you were shown",
        why="Perhaps the comparison was made anew meanwhile.",
        remedy="Reload the page; you go on where you were.",
        safe=KEPT,
    )


def of_vote(comparison: Comparison, ballot: Ballot, vote: Vote) -> Shown:
    """The pair that a vote was on, as its voter saw it. InputError when it is gone."""
    for shown in plan(comparison, ballot.order):
        if shown.pair == vote.pair:
            return shown
    raise InputError("The last vote was on images that are gone", safe=KEPT)


def nothing_to_vote_on(comparison: Comparison) -> InputError:
    """Why no two images can be compared."""
    if len(comparison.columns) < 2:
        return InputError(
            "There is only one column",
            why="A vote is between two images of different columns.",
            remedy="Make a comparison with two columns or more.",
        )
    return InputError(
        "There is nothing to vote on yet",
        why="No two columns have an image of the same prompt and seed.",
        remedy="Wait until more was generated, or make the comparison again.",
    )
