"""Early stopping of a run: its saves are scored on a small fixed set, and the best becomes its file.

Owns: the fixed set, what is logged of a save, going back to the best. Refuses to know: the rule
(`studio.compare.stopping`), the loop. Imports torch.

A save is scored before its checkpoint is announced, and the score is in the log: a run that goes on from
a checkpoint has the scores of all saves up to it, and decides as it would have without the break.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from studio.compare.new_prompts import new_prompts
from studio.compare.selection_scores import Judge, Seen
from studio.compare.stopping import EarlyStop, Save
from studio.core.errors import InputError
from studio.families.base import Base
from studio.formats.dataset import picture_files, read_captions
from studio.formats.dataset_info import DatasetInfo
from studio.infer.batches import sampled
from studio.infer.options import Job, SamplingOptions
from studio.infer.prompt import escaped
from studio.methods.base import Trainable
from studio.runs.records import Judged
from studio.settings.training import RunConfig

PROMPTS = 8


class EarlyStopping:
    """Scores the saves of one run."""

    def __init__(self, base: Base, config: RunConfig, info: DatasetInfo) -> None:
        """Raises InputError without held-out images, UnavailableError without a CLIP."""
        self.base, self.config = base, config
        self.prompts = fixed_prompts(info, config)
        references = picture_files(info.held_out) if info.held_out else []
        if not references:
            raise NO_HELD_OUT
        self.references: Sequence[Path] = references
        self.training: Sequence[Path] = [item.path for item in info.items]
        self.plain: Sequence[str] = self.prompts
        self.held_out = True
        self.judge = Judge(base, self, None)
        self.rule = EarlyStop(config.save.stop_after, self.judge.natural_copies())

    def heard(self, events: Sequence[Judged], step: int) -> None:
        """What was logged of the saves up to `step`, by this sitting or an earlier one."""
        for event in events:
            if event.step <= step:
                self.rule.add(Save(event.step, event.likeness, event.copies))

    def score(self, step: int, trainable: Trainable) -> Judged:
        """Generates the fixed set with what is trained now; the caller shows its moving average."""
        import torch

        sample = self.config.sample
        count = self.config.save.stop_images
        jobs = [
            Job(self.prompts[k % len(self.prompts)], sample.seed + k // len(self.prompts))
            for k in range(count)
        ]
        options = SamplingOptions(
            steps=sample.steps, guidance=sample.guidance, sampler=sample.sampler,
            negative_prompt=sample.negative_prompt, batch_size=4, syntax=True, work="samples",
        )  # fmt: skip
        rows: dict[int, torch.Tensor] = {}
        with trainable.attached():
            for batch in sampled(self.base, jobs, options):
                found = self.judge.scorer.image_features(batch.pixels)
                rows.update(zip(batch.places, found, strict=True))
        features = torch.stack([rows[k] for k in range(count)])
        seen = Seen(features, features[:0])
        scores = self.judge.scores(seen, seen)
        judged = Judged(
            step=step,
            likeness=tuple(round(float(value), 6) for value in scores.likeness),
            copies=tuple(round(float(value), 6) for value in scores.copies),
        )
        self.rule.add(Save(step, judged.likeness, judged.copies))
        best, since = self.rule.best, self.rule.since
        return judged.changed(best=best, since=since)


NO_HELD_OUT = InputError(
    "Early stopping needs held-out images",
    why="Without images that are not trained on, a run that copies its images looks best.",
    remedy="Put some images into the dataset's folder held_out, or set “Early stopping” to 0.",
)


def fixed_prompts(info: DatasetInfo, config: RunConfig) -> list[str]:
    """Prompts that no training image shows, as a choice among checkpoints takes them."""
    trigger = config.data.trigger or info.trigger
    captions = read_captions(info.held_out).values() if info.held_out else []
    held_out = [text for text in captions if text]
    training = [item.caption for item in info.items if item.caption]
    phrase = info.phrase(trigger)
    found = new_prompts(held_out, training, f"a {phrase}" if phrase else "", PROMPTS)
    return [escaped(text) for text in found] or list(config.sample.prompts)
