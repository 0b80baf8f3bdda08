"""What the votes on a comparison say, question by question: strengths, who is better, by how many votes.

Several votes on the same two images count as one together, in strengths and in verdicts: people who look
at the same images are no further images. With one voter that changes nothing.

Owns: counting, the sentences. Refuses to know: the model (`bradley_terry`), the stop rule, how results
look. Imports no torch.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from studio.compare.measures import MEASURES
from studio.compare.record import Comparison
from studio.compare.vote import bradley_terry, stop_rule
from studio.compare.vote.agreement import Agreement, ImageValues, agreements
from studio.compare.vote.bradley_terry import Array
from studio.compare.vote.plan import possible
from studio.compare.vote.stop_rule import Outcome, Standing
from studio.compare.vote.votes import QUESTIONS, Ballots, ImagePair, Question, Vote, read_ballots
from studio.core.counts import counted
from studio.core.record import Table

OUTCOMES: Mapping[str, Outcome] = {"a": "first", "b": "second", "equal": "tie"}
HOW_SURE = (
    "That a column is better is said wrongly in at most 5 of 100 such comparisons, "
    "although it is looked at after every vote."
)
NOTHING_YET = "Nothing is decided yet: more votes are needed."


@dataclass(frozen=True)
class Strength:
    """One column among the others."""

    column: int
    name: str
    value: float
    """Logarithm of its strength, less the mean of the others."""
    low: float
    high: float
    share: float
    """How often it is preferred to an average other column, ties left out: `value` in other units."""
    share_low: float
    share_high: float
    wins: int
    losses: int
    ties: int
    bad: int
    """Votes in which it and the other one were both bad."""


@dataclass(frozen=True)
class Duel:
    """Two columns against each other."""

    a: int
    b: int
    standing: Standing
    bad: int
    """Votes that both are bad; they count for neither."""
    left: int
    """Pairs of images that nobody has voted on."""
    sentence: str


@dataclass(frozen=True)
class VoterCount:
    """What one person has voted, without saying for what."""

    name: str
    votes: int
    ties: int
    bad: int
    lefts: int
    """Votes for the image on the left: about half of those that prefer one."""
    ended: bool


@dataclass(frozen=True)
class VoteResult:
    """Everything about one question."""

    question: Question
    title: str
    votes: int
    decided: bool
    """Whether there is an answer for every two columns, so that nobody need go on."""
    verdict: tuple[str, ...]
    strengths: tuple[Strength, ...]
    """The strongest first."""
    duels: tuple[Duel, ...]
    voters: tuple[VoterCount, ...]
    agreement: tuple[Agreement, ...]

    def as_json(self) -> Table:
        """A plain table, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class VoteRow:
    """What a report says of one question."""

    question: str
    votes: int
    voters: int
    verdict: tuple[str, ...]
    columns: tuple[Strength, ...]


def report_rows(comparison: Comparison) -> tuple[VoteRow, ...]:
    """A row for each question that was voted on, for reports, which say `HOW_SURE` once; nothing where
    nobody has voted."""
    ballots = read_ballots(comparison.folder)
    rows = []
    for question in ballots.questions():
        found = result(comparison, ballots, question)
        voters = sum(voter.votes > 0 for voter in found.voters)
        said = tuple(sentence for sentence in found.verdict if sentence != HOW_SURE)
        rows.append(VoteRow(found.title, found.votes, voters, said, found.strengths))
    return tuple(rows)


def result(
    comparison: Comparison,
    ballots: Ballots,
    question: Question,
    images: Mapping[str, ImageValues] | None = None,
) -> VoteResult:
    """What the votes on one question say; `images` are the values of measures by image, where known."""
    votes = ballots.counted(question, comparison)
    duels = duels_of(comparison, votes, ballots.same)
    strengths = _strengths(comparison, votes)
    ordered = any(one.standing.state in ("first", "second") for one in duels)
    by_strength = [comparison.columns[one.column] for one in strengths]
    values = {row.key: [column.measures.get(row.key) for column in by_strength] for row in MEASURES}
    return VoteResult(
        question=question,
        title=QUESTIONS[question],
        votes=len(votes),
        decided=bool(duels) and all(one.standing.state != "open" for one in duels),
        verdict=_verdict(duels, votes),
        strengths=tuple(strengths),
        duels=tuple(duels),
        voters=tuple(_voters(ballots, question)),
        agreement=tuple(
            agreements([one.value for one in strengths], values, votes, images or {}, ordered)
        ),
    )


