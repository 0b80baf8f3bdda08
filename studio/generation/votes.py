"""Blind votes on the comparisons of a workspace: who votes, what is shown next, what came out.

Owns: answering voters, one line of the file at a time; which images are equal and are not asked about.
Refuses to know: the page. What a voter gets names no column, file or place: a token, a prompt, pixels.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from studio.compare.image_values import image_values
from studio.compare.record import Comparison
from studio.compare.vote import images as vote_images
from studio.compare.vote.blind_pairs import (
    BlindPair,
    blind_pair,
    nothing_to_vote_on,
    of_token,
    of_vote,
)
from studio.compare.vote.plan import next_ones, plan
from studio.compare.vote.result import VoteResult, duels_of, result
from studio.compare.vote.votes import (
    KEPT,
    QUESTIONS,
    Ballot,
    Ballots,
    Choice,
    Line,
    Question,
    question_of,
    read_ballots,
    voter_name,
    write_line,
)
from studio.core.errors import BusyError, FileError, InputError, MissingError, StudioError
from studio.formats.dataset import image_files
from studio.generation.comparisons import Comparisons

SIDES = ("left", "right", "equal", "bad")
MOST_REFERENCES = 4


@dataclass(frozen=True)
class Progress:
    """How far a voter is."""

    voter: str
    question: Question
    done: int
    left: int
    """Pairs that the voter has not voted on."""
    decided: bool
    """Whether all voters together have an answer for every two columns."""
    ended: bool


@dataclass(frozen=True)
class Invitation:
    """What somebody who opens the vote is told: nothing that would tell columns apart."""

    columns: int
    pairs: int
    question: Question
    """The one that was voted on last."""
    votes: dict[Question, int]
    decided: tuple[Question, ...]
    references: bool


class Votes:
    """The votes on a workspace's comparisons."""

    def __init__(self, comparisons: Comparisons) -> None:
        self.comparisons = comparisons
        self._lock = threading.Lock()

    def invitation(self, comparison_id: str) -> Invitation:
        """What can be voted on. InputError when there is nothing."""
        comparison, folder = self._opened(comparison_id)
        planned = plan(comparison, "")
        if not planned:
            raise nothing_to_vote_on(comparison)
        ballots = read_ballots(folder)
        counts = {question: len(ballots.counted(question, comparison)) for question in QUESTIONS}
        asked = [ballot.question for ballot in ballots]
        return Invitation(
            columns=len(comparison.columns),
            pairs=len(planned),
            question=asked[-1] if asked else "prefer",
            votes=counts,
            decided=tuple(
                question
                for question in ballots.questions()
                if self._decided(comparison, ballots, question)
            ),
            references=bool(comparison.reference.folder),
        )

    def start(
        self, comparison_id: str, name: str, question: str, *, again: bool = False
    ) -> Progress:
        """Begins to vote under a name. BusyError when somebody has done so already, unless it is
        `again` the same person."""
        comparison, folder = self._opened(comparison_id)
        voter, asked = voter_name(name), question_of(question)
        if not plan(comparison, ""):
            raise nothing_to_vote_on(comparison)
        with self._lock:
            known = read_ballots(folder).of(voter, asked)
            if known is not None and not again:
                raise BusyError(
                    f"“{known.voter}” votes in this comparison already",
                    why=f"Votes kept under this name: {len(known.votes)}.",
                    remedy="If that is you, go on with them; otherwise choose another name.",
                    safe=KEPT,
                )
            if known is None or not known.order:
                line = Line(kind="voter", voter=voter, question=asked, order=secrets.token_hex(16))
                self._write(folder, line)
        return self.progress(comparison_id, voter, question)

    def progress(self, comparison_id: str, voter: str, question: str) -> Progress:
        """How far a voter is."""
        comparison, folder = self._opened(comparison_id)
        ballots, ballot = self._ballot(folder, voter, question)
        planned = plan(comparison, ballot.order)
        left = [one for one in planned if one.pair not in ballot.votes]
        return Progress(
            ballot.voter,
            ballot.question,
            len(ballot.votes),
            sum(one.pair not in ballots.same for one in left),
            self._decided(comparison, ballots, ballot.question),
            ballot.ended,
        )

    def pair(
        self, comparison_id: str, voter: str, question: str, waiting: Collection[str] = ()
    ) -> BlindPair | None:
        """The next two images of a voter who has those of the tokens `waiting` already; None when
        nothing is left. What cannot be read, or is equal in both columns, is passed over."""
        comparison, folder = self._opened(comparison_id)
        ballots, ballot = self._ballot(folder, voter, question)
        votes = ballots.counted(ballot.question, comparison)
        decided = {
            (one.a, one.b)
            for one in duels_of(comparison, votes, ballots.same)
            if one.standing.state != "open"
        }
        planned = plan(comparison, ballot.order)
        seen = {vote.pair for vote in votes}
        problem: StudioError | None = None
        for shown in next_ones(planned, ballot.votes, seen, decided):
            if shown.token in waiting or shown.pair in ballots.same:
                continue
            try:
                found = blind_pair(comparison, folder, shown)
            except StudioError as error:  # this one alone is gone or damaged
                problem = error
                continue
            if found is not None:
                return found
            a, b, prompt, seed = shown.pair
            line = Line(
                kind="same",
                voter=ballot.voter,
                question=ballot.question,
                a=a,
                b=b,
                prompt=prompt,
                seed=seed,
            )
            self._write(folder, line)
        if problem is not None and not ballot.votes and not waiting:
            raise FileError(
                "The images of this comparison cannot be read",
                why=problem.why,
                remedy="Make the comparison again.",
                safe=KEPT,
            )
        return None

    def vote(self, comparison_id: str, voter: str, question: str, token: str, side: str) -> None:
        """Keeps a vote: `left`, `right`, `equal` or `bad`. InputError for a token of nobody."""
        comparison, folder = self._opened(comparison_id)
        if side not in SIDES:
            raise InputError("There is no such answer", remedy="Reload the page.", safe=KEPT)
        _, ballot = self._ballot(folder, voter, question)
        shown = of_token(comparison, ballot, token)
        choice: Choice = "equal" if side == "equal" else "bad"
        if side in ("left", "right"):
            column = shown.left if side == "left" else shown.right
            choice = "a" if column == shown.pair.a else "b"
        a, b, prompt, seed = shown.pair
        line = Line(
            kind="vote", voter=ballot.voter, question=ballot.question, a=a, b=b, prompt=prompt,
            seed=seed, choice=choice, left=shown.left,
        )  # fmt: skip
        self._write(folder, line)

    def undo(self, comparison_id: str, voter: str, question: str) -> BlindPair:
        """Takes the last vote of a voter back and returns its images. InputError without one."""
        comparison, folder = self._opened(comparison_id)
        with self._lock:
            _, ballot = self._ballot(folder, voter, question)
            last = ballot.last
            if last is None:
                raise InputError("There is no vote to take back", safe=KEPT)
            found = blind_pair(comparison, folder, of_vote(comparison, ballot, last))
            line = Line(kind="undo", voter=ballot.voter, question=ballot.question)
            self._write(folder, line)
        if found is None:  # somebody has replaced the files since
            raise FileError("These two images are the same now", safe=KEPT)
        return found

    def end(self, comparison_id: str, voter: str, question: str) -> None:
        """A voter votes no more, and may see the result."""
        _, folder = self._opened(comparison_id)
        _, ballot = self._ballot(folder, voter, question)
        if not ballot.ended:
            self._write(folder, Line(kind="ended", voter=ballot.voter, question=ballot.question))

    def result(self, comparison_id: str, question: str, voter: str = "") -> VoteResult:
        """What came out. A `voter` sees it after the end, or when there is an answer for every two
        columns; InputError before."""
        comparison, folder = self._opened(comparison_id)
        ballots, asked = read_ballots(folder), question_of(question)
        found = result(comparison, ballots, asked, image_values(folder, comparison))
        own = ballots.of(voter, asked) if voter else None
        if own is not None and not own.ended and not found.decided:
            raise InputError(
                "You are still voting",
                why="Whoever knows the result no longer votes blind.",
                remedy="End your votes first.",
                safe=KEPT,
            )
        return found

    def results(self, comparison_id: str) -> list[VoteResult]:
        """What came out, for each question that was voted on."""
        comparison, folder = self._opened(comparison_id)
        questions = read_ballots(folder).questions()
        return [self.result(comparison.id, question) for question in questions]

    def references(self, comparison_id: str) -> list[bytes]:
        """A few of the reference images, small; those that can be read."""
        comparison, _ = self._opened(comparison_id)
        if not comparison.reference.folder:
            return []
        workspace = self.comparisons.workspace
        found = []
        try:
            folder = workspace.images_folder(workspace.named(comparison.reference.folder))
            files = image_files(folder)
        except StudioError:  # moved or deleted since, or not for everybody
            return []
        for path in files[: 2 * MOST_REFERENCES]:
            try:
                found.append(vote_images.reference(path))
            except StudioError:
                continue
        return found[:MOST_REFERENCES]

    def _opened(self, comparison_id: str) -> tuple[Comparison, Path]:
        try:
            return self.comparisons.one(comparison_id), self.comparisons.folder(comparison_id)
        except MissingError:
            raise MissingError(
                "This comparison is not there any more",
                where=comparison_id[:100],
                why="It may have been moved to the workspace's trash, with the votes on it.",
                remedy="Put its folder back from there, or ask for another link.",
            ) from None

    def _ballot(self, folder: Path, voter: str, question: str) -> tuple[Ballots, Ballot]:
        ballots = read_ballots(folder)
        ballot = ballots.of(voter_name(voter), question_of(question))
        if ballot is None or not ballot.order:
            raise InputError(
                "Nobody of this name votes here", remedy="Reload the page and begin again."
            )
        return ballots, ballot

    def _decided(self, comparison: Comparison, ballots: Ballots, question: Question) -> bool:
        votes = ballots.counted(question, comparison)
        duels = duels_of(comparison, votes, ballots.same)
        return bool(votes) and all(one.standing.state != "open" for one in duels)

    def _write(self, folder: Path, line: Line) -> None:
        if not folder.is_dir():  # deleted a moment ago: a line would make a folder of nothing else
            raise MissingError("This comparison is not there any more", where=folder.name)
        write_line(folder, line.changed(time=round(time.time(), 3)))
