"""The race among checkpoints on a base: images round by round, scored, until the rule can answer.

Owns: the order of work, and that whatever lies in the folder is not generated again. Refuses to know:
runs and workspaces (`studio.generation.selections`), the rule (`selection`). Imports torch.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from studio.compare import features as kept_features
from studio.compare.conclusion import conclude
from studio.compare.record import (
    COMPARISON_FILE,
    ComparedColumn,
    Comparison,
    Recorder,
    Reference,
)
from studio.compare.selection.images import Entrant, Images
from studio.compare.selection.measured import LACKING, NO_REFERENCE, race_features
from studio.compare.selection.racing import Race, looks
from studio.compare.selection.record import (
    SELECTION_FILE,
    Chosen,
    Entry,
    Point,
    Selection,
    answer_in,
    written_in,
)
from studio.compare.selection.rule import (
    LIMITS,
    MEASURES,
    Candidate,
    Limits,
    Scores,
    curve,
    decide,
    preference,
)
from studio.compare.selection.scores import Judge
from studio.core import atomic
from studio.core.callbacks import Cancelled, OnProgress, SharedDevice
from studio.core.errors import InputError, Interrupted, NonFiniteError, StudioError
from studio.core.names import distinct
from studio.core.record import Failure, Table
from studio.families.base import Base
from studio.infer.options import SamplingOptions
from studio.settings.selection import SelectionSettings


@dataclass(frozen=True)
class Question:
    """What is asked, with everything found: candidates, prompts, images to judge by."""

    settings: SelectionSettings
    digest: str
    entrants: Sequence[Entrant]
    """The candidates; the base alone is added in front."""
    prompts: Sequence[str]
    """With the trigger word."""
    plain: Sequence[str]
    """The same without it: what CLIP is asked about, and what drift is measured on."""
    references: Sequence[Path]
    training: Sequence[Path]
    runs: dict[str, str]
    """Run → its name."""
    notes: Sequence[str] = ()
    compared: Table = field(default_factory=dict)
    """The same as settings of a comparison, so that it can be made again."""
    held_out: bool = True
    """Whether the references are held out from training."""

    @property
    def looks(self) -> list[int]:
        """Images per candidate after which the race is looked at."""
        found = looks(len(self.prompts), self.settings.images)
        return found if self.settings.race else found[-1:]


BASE = Entrant(0, Candidate("", 0, 0.0))


class Selecting:
    """One race, from the first image or from what an earlier one has left."""

    def __init__(
        self,
        base: Base,
        question: Question,
        folder: Path,
        *,
        on_progress: OnProgress | None = None,
        cancelled: Cancelled | None = None,
        device: SharedDevice | None = None,
    ) -> None:
        """An answer that the folder has stands until this one is complete. UnavailableError without a
        CLIP, which judges everything."""
        self.base, self.question, self.settings = base, question, question.settings
        self.began, self.on_progress = time.monotonic(), on_progress
        seeds = [
            (self.settings.seed + k) % 2**32
            for k in range(question.looks[-1] // len(question.prompts))
        ]
        self.judge = Judge(base, question, cancelled, self.settings.tolerance)
        self.before = answer_in(folder)
        self.recorder = Recorder(self._comparison(seeds, folder))
        if self.before is None:  # what a cancelled race says of itself holds no longer
            (folder / COMPARISON_FILE).unlink(missing_ok=True)
        self.images = Images(
            base, (question.prompts, question.plain), seeds, self._options(), self.judge.scorer,
            self.recorder, (cancelled, device), self._progress,
        )  # fmt: skip
        self.race: Race[Candidate] = Race(
            sorted((one.candidate for one in question.entrants), key=preference),
            question.looks,
            LIMITS,
            self.settings.risk,
        )
        self.record = Selection(
            digest=question.digest,
            settings=self.settings.model_dump(),
            runs=dict(question.runs),
            entries=tuple(
                Entry(
                    run=one.candidate.run, step=one.candidate.step, column=k,
                    strength=one.candidate.strength,
                )
                for k, one in enumerate(question.entrants, 1)
            ),
            looks=tuple(question.looks),
            notes=(*question.notes, *self.judge.notes),
        )  # fmt: skip
        self._write()

    def run(self) -> Selection:
        """Generates and drops until the rule can answer; what is there is kept when it is cancelled.
        Then the earlier answer is returned where there was one.

        A candidate whose files cannot be used leaves the race with the reason; when none can be, its
        error is raised.
        """
        errors: list[StudioError] = []
        try:
            self.images.generate(BASE, self.question.looks[-1])
            for number in self.question.looks:
                for entrant in self.entrants:
                    if entrant.candidate not in self.race.left:
                        continue
                    try:
                        self.images.generate(entrant, number)
                    except (InputError, NonFiniteError) as error:
                        errors.append(error)
                        self._failed(entrant, error)
                self._look(number)
                if self.race.settled and self.settings.race:
                    break
        except Interrupted:
            if self.before is not None:
                return answer_in(self.recorder.folder) or self.before
            self._write()
            self.recorder.finish(time.monotonic() - self.began, cancelled=True)
            return self.record
        if errors and len(errors) == len(self.entrants):
            raise errors[0]
        return self._finish()

    @property
    def entrants(self) -> Sequence[Entrant]:
        """The candidates in order."""
        return self.question.entrants

    def _look(self, number: int) -> None:
        scores = {one.candidate: self.judge.scores(self.images.of(one), self.images.of_base)
                  for one in self.entrants if one.candidate in self.race.left}  # fmt: skip
        limits = self.judge.limits(self.images.of_base)
        beyond = limits.beyond(scores)
        if self.settings.race or number == self.question.looks[-1]:
            self.race.look(number, {key: one.likeness for key, one in scores.items()}, beyond)
        self._note(scores, limits)

    def _note(self, scores: dict[Candidate, Scores], limits: Limits) -> None:
        """What is known now, into the record; the recommendation is the rule's on what is left."""
        entries = []
        for entrant, entry in zip(self.entrants, self.record.entries, strict=True):
            key = entrant.candidate
            entry = entry.changed(images=self.images.count(entrant))
            if key in scores:
                entry = entry.changed(points=_points(scores[key]))
            if key in self.race.exits and not entry.out:
                entry = entry.leaving(self.race.exits[key])
            entries.append(entry)
        found = decide(self.race.left, scores, self.race.exits)
        lines = {name: limits.line(name) for name in LIMITS}
        base = self.judge.scores(self.images.of_base, self.images.of_base)
        self.record = self.record.changed(
            entries=tuple(entries),
            base={name: point for name, point in _points(base).items() if name != "drift"},
            limits={name: round(value, 5) for name, value in lines.items() if value is not None},
            generated=self.images.generated,
            full=self.images.full(len(self.entrants)),
            recommended=Chosen.of(found.candidate),
            alike=tuple(filter(None, map(Chosen.of, found.alike))),
            reason=found.reason,
        )
        self._write()

    def _failed(self, entrant: Entrant, error: StudioError) -> None:
        self.race.without(entrant.candidate, error.sentence())
        column = self.recorder.comparison.columns[entrant.column]
        failed = column.changed(error=Failure.of(error), message=str(error))
        self.recorder.column(entrant.column, failed)

    def _finish(self) -> Selection:
        seen: dict[int, Tensor] = {}
        for entrant in (BASE, *self.entrants):
            column = self.recorder.comparison.columns[entrant.column]
            found = self.images.of(entrant)
            if column.error is None and len(found.concept):
                seen[entrant.column] = found.concept
                self.recorder.column(entrant.column, column.changed(images=len(found.concept)))
        prompts, seeds = len(self.question.prompts), self.recorder.comparison.seeds
        features = race_features(seen, self.judge, prompts, seeds)
        kept_features.write(self.recorder.folder, features)
        self.recorder.comparison = conclude(self.recorder.comparison, features)
        for note in self.record.notes:
            self.recorder.note(note)
        if self.record.reason:
            self.recorder.note(self.record.reason)
        self.recorder.finish(time.monotonic() - self.began, cancelled=False)
        self.record = self.record.changed(complete=True)
        self._write()
        return self.record

    def _progress(self, text: str, at: float) -> None:
        """`at` counts images; what is left is at most what the race has left."""
        if self.on_progress is None:
            return
        total = self.images.left_at_most(
            [one for one in self.entrants if one.candidate in self.race.left]
        )
        steps = self.settings.steps
        self.on_progress(round(at * steps), max(1, round((at + total) * steps)), text)

    def _write(self) -> None:
        """Over an answer only once this one is complete. Which checkpoint has become the run's file,
        perhaps just now, is kept."""
        folder = self.recorder.folder
        if (written := written_in(folder)) is not None:
            self.record = self.record.changed(written=written)
        if self.before is None or self.record.complete:
            atomic.write_json(folder / SELECTION_FILE, self.record.as_json())

    def _options(self) -> SamplingOptions:
        chosen = self.settings
        return SamplingOptions(
            steps=chosen.steps, guidance=chosen.guidance, sampler=chosen.sampler,
            negative_prompt=chosen.negative_prompt, batch_size=chosen.batch_size, syntax=True,
            work="comparison",
        )  # fmt: skip

    def _comparison(self, seeds: Sequence[int], folder: Path) -> Comparison:
        runs = self.question.runs
        names = dict(zip(runs, distinct(runs.values()), strict=True))
        several = len(names) > 1
        columns = [ComparedColumn(name="Base")]
        for entrant in self.entrants:
            key = entrant.candidate
            title = f"{names[key.run]}, {key.title}" if several else key.title
            columns.append(
                entrant.described(title[0].upper() + title[1:] if not several else title)
            )
        return Comparison(
            name=self.settings.name,
            base=self.base.name,
            base_hash=self.base.hash,
            created=time.time(),
            prompts=tuple(self.question.prompts),
            seeds=tuple(seeds),
            reference=Reference(
                folder=self.settings.reference, images=len(self.question.references)
            ),
            columns=tuple(columns),
            settings=self.question.compared,
            lacking=LACKING if self.question.held_out else LACKING | NO_REFERENCE,
            folder=str(folder),
        )


def _points(scores: Scores) -> dict[str, Point]:
    found = {name: curve(scores.of(name)) for name in MEASURES}
    return {name: Point.of(one) for name, one in found.items() if one is not None}
