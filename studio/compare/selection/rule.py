"""Which checkpoint of a run to use, at what strength: the rule, and its reason in a sentence.

Owns: the rule and its words. Refuses to know: how images are generated and scored (`selecting`), torch.

There is no weighted sum. A checkpoint must stay within three limits whose scale is nature's, not ours:

- *follows*: on prompts that no training image shows, it keeps most of how much better the base's images
  fit their own prompt than the others (`tolerance` says how much may be lost);
- *copies*: its images are no closer to a training image than held-out photographs of the same concept;
- *drift*: without the trigger word, it changes images no more than another seed would.

Of those within, the one whose images are closest to the held-out reference images leads; all that cannot
be told apart from it are as good, and of these the smallest step is taken: it has had the least
opportunity to learn more than the concept. Of its strengths the one nearest to 1 is taken, which is what
other programs use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from studio.compare.selection.racing import ASIDE, Bounded, Exit, Values, interval, worse

LIMITS = ("follows", "copies", "drift")
MEASURES = ("likeness", *LIMITS)
LABELS = {
    "likeness": "Likeness",
    "follows": "Follows new prompts",
    "copies": "Nearest training image",
    "drift": "Drift",
}
"""What each of `MEASURES` is called above its curve or column."""
TOLERANCE = 0.25
"""Share of the base's following of prompts that may be lost."""
_BEYOND = {
    "follows": "follow new prompts less",
    "copies": "copy the training images",
    "drift": "change other prompts more than another seed would",
}
_OUT = {
    ASIDE: "set aside: earlier checkpoints, or strengths nearer to 1, were as good so far",
    "follows": "follows new prompts less than the base",
    "copies": "its images are copies of training images",
    "drift": "changes other prompts more than another seed would",
}


@dataclass(frozen=True, order=True)
class Candidate:
    """A checkpoint at a strength."""

    run: str
    step: int
    strength: float

    @property
    def title(self) -> str:
        """As people say it."""
        return f"step {self.step} at {self.strength:g}"


@dataclass(frozen=True)
class Scores:
    """What one candidate's images scored, one value each, in the order of the jobs; empty for what
    cannot be measured."""

    likeness: Values
    """Mean cosine of the image to all reference images, as in every comparison."""
    follows: Values
    """Cosine to its own prompt, minus the mean cosine to the other prompts."""
    copies: Values
    """Cosine to the nearest training image."""
    drift: Values
    """1 − cosine to the base's image of the same prompt without the trigger word, same noise."""

    def of(self, measure: str) -> Values:
        """One of `MEASURES`."""
        values: Values = getattr(self, measure)
        return values


@dataclass(frozen=True)
class Limits:
    """How far is too far; None for what cannot be said here."""

    follows: Values | None = None
    """What the base's own images score, job by job."""
    copies: float | None = None
    """Cosine of held-out images to their nearest training image."""
    drift: float | None = None
    """How much another seed changes the base's images."""
    tolerance: float = TOLERANCE

    def beyond(self, scores: Mapping[Candidate, Scores]) -> dict[str, dict[Candidate, Values]]:
        """Limit → candidate → by how much each image is beyond it, as `Race.look` wants it."""
        found: dict[str, dict[Candidate, Values]] = {}
        for name in LIMITS:
            rows = {key: self._one(name, of.of(name)) for key, of in scores.items()}
            known = {key: values for key, values in rows.items() if values is not None}
            if known:
                found[name] = known
        return found

    def _one(self, name: str, values: Values) -> Values | None:
        if not len(values):
            return None
        if name == "follows":
            if self.follows is None:
                return None
            kept: Values = (1 - self.tolerance) * self.follows[: len(values)] - values
            return kept
        limit = self.copies if name == "copies" else self.drift
        return None if limit is None else values - limit

    def line(self, name: str) -> float | None:
        """Where the limit is in a plot of the measure."""
        if name == "follows":
            return None if self.follows is None else (1 - self.tolerance) * _mean(self.follows)
        return self.copies if name == "copies" else self.drift


@dataclass(frozen=True)
class Recommendation:
    """What to use, and why; without a candidate when none is within the limits."""

    candidate: Candidate | None
    alike: tuple[Candidate, ...]
    """Those that cannot be told apart from the best, itself among them."""
    reason: str


def preference(key: Candidate) -> tuple[int, float, float, str]:
    """What is taken of several that are as good: the smallest step, the strength nearest to 1."""
    return key.step, abs(key.strength - 1), key.strength, key.run


def decide(
    left: Sequence[Candidate], scores: Mapping[Candidate, Scores], exits: Mapping[Candidate, Exit]
) -> Recommendation:
    """The rule on what the race has left. All of `left` have scores of the same images."""
    if not left:
        return Recommendation(None, (), _none(exits))
    best = max(left, key=lambda key: _mean(scores[key].likeness))
    alike = tuple(
        sorted(
            key for key in left
            if key == best or not worse(scores[best].likeness, scores[key].likeness)
        )
    )  # fmt: skip
    candidate = min(alike, key=preference)
    return Recommendation(candidate, alike, _reason(candidate, alike, best, exits))


def curve(values: Values) -> Bounded | None:
    """A point of a curve with its 95 % interval; None for what was not measured."""
    return interval(values) if len(values) else None


def _reason(
    candidate: Candidate, alike: Sequence[Candidate], best: Candidate, exits: Mapping[Candidate, Exit]
) -> str:  # fmt: skip
    parts = []
    others = [key for key in alike if key.step != candidate.step]
    if others:
        steps = steps_text([candidate.step, *(key.step for key in others)])
        parts.append(f"{steps} cannot be told apart in likeness, so the smallest step is taken")
    elif candidate == best:
        parts.append("its images are closest to the reference images")
    else:
        parts.append("its strengths cannot be told apart, so the one nearest to 1 is taken")
    later = [key for key in exits if key.step > candidate.step]
    for name in LIMITS:
        if any(exits[key].why == name for key in later):
            parts.append(f"later checkpoints {_BEYOND[name]}")
    if any(exits[key].why == "score" and key.step < candidate.step for key in exits):
        parts.append("earlier ones are further from the reference images")
    if all(candidate.step >= key.step for key in [*alike, *exits]):
        parts.append("it is the last one, so training longer may bring more")
    title = candidate.title
    return f"{title[0].upper()}{title[1:]}: {'; '.join(parts)}."


def _none(exits: Mapping[Candidate, Exit]) -> str:
    found = [name for name in LIMITS if any(one.why == name for one in exits.values())]
    if not found:
        return "None of the checkpoints could be generated."
    said = " or ".join(_BEYOND[name] for name in found)
    return (
        f"None can be recommended: all checkpoints {said}. Train fewer steps or with a lower rate, or "
        "try lower strengths."
    )


def steps_text(steps: Sequence[int]) -> str:
    """[200, 220, 240] → steps 200, 220 and 240; more than four → steps 200–300."""
    found = sorted(set(steps))
    if len(found) == 1:
        return f"step {found[0]}"
    if len(found) > 4:
        return f"steps {found[0]}–{found[-1]}"
    return f"steps {', '.join(map(str, found[:-1]))} and {found[-1]}"


def exit_words(why: str, by: float | None = None) -> str:
    """Why a candidate is out, for a list; `why` as in `Exit`."""
    if why == "score":
        behind = f", by {by:.3f}" if by is not None else ""
        return f"further from the reference images than the best{behind}"
    return _OUT.get(why, why)


def _mean(values: Values) -> float:
    return float(np.mean(values))
