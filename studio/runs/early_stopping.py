"""Early stopping of a run: its saves are scored on a small fixed set, and the best becomes its file.

Owns: the fixed set, what is logged of a save, when the run ends, going back to the best save. Refuses
to know: the rule (`studio.compare.selection.stopping`), the loop. Imports torch.

A save is scored before its checkpoint is announced, and its scores are in the log: a run that continues from
a checkpoint knows those of all saves up to it, and decides as it would have without the break.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from studio.compare.selection.new_prompts import new_prompts
from studio.compare.selection.scores import Judge, Seen
from studio.compare.selection.stopping import EarlyStop, Save
from studio.core import manifest
from studio.core.errors import FileError
from studio.formats import safetensors_file
from studio.formats.dataset import image_files, read_captions
from studio.formats.dataset_info import DatasetInfo
from studio.formats.several import first_of
from studio.infer.batches import sampled
from studio.infer.options import Job, SamplingOptions
from studio.infer.prompt import escaped
from studio.runs.control import Control
from studio.runs.durable import Durable
from studio.runs.preparation import Preparation
from studio.runs.records import Event, Judged, only
from studio.settings.training import RunConfig
from studio.train.loop import Trainer
from studio.train.state import checkpoint_folder, remove_old

PROMPTS = 8


class EarlyStopping:
    """What a run asks around its saves; without the setting it only removes old checkpoints."""

    def __init__(self, made: Preparation, disk: Durable, control: Control) -> None:
        """Raises UnavailableError without a CLIP; held-out images are there, the preflight saw to it."""
        self.made, self.disk, self.control = made, disk, control
        self.config = made.config
        self.ended = ""
        """Why the run was ended here; empty when it was not."""
        self.fixed = FixedSet(made) if self.config.save.stop_after else None
        natural = self.fixed.judge.natural_copies() if self.fixed else None
        self.rule = EarlyStop(self.config.save.stop_after, natural)
        for note in self.fixed.judge.notes if self.fixed else ():
            self.disk.say("warning", note)

    def heard(self, events: Sequence[Event], step: int) -> None:
        """What was logged of the saves up to `step`, in an earlier sitting."""
        for event in only(events, Judged):
            if self.fixed and event.step <= step:
                self.rule.add(Save(event.step, event.likeness, event.copies))

    def before_save(self, trainer: Trainer) -> None:
        """Scores what is about to be saved, and logs it. A save on the way to a stop is not scored."""
        if self.fixed is None or self.control.stop:
            return
        with trainer.averaged():
            save = self.fixed.score(trainer)
        self.rule.add(save)
        best, since = self.rule.best, self.rule.since
        self.disk.event(
            Judged(
                step=save.step, likeness=save.likeness, copies=save.copies, best=best, since=since
            )
        )

    def after_save(self, run: Path) -> None:
        """Removes old checkpoints, but for the best; ends the run when enough saves were no better."""
        remove_old(run, self.config.save.keep, spare=self.rule.best)
        if self.rule.enough and not self.control.stop:
            self.ended = self.rule.reason()
            self.disk.say("info", self.ended)
            self.control.give("stop")

    def best_into(self, trainer: Trainer, run: Path, complete: bool) -> int:
        """The best save's weights into the trainer, of a run that has come to its end; its step."""
        last, best = trainer.progress.step, self.rule.best
        if not complete or best is None or best == last:
            return last
        folder = checkpoint_folder(run, best)
        try:
            manifest.verify(folder)
        except FileError as error:
            text = f"The best save, step {best}, cannot be read ({error.what}): the file is of step {last}."
            self.disk.say("warning", text)
            return last
        state, _ = safetensors_file.read_tensors(folder / "trainable.safetensors")
        trainer.load_state(state)
        return best


class FixedSet:
    """The same prompts and noise for every save, and what they are judged by."""

    held_out = True

    def __init__(self, made: Preparation) -> None:
        self.base, self.config = made.base, made.config
        self.prompts = fixed_prompts(made.info, made.config)
        self.plain: Sequence[str] = self.prompts
        held_out = made.info.held_out
        self.references: Sequence[Path] = image_files(held_out) if held_out else []
        self.training: Sequence[Path] = [item.path for item in made.info.items]
        self.judge = Judge(made.base, self)

    def score(self, trainer: Trainer) -> Save:
        """Generates the set with what the trainer shows now."""
        sample, count = self.config.sample, self.config.save.stop_images
        prompts = len(self.prompts)
        jobs = [
            Job(self.prompts[k % prompts], (sample.seed + k // prompts) % 2**32)
            for k in range(count)
        ]
        options = SamplingOptions(
            steps=sample.steps, guidance=sample.guidance, sampler=sample.sampler,
            negative_prompt=sample.negative_prompt, batch_size=4, syntax=True, work="samples",
        )  # fmt: skip
        rows: dict[int, torch.Tensor] = {}
        with trainer.trainable.attached():
            for batch in sampled(self.base, jobs, options):
                found = self.judge.scorer.image_features(batch.pixels)
                rows.update(zip(batch.places, found, strict=True))
        features = torch.stack([rows[place] for place in range(count)])
        seen = Seen(features, features[:0])
        scores = self.judge.scores(seen, seen)
        return Save(
            trainer.progress.step,
            tuple(round(float(value), 6) for value in scores.likeness),
            tuple(round(float(value), 6) for value in scores.copies),
        )


def fixed_prompts(info: DatasetInfo, config: RunConfig) -> list[str]:
    """Prompts that no training image shows, as a choice among checkpoints takes them."""
    trigger = config.data.trigger or info.trigger
    held = read_captions(info.held_out, lines=info.lines).values() if info.held_out else []
    captions = [first_of(text) for text in held]
    training = [text for item in info.items for text in item.captions or (item.caption,) if text]
    phrase = info.phrase(trigger)
    found = new_prompts(
        list(filter(None, captions)), training, f"a {phrase}" if phrase else "", PROMPTS
    )
    return [escaped(text) for text in found] or list(config.sample.prompts)
