"""`compare --votes ID`: what the blind votes on a comparison say.

Owns: how the result reads in a terminal. Refuses to know: how it is found.
"""

from __future__ import annotations

import argparse

from studio.commands import terminal
from studio.compare.vote.agreement import Agreement
from studio.compare.vote.result import Strength, VoteResult
from studio.core.counts import counted
from studio.core.errors import MissingError


def run(arguments: argparse.Namespace) -> int:
    """Prints strengths and verdict of each question that was voted on."""
    with terminal.opened(arguments) as studio:
        found = studio.generation.votes.results(arguments.votes)
    if arguments.json:
        terminal.print_json([one.as_json() for one in found])
        return 0
    if not found:
        raise MissingError(
            "Nobody has voted on this comparison yet",
            where=arguments.votes,
            remedy="Open it in the Compare tab, part Vote, or send the link that is there.",
        )
    for line in _lines(found):
        print(line)
    return 0


def _lines(found: list[VoteResult]) -> list[str]:
    lines = []
    for one in found:
        voters = sum(voter.votes > 0 for voter in one.voters)
        people = counted(voters, "voter")
        votes = counted(one.votes, "vote")
        lines += ["", f"{one.title} ({votes}, {people})", "", *one.verdict, "", *_table(one)]
        lines += ["", *filter(None, map(_agreement, one.agreement))]
    return lines[1:]


def _table(found: VoteResult) -> list[str]:
    heading = ["", "preferred to the others", "won", "lost", "no difference", "both bad"]
    rows = [heading, *[_row(one) for one in found.strengths]]
    widths = [max(len(row[at]) for row in rows) for at in range(len(heading))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _agreement(row: Agreement) -> str:
    """How far a measure agrees with people; empty where nothing can be said."""
    said = []
    if row.tau is not None:
        said.append(f"τ-b {row.tau:.2f} over {counted(row.columns, 'column')}")
    if row.share is not None and row.low is not None and row.high is not None:
        said.append(
            f"prefers the same image in {row.share:.0%} of {counted(row.pairs, 'pair')} "
            f"({row.low:.0%} … {row.high:.0%})"
        )
    return f"{row.label}: {', '.join(said)}" if said else ""


def _row(one: Strength) -> list[str]:
    share = f"{one.share:.0%} ({one.share_low:.0%} … {one.share_high:.0%})"
    return [one.name, share, str(one.wins), str(one.losses), str(one.ties), str(one.bad)]
