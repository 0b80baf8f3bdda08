"""The images of a choice among checkpoints: what is in the folder already, and the rest.

    cells/c3-p0-s1.png    column 3, prompt 0, seed 1
    others/c3-p0-s1.png   the same prompt without the trigger word
    features/c3.safetensors

Owns: these files, the order of the jobs, yielding the device. Refuses to know: the race, scores.
Imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from studio.clip.encoders import Clip
from studio.compare.record import ComparedColumn, Recorder, StackFile
from studio.compare.selection.rule import Candidate
from studio.compare.selection.scores import Seen
from studio.core import atomic
from studio.core.callbacks import Cancelled, SharedDevice
from studio.core.counts import counted
from studio.core.errors import FileError
from studio.core.paths import is_file
from studio.families.base import Base
from studio.formats import safetensors_file
from studio.formats.image_write import save_png
from studio.formats.images import open_image
from studio.infer import infotext
from studio.infer.batches import Position, sampled
from studio.infer.decoding import image_size, to_image
from studio.infer.options import Job, SamplingOptions
from studio.settings.generation import GenerateSettings, Lane

OTHERS_SHARE = 2
"""One image without the trigger word for so many with it."""


def _alone() -> AbstractContextManager[object]:
    return nullcontext()


@dataclass(frozen=True)
class Entrant:
    """A candidate with its column, and how it is put on the base."""

    column: int
    candidate: Candidate
    lane: Lane = field(default_factory=Lane)
    applied: Callable[[], AbstractContextManager[object]] = _alone
    """Inside, the base computes with it."""
    bytes: int | None = None

    def described(self, name: str) -> ComparedColumn:
        """Its column before anything is known of it."""
        lane = self.lane
        return ComparedColumn(
            name=name,
            stack=tuple(StackFile.read(item.model_dump()) for item in lane.stack),
            run=lane.run, step=lane.step, method=lane.method, seconds=lane.seconds,
            bytes=self.bytes,
        )  # fmt: skip


def others(images: int, prompts: int, most_alone: int = 0) -> int:
    """Images without the trigger word beside `images` with it; `most_alone` is for the base alone."""
    return max(images // OTHERS_SHARE, min(2 * prompts, most_alone))


class Images:
    """Everybody's images with their features, on disk and in memory."""

    def __init__(
        self,
        base: Base,
        texts: tuple[Sequence[str], Sequence[str]],
        seeds: Sequence[int],
        options: SamplingOptions,
        scorer: Clip,
        recorder: Recorder,
        shared: tuple[Cancelled | None, SharedDevice | None],
        said: Callable[[str, float], None],
    ) -> None:
        """`texts` are the prompts with the trigger word, and the same without."""
        self.base, self.options, self.scorer = base, options, scorer
        self.recorder, self.folder, self.said = recorder, recorder.folder, said
        self.cancelled, self.device = shared
        prompts, plain = texts
        self.jobs = [Job(text, seed) for seed in seeds for text in prompts]
        self.other_jobs = [Job(text, seed) for seed in seeds for text in plain]
        self.prompts = len(prompts)
        self.seen: dict[int, Seen] = {}
        self._told: set[str] = set()
        for name in ("cells", "others", "features"):
            atomic.make_folder(self.folder / name)

    def others(self, images: int, column: int = 1) -> int:
        """How many images without the trigger word belong to `images` with it; the base alone has two
        rounds at least, so that one seed can be compared with another."""
        return others(images, self.prompts, len(self.other_jobs) if column == 0 else 0)

    def generate(self, entrant: Entrant, images: int) -> None:
        """Sees to it that an entrant has its first `images`, and those without the trigger word."""
        while rest := self._missing(entrant, images):
            with entrant.applied():
                facts = infotext.Facts(
                    self.base.name, self.base.hash[:10], image_size(self.base, self.options.size)
                )
                for _ in self._batches(entrant, rest, facts):
                    if self.device is not None and self.device.wanted:
                        break
            if self.device is not None:
                self.device.yield_to_others()
        self._see(entrant, images)

    def of(self, entrant: Entrant) -> Seen:
        """What is seen in an entrant's images so far."""
        nothing = torch.zeros(0, self.scorer.width)
        return self.seen.get(entrant.column, Seen(nothing, nothing))

    @property
    def of_base(self) -> Seen:
        """The same of the base alone."""
        return self.seen[0]

    def count(self, entrant: Entrant) -> int:
        """Images of an entrant, all together."""
        seen = self.of(entrant)
        return len(seen.concept) + len(seen.ordinary)

    @property
    def generated(self) -> int:
        """Images of everybody together, the base among them."""
        return sum(len(seen.concept) + len(seen.ordinary) for seen in self.seen.values())

    def full(self, candidates: int) -> int:
        """Images of the full grid, the base's among them."""
        count = len(self.jobs)
        alone = count + self.others(count, 0)
        return candidates * (count + self.others(count)) + alone

    def left_at_most(self, entrants: Sequence[Entrant]) -> int:
        """Images that are still to come if nobody leaves any more."""
        each = len(self.jobs) + self.others(len(self.jobs))
        return sum(each - self.count(one) for one in entrants)

    def _missing(self, entrant: Entrant, images: int) -> list[tuple[Path, Job, int | None]]:
        """(file, job, place among the grid's jobs or None) of what is not on disk yet."""
        wanted: list[tuple[Path, Job, int | None]] = []
        for place, job in enumerate(self.jobs[:images]):
            wanted.append((self._file("cells", entrant, place), job, place))
        for place, job in enumerate(self.other_jobs[: self.others(images, entrant.column)]):
            wanted.append((self._file("others", entrant, place), job, None))
        for path, job, cell in wanted:
            if cell is not None and is_file(path):
                self._tell(entrant, cell, job, path)
        return [one for one in wanted if not is_file(one[0])]

    def _file(self, folder: str, entrant: Entrant, place: int) -> Path:
        prompt, seed = place % self.prompts, self.jobs[place].seed
        return self.folder / folder / f"c{entrant.column}-p{prompt}-s{seed}.png"

    def _tell(self, entrant: Entrant, place: int, job: Job, path: Path) -> None:
        """The comparison hears of a cell once."""
        name = f"cells/{path.name}"
        if name not in self._told:
            self._told.add(name)
            self.recorder.cell(entrant.column, place % self.prompts, job.seed, name)

    def _batches(
        self, entrant: Entrant, rest: list[tuple[Path, Job, int | None]], facts: infotext.Facts
    ) -> Iterator[None]:
        """Generates and saves batch after batch."""
        before = self.generated
        title = entrant.candidate.title if entrant.column else "the base"

        def on_position(at: Position) -> None:
            done = at.images + at.in_batch * at.evaluation / at.evaluations
            self.said(f"{title}: {at.images} of {counted(len(rest), 'image')}", before + done)

        jobs = [job for _, job, _ in rest]
        for batch in sampled(
            self.base, jobs, self.options, on_position=on_position, cancelled=self.cancelled
        ):
            for place, pixels in zip(batch.places, batch.pixels, strict=True):
                path, job, cell = rest[place]
                save_png(path, to_image(pixels), self._text(entrant, job, facts))
                if cell is not None:
                    self._tell(entrant, cell, job, path)
            yield

    def _text(self, entrant: Entrant, job: Job, facts: infotext.Facts) -> str:
        chosen = self.options
        settings = GenerateSettings(
            base=self.base.name, prompt=job.prompt, seed=job.seed, steps=chosen.steps,
            guidance=chosen.guidance, sampler=chosen.sampler, stack=entrant.lane.stack,
            negative_prompt=chosen.negative_prompt,
        )  # fmt: skip
        return infotext.write(settings, facts)

    def _see(self, entrant: Entrant, images: int) -> None:
        """Features of everything that is there; those kept on disk are not computed again."""
        file = self.folder / "features" / f"c{entrant.column}.safetensors"
        before = self._kept(file)
        counts = {"cells": images, "others": self.others(images, entrant.column)}
        rows = {"cells": before.concept, "others": before.ordinary}
        for name, count in counts.items():
            known = rows[name][:count] if self._is_width(rows[name]) else rows[name][:0]
            files = [self._file(name, entrant, place) for place in range(len(known), count)]
            fresh = [self.scorer.image_features([open_image(path)]) for path in files]
            rows[name] = torch.cat([known, *fresh]) if fresh else known
        self.seen[entrant.column] = Seen(rows["cells"], rows["others"])
        if len(before.concept) > len(rows["cells"]):
            return  # a longer race was here before
        safetensors_file.write(file, {"concept": rows["cells"], "ordinary": rows["others"]}, {})

    def _is_width(self, rows: Tensor) -> bool:
        return rows.dim() == 2 and rows.shape[1] == self.scorer.width

    def _kept(self, file: Path) -> Seen:
        nothing = torch.zeros(0, self.scorer.width)
        if not is_file(file):
            return Seen(nothing, nothing)
        try:
            tensors, _ = safetensors_file.read_tensors(file)
            return Seen(tensors["concept"], tensors["ordinary"])
        except (FileError, KeyError):  # it is computed again
            return Seen(nothing, nothing)