def duels_of(
    comparison: Comparison, votes: Sequence[Vote], same: Collection[ImagePair] = ()
) -> list[Duel]:
    """Every two columns that have images in common, and what the stop rule says of them; `same` are
    pairs of equal images, which nobody is asked about."""
    images = {columns: found for columns, found in possible(comparison).items() if found}
    outcomes: dict[tuple[int, int], list[Outcome]] = {columns: [] for columns in images}
    seen: set[ImagePair] = set()
    bad: Counter[tuple[int, int]] = Counter()
    asked: set[ImagePair] = set(same)
    for vote in votes:
        columns = (vote.pair.a, vote.pair.b)
        asked.add(vote.pair)
        bad[columns] += vote.choice == "bad"
        if vote.choice in OUTCOMES and vote.pair not in seen and columns in outcomes:
            seen.add(vote.pair)
            outcomes[columns].append(OUTCOMES[vote.choice])
    left = [sum(pair not in asked for pair in found) for found in images.values()]
    standings = stop_rule.standings(list(outcomes.values()), left)
    names = [column.name for column in comparison.columns]
    return [
        Duel(a, b, standing, bad[a, b], rest, _sentence(names[a], names[b], standing))
        for (a, b), standing, rest in zip(images, standings, left, strict=True)
    ]


def _strengths(comparison: Comparison, votes: Sequence[Vote]) -> list[Strength]:
    """Every column that was voted on with its strength, the strongest first."""
    columns = sorted({column for vote in votes for column in vote.pair[:2]})
    if not columns:
        return []
    won, tied = _weighted(votes, columns)
    found = bradley_terry.estimate(won, tied, bradley_terry.against_others(len(columns)))
    rows = []
    for place, column in enumerate(columns):
        value, low, high = (float(one[place]) for one in (found.value, found.low, found.high))
        share, share_low, share_high = map(float, bradley_terry.chance([value, low, high]))
        own = [vote for vote in votes if column in vote.pair[:2]]
        kinds = Counter(vote.choice for vote in own)
        wins = sum(vote.choice == ("a" if vote.pair.a == column else "b") for vote in own)
        losses = kinds["a"] + kinds["b"] - wins
        rows.append(
            Strength(
                column, comparison.columns[column].name, value, low, high,
                share, share_low, share_high, wins, losses, kinds["equal"], kinds["bad"],
            )
        )  # fmt: skip
    return sorted(rows, key=lambda row: (-row.value, row.column))


def _weighted(votes: Sequence[Vote], columns: Sequence[int]) -> tuple[Array, Array]:
    """Wins and ties [K, K] among `columns`; all votes on the same two images weigh 1 together."""
    won, tied = np.zeros((2, len(columns), len(columns)))
    by_pair: dict[ImagePair, list[Vote]] = defaultdict(list)
    for vote in votes:
        if vote.choice in OUTCOMES:
            by_pair[vote.pair].append(vote)
    for pair, found in by_pair.items():
        a, b = columns.index(pair.a), columns.index(pair.b)
        for vote in found:
            where = tied if vote.choice == "equal" else won
            where[(b, a) if vote.choice == "b" else (a, b)] += 1 / len(found)
    return won, tied


def _voters(ballots: Ballots, question: Question) -> list[VoterCount]:
    rows = []
    for ballot in ballots:
        if ballot.question != question:
            continue
        votes = list(ballot.votes.values())
        kinds = Counter(vote.choice for vote in votes)
        lefts = sum(
            vote.choice == ("a" if vote.left == vote.pair.a else "b")
            for vote in votes
            if vote.left in vote.pair[:2]
        )
        rows.append(
            VoterCount(ballot.voter, len(votes), kinds["equal"], kinds["bad"], lefts, ballot.ended)
        )
    return sorted(rows, key=lambda row: (-row.votes, row.name))


def _sentence(a: str, b: str, found: Standing) -> str:
    """One duel in words."""
    votes = found.first + found.second
    ties = f", {found.ties} no difference" if found.ties else ""
    if found.state == "first":
        return f"{a} is better than {b}: preferred in {found.first} of {votes}{ties}."
    if found.state == "second":
        return f"{b} is better than {a}: preferred in {found.second} of {votes}{ties}."
    so_far = f"{found.first} for {a}, {found.second} for {b}{ties}"
    pairs = counted(found.votes, "pair")
    if found.state == "alike":
        return f"{a} and {b} cannot be told apart after {pairs}: {so_far}."
    if found.state == "exhausted":
        return f"{a} and {b} cannot be told apart by {pairs}, and there are no more: {so_far}."
    if not found.votes:
        return f"{a} and {b}: no votes yet."
    return f"{a} and {b}: not decided yet, {so_far}."


def _verdict(duels: Sequence[Duel], votes: Sequence[Vote]) -> tuple[str, ...]:
    """The sentences about the whole: what is decided first."""
    order = {"first": 0, "second": 0, "alike": 1, "exhausted": 1, "open": 2}
    said = [one.sentence for one in sorted(duels, key=lambda one: order[one.standing.state])]
    if any(one.standing.state in ("first", "second") for one in duels):
        said.append(HOW_SURE)
    elif all(one.standing.state == "open" for one in duels):
        said.insert(0, NOTHING_YET)
    if bad := sum(vote.choice == "bad" for vote in votes):
        many = counted(bad, "vote says", "votes say")
        said.append(f"{many} that both images are bad; they count for neither column.")
    return tuple(said)
