"""Blind votes on a comparison, as they are kept beside it.

    comparisons/20261121-153000-shapes/
      votes.jsonl      a line as each thing happens: voter, vote, undo, ended, same

A vote names columns, prompt and seed by their places in `comparison.json`; nothing of it ever goes to a
voter's page. Lines are only added: a second vote of a voter on the same pair of images replaces the
first, an undo takes the voter's last vote back, `same` says that two images are equal and nobody is asked
about them, a torn or damaged line is passed over.

Owns: the lines and what they add up to. Refuses to know: in which order pairs are shown (`vote_plan`),
what follows from the votes (`vote_result`), the page. Imports no torch.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from studio.compare.record import Comparison
from studio.core import atomic, text
from studio.core.errors import InputError
from studio.core.names import printable
from studio.core.record import Record

VOTES_FILE = "votes.jsonl"
LONGEST_NAME = 40
KEPT = "All votes given so far are kept."

Question = Literal["prefer", "subject", "prompt"]
QUESTIONS: dict[Question, str] = {
    "prefer": "Which do you prefer?",
    "subject": "Which looks more like the subject?",
    "prompt": "Which follows the prompt better?",
}
Choice = Literal["a", "b", "equal", "bad"]
"""For the first column, for the second, for neither, or both are bad."""


class ImagePair(NamedTuple):
    """Two images of one prompt and one seed: columns a < b, the place of the prompt, the seed."""

    a: int
    b: int
    prompt: int
    seed: int


class Line(Record):
    """One line of the file."""

    kind: Literal["voter", "vote", "undo", "ended", "same"]
    voter: str
    question: Question
    time: float = 0.0
    order: str = ""
    """Of a voter: what the order of pairs, their sides and their tokens are made from."""
    a: int = -1
    b: int = -1
    prompt: int = -1
    seed: int = -1
    choice: Choice | None = None
    left: int = -1
    """The column whose image was on the left."""


@dataclass(frozen=True)
class Vote:
    """One vote that counts."""

    pair: ImagePair
    choice: Choice
    left: int
    place: int
    """The number of its line: votes of several people in the order in which they were given."""


@dataclass
class Ballot:
    """What one voter has answered to one question."""

    voter: str
    question: Question
    order: str = ""
    votes: dict[ImagePair, Vote] = field(default_factory=dict)
    """The votes that count, the last one at the end."""
    ended: bool = False
    """Whether the voter has ended and not gone on since."""

    def vote(self, vote: Vote) -> None:
        """Counts a vote, in place of an earlier one on the same images."""
        self.votes.pop(vote.pair, None)
        self.votes[vote.pair] = vote
        self.ended = False

    @property
    def last(self) -> Vote | None:
        """The vote that an undo would take back."""
        return next(reversed(self.votes.values()), None)


class Ballots:
    """Every voter's votes on one comparison."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, Question], Ballot] = {}
        self.same: set[ImagePair] = set()
        """Pairs of equal images."""

    def __iter__(self) -> Iterator[Ballot]:
        return iter(self._found.values())

    def of(self, voter: str, question: Question) -> Ballot | None:
        """The votes of one person, whose name may be written in small or large letters."""
        return self._found.get((_key(voter), question))

    def add(self, line: Line, place: int) -> None:
        """What a further line changes; one that no page of ours has written changes nothing."""
        if len(line.voter) > LONGEST_NAME:
            return
        if line.kind == "same":
            self.same.add(ImagePair(line.a, line.b, line.prompt, line.seed))
            return
        key = (_key(line.voter), line.question)
        ballot = self._found.setdefault(key, Ballot(line.voter, line.question))
        if line.kind == "voter":
            ballot.order = ballot.order or line.order
        elif line.kind == "ended":
            ballot.ended = True
        elif line.kind == "undo" and ballot.last is not None:
            del ballot.votes[ballot.last.pair]
        elif line.kind == "vote" and line.choice is not None:
            pair = ImagePair(line.a, line.b, line.prompt, line.seed)
            ballot.vote(Vote(pair, line.choice, line.left, place))

    def counted(self, question: Question, comparison: Comparison) -> list[Vote]:
        """The votes on a question, in the order they were given; those on images that the comparison
        does not have are left out."""
        cells = {(cell.column, cell.prompt, cell.seed) for cell in comparison.cells}
        votes = [
            vote
            for ballot in self
            if ballot.question == question
            for vote in ballot.votes.values()
            if 0 <= vote.pair.a < vote.pair.b < len(comparison.columns)
            and all((column, *vote.pair[2:]) in cells for column in vote.pair[:2])
        ]
        return sorted(votes, key=lambda vote: vote.place)

    def questions(self) -> list[Question]:
        """The questions that have votes."""
        asked = {ballot.question for ballot in self if ballot.votes}
        return [question for question in QUESTIONS if question in asked]


def read_ballots(folder: str | Path) -> Ballots:
    """The votes in a comparison's folder; none where there is no file, or none that can be read."""
    found = Ballots()
    try:
        lines = text.read_bytes(Path(folder) / VOTES_FILE).split(b"\n")
    except (OSError, text.TextError):
        return found
    for place, line in enumerate(lines):
        try:
            found.add(Line.read(text.parse_json(line)), place)
        except ValueError:
            continue
    return found


def write_line(folder: str | Path, line: Line) -> None:
    """Adds a line, durably. StorageError when the disk refuses; what was there is intact."""
    atomic.append_line(
        Path(folder) / VOTES_FILE, json.dumps(line.as_json(), ensure_ascii=False), durable=True
    )


def voter_name(given: str) -> str:
    """A name as it is kept and shown. InputError for one that cannot be used."""
    name = " ".join(unicodedata.normalize("NFC", given).split())
    if not name:
        raise InputError("A vote needs a name", remedy="Write any name; votes are kept under it.")
    if len(name) > LONGEST_NAME:
        raise InputError("This name is too long", remedy=f"Use at most {LONGEST_NAME} characters.")
    if printable(name) != name:
        raise InputError(
            "This name holds characters that cannot be shown", remedy="Use letters and digits."
        )
    return name


def question_of(given: str) -> Question:
    """One of the questions. InputError for any other text."""
    for question in get_args(Question):
        if question == given:
            return question
    raise InputError("There is no such question", remedy="Choose one of those on the page.")


def _key(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
