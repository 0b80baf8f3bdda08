"""The blind votes on a comparison, as a part of its report.

Owns: this part of the page. Refuses to know: how votes are counted. Imports no torch.
"""

from __future__ import annotations

from studio.compare.record import Comparison
from studio.compare.report.markup import escaped, row
from studio.compare.vote.result import HOW_SURE, Strength, VoteRow, report_rows
from studio.core.counts import counted

FEW = 4
"""Sentences up to which all of them are in view."""
HEADS = (
    "Column",
    "Preferred to the others",
    "95 % interval",
    "Won",
    "Lost",
    "No difference",
    "Both bad",
)


def votes(comparison: Comparison) -> str:
    """A table per question that was voted on; empty when nobody voted."""
    rows = report_rows(comparison)
    if not rows:
        return ""
    made = "".join(_question(one) for one in rows)
    return f"{made}<p class=soft>{escaped(HOW_SURE)}</p>"


def _question(found: VoteRow) -> str:
    people = "one person" if found.voters == 1 else counted(found.voters, "person", "people")
    given = counted(found.votes, "vote")
    sentences = [f"<p>{escaped(sentence)}</p>" for sentence in found.verdict]
    verdict = "".join(sentences)
    if len(sentences) > FEW:
        verdict = f"<details><summary>What the votes say</summary>{verdict}</details>"
    lines = "".join(_line(found.question, one) for one in found.columns)
    table = (
        f"<div class=scroll tabindex=0 role=region aria-label='{escaped(found.question)}'><table>"
        f"<thead>{row(HEADS, 'th')}</thead><tbody>{lines}</tbody></table></div>"
    )
    return (
        f"<h3>{escaped(found.question)}</h3><p class=soft>{given} of {people}, without knowing "
        f"which column an image is from.</p>{verdict}{table if lines else ''}"
    )


def _line(question: str, one: Strength) -> str:
    about = f"data-vote='{escaped(question)}' data-column='{escaped(one.name)}'"
    counts = "".join(f"<td>{count}</td>" for count in (one.wins, one.losses, one.ties, one.bad))
    return (
        f"<tr><th scope=row>{escaped(one.name)}</th>"
        f"<td><data value='{one.share!r}' {about}>{one.share:.0%}</data></td>"
        f"<td>{one.share_low:.0%} … {one.share_high:.0%}</td>{counts}</tr>"
    )
