"""The blind vote on a comparison: the part “Vote”, and what its script may ask.

Owns: the component, images as the page gets them. Refuses to know: whose images they are, in which order
(`studio.generation.votes`). An answer to somebody who votes holds a token, a prompt and pixels: as data
URLs, so that no address, header or time of a file tells one column from another.
"""

from __future__ import annotations

import base64
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.compare.vote.blind_pairs import BlindPair
from studio.compare.vote.votes import LONGEST_NAME, QUESTIONS
from studio.core.errors import InputError
from studio.generation.votes import Progress, Votes
from studio.ui.live import Json, Page, component, read

if TYPE_CHECKING:
    from studio.app import Studio

SKELETON = '<div class="vo"></div>'


def vote(studio: Studio, page: Page) -> gr.HTML:
    """The component."""
    asked = VoteCalls(studio.generation.votes)
    return component(
        "vote",
        SKELETON,
        [
            asked.invitation, asked.start, asked.pair, asked.cast, asked.undo, asked.end,
            asked.result, asked.references,
        ],
        elem_id="cs-vote",
        questions=[list(pair) for pair in QUESTIONS.items()],
        longest=LONGEST_NAME,
    )  # fmt: skip


class VoteCalls:
    """What the page may ask about votes."""

    def __init__(self, votes: Votes) -> None:
        self.votes = votes

    def invitation(self, argument: Any) -> Json:
        """What can be voted on, and how far `voter` is with it, if that is somebody."""
        identity, voter, question = read(argument, id=str, voter=str, question=str)
        found = asdict(self.votes.invitation(identity))
        try:
            own = self.votes.progress(identity, voter, question) if voter else None
        except InputError:  # a name that this browser has kept and nobody knows here any more
            own = None
        return {**found, "own": asdict(own) if own else None}

    def start(self, argument: Any) -> Json:
        identity, name, question, again = read(argument, id=str, name=str, question=str, again=bool)
        return asdict(self.votes.start(identity, name, question, again=again))

    def pair(self, argument: Any) -> Json | None:
        waiting = read(argument, waiting=list)[0]
        found = self.votes.pair(*_who(argument), [one for one in waiting if isinstance(one, str)])
        return shown(found) if found else None

    def cast(self, argument: Any) -> Json:
        token, side = read(argument, token=str, side=str)
        self.votes.vote(*_who(argument), token, side)
        return asdict(self._progress(argument))

    def undo(self, argument: Any) -> Json:
        pair = self.votes.undo(*_who(argument))
        return {"pair": shown(pair), "progress": asdict(self._progress(argument))}

    def end(self, argument: Any) -> None:
        self.votes.end(*_who(argument))

    def result(self, argument: Any) -> Json:
        identity, voter, question = _who(argument)
        return self.votes.result(identity, question, voter).as_json()

    def references(self, argument: Any) -> list[str]:
        (identity,) = read(argument, id=str)
        return [data_url(one) for one in self.votes.references(identity)]

    def _progress(self, argument: Any) -> Progress:
        return self.votes.progress(*_who(argument))


def shown(pair: BlindPair) -> Json:
    """A pair as the page gets it."""
    sides = {"left": data_url(pair.left), "right": data_url(pair.right)}
    return {"token": pair.token, "prompt": pair.prompt, **sides}


def data_url(png: bytes) -> str:
    """A PNG as an address that holds all of it."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _who(argument: Any) -> tuple[str, str, str]:
    identity, voter, question = read(argument, id=str, voter=str, question=str)
    return identity, voter, question
