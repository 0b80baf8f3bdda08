"""One run from its configuration to its verified file, on the trainer's thread.

Owns: wiring the loop to disk and device, going back to a checkpoint, verifying. Refuses to know: the
queue, pages, how a run is prepared (`preparation`), exported (`product`) and says what it does (`phases`).
Imports torch: only the trainer's thread loads it.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from studio.core import temporaries
from studio.core.device import peak_memory
from studio.core.errors import DatasetError, Interrupted, NonFiniteError
from studio.formats.dataset import image_files
from studio.library.image_checks import left_out
from studio.runs import dataset_record
from studio.runs.auto import settle
from studio.runs.class_images import class_items
from studio.runs.control import Control
from studio.runs.durable import Durable
from studio.runs.early_stopping import EarlyStopping
from studio.runs.events import RunLog, read_events
from studio.runs.measuring_images import measure_during_run
from studio.runs.pace import Pace, limit_reached, within_limit
from studio.runs.phases import FINISHING, SAMPLES, SCORING, VALIDATION, Phases
from studio.runs.preparation import Preparation
from studio.runs.product import export, export_facts
from studio.runs.records import Bucket, Finished, Sampled, Saved, Step, Validated, only
from studio.runs.samples import Preview, verify
from studio.runtime.runtime import Runtime
from studio.settings.training import RunConfig
from studio.train.data import bucket_table
from studio.train.image_losses import ImageLosses
from studio.train.loop import Hooks, StepFacts
from studio.train.patience import Patience
from studio.train.state import (
    Progress,
    load_checkpoint,
    newest_checkpoint,
    remove_unfinished,
    save_checkpoint,
)
from studio.train.together import Alone, Group
from studio.train.validation import Measure

STATE_EVERY = 1.0  # seconds between writes of state.json while steps go by


def execute(
    run: RunLog, config: RunConfig, control: Control, runtime: Runtime, group: Group | None = None
) -> None:
    """Prepares, trains, exports and verifies; raises whatever makes that impossible. In a group this
    is its first process, which alone writes."""
    Worker(run, config, control, runtime, group or Alone()).execute()


class Worker:
    """Wires one run together; the loop itself is `train.loop`."""

    def __init__(
        self, run: RunLog, config: RunConfig, control: Control, runtime: Runtime, group: Group
    ) -> None:
        self.run, self.config, self.control, self.runtime = run, config, control, runtime
        self.group = group
        self.started = round(time.time(), 3)
        self.disk = Durable(run, control, runtime.lock)
        self.patience = Patience(config.validation.patience)
        self.pace = Pace()
        self.phases = Phases(run, control, self.pace)
        self._written = 0.0
        self._speed: tuple[float, int] | None = None

    def execute(self) -> None:
        """The whole run."""
        self.run.tell(state="preparing", started_at=self.run.state.started_at or self.started)
        temporaries.sweep(self.run.folder)
        remove_unfinished(self.run.folder)
        self.prepare()
        if self.control.stop:
            raise Interrupted("Stopped before the first step")
        self.group.begin(self.trainer.parameters)
        self.run.tell(state="running", prepared=None, eta=None, doing=None)
        complete = self.trainer.run() or bool(self.early.ended)
        if self.control.leave and not complete:
            raise Interrupted("Its shootout was ended; its checkpoint is kept")
        if not complete:
            self.run.tell(state="stopping")
        files, step = [], self.trainer.progress.step
        if step:
            with self.phases.during(FINISHING, eta=None):
                files = self.disk.do(partial(self.finish, complete))
        # what is verified on disk is told, also when the disk has no room left for the telling
        self.run.tell(
            state="finished" if complete else "stopped",
            files=tuple(str(file) for file in files),
            finished_at=round(time.time(), 3),
            eta=0,
            reason=self.early.ended or limit_reached(self.config.train, step, complete),
            **self._figures(),
        )

    def prepare(self) -> None:
        """Loads the base, reads the images, makes the trainable, goes back to a checkpoint."""
        self.config = config = settle(self.disk, self.config, self.runtime)
        library = self.runtime.library
        made = self.made = Preparation(
            config, self.runtime, said=self.phases.preparing, looked=self.phases.looked
        )
        self._note_dataset()
        made.read()
        prior = self.disk.do(
            lambda: class_items(
                made.base, config, library.workspace.cache, self.phases.generated,
                lambda: bool(self.control.stop), library.images,
            )
        )  # fmt: skip
        self._name_left_out(made.encode(prior, self.phases.read))
        hooks = Hooks(
            step=self.on_step,
            validate=self.on_validation,
            compare_images=self.on_image_losses,
            sample=self.on_sample,
            save=self.group.afterwards(self.on_save),
            boundary=self.runtime.lock.yield_to_others,
            paused=self.group.afterwards(self.on_pause),
        )
        self.trainer = made.trainer(self.control, hooks, self.group)
        self.early = EarlyStopping(made, self.disk, self.control)
        self.preview = Preview(made.base, config, self.run.folder)
        buckets = tuple(Bucket(**row) for row in bucket_table(made.items))
        self.run.tell(trained=made.trained, buckets=buckets, class_images=len(made.prior))
        self._go_back()

    def finish(self, complete: bool = True) -> list[Path]:
        """Writes the files, shows them under `adapters/`, verifies that they load and work."""
        step = self.early.best_into(self.trainer, self.run.folder, complete)
        with self.trainer.averaged():
            facts = export_facts(self.made, self.trainer, self.run, self.preview.thumbnail())
            facts = replace(facts, step=step, chosen=self.early.ended)
            files, said = export(self.made.trainable, facts, self.run, self.runtime.library)
        if said:
            self.disk.say("info", said)
        verification = verify(self.made.base, self.config, files[0], self.runtime.adapters())
        names = tuple(str(file) for file in files)
        self.run.event(Finished(step=step, files=names, verify=verification))
        return files

    # What the loop calls, on this thread, between steps.

    def on_step(self, facts: StepFacts) -> None:
        """Logs every step; the state now and then."""
        shown = {
            key: round(value, 8) if isinstance(value, float) else value
            for key, value in vars(facts).items()
            if value is not None
        }
        self.disk.event(Step.model_validate(shown))
        now = time.monotonic()
        if now - self._written < STATE_EVERY and facts.step < self.config.train.steps:
            return
        if self._speed and facts.step > self._speed[1]:
            speed = (facts.step - self._speed[1]) / (now - self._speed[0])
            left = self.pace.left("steps", facts.step, self.config.train.steps)
            left = within_limit(self.config.train, left, self.trainer.progress.seconds)
            self.disk.update(speed=round(speed, 3), eta=left, **self._figures())
            self.disk.do(self.run.sync)
        self._speed, self._written = (now, facts.step), now

    def on_validation(self, step: int, measure: Measure) -> None:
        """Measures and logs the fixed-noise losses."""
        with self.phases.during(VALIDATION, step):
            train, held_out = measure()
        self.disk.event(Validated(step=step, train=train, held_out=held_out))
        text = self.patience.add(step, train, held_out)
        if text:
            self.disk.say("warning", text)

    def on_image_losses(self, step: int, losses: ImageLosses) -> None:
        """Measures what was learnt of each image, and keeps it."""
        measure_during_run(losses, self.made, self.disk, self.phases, step)
        self._speed = None

    def on_sample(self, step: int) -> None:
        """Generates the sample row of a step."""
        if not self.config.sample.every and not self.trainer.over:
            return
        try:
            with self.phases.during(SAMPLES, step), self.made.trainable.attached():
                images = self.preview.generate()
        except NonFiniteError as error:  # says something about the samples, not about the loss
            text = f"No samples at step {step}: {error}"
            self.disk.say("warning", text)
            return
        files = self.disk.do(lambda: self.preview.save(step, images))
        row = Sampled(step=step, images=tuple(files), prompts=tuple(self.config.sample.prompts))
        self.disk.event(row)
        self._speed = None  # generating is not training speed

    def on_save(self, progress: Progress) -> None:
        """Saves a checkpoint, announces it once it is whole, and removes old ones."""
        if self.early.fixed:
            with self.phases.during(SCORING):
                self.early.before_save(self.trainer)
        folder = self.disk.do(
            lambda: save_checkpoint(
                self.run.folder,
                progress,
                self.trainer.state(),
                self.trainer.optimizer,
                {"dataset": self.dataset},
            )
        )
        self.disk.update(last_checkpoint=progress.step, **self._figures())
        self.disk.event(Saved(step=progress.step, folder=folder.name))
        self.early.after_save(self.run.folder)  # only now is the new one announced
        self._speed = None

    def on_pause(self) -> None:
        """Releases the GPU until the pause ends."""
        self.run.tell(state="paused", **self._figures())
        with self.runtime.lock.released():
            self.control.wait_while_paused()
        if not self.control.stop:
            self.run.tell(state="running", reason=None, remedy=None)
        self._speed = None
        self.pace.again()

    def _figures(self) -> dict[str, Any]:
        """Step, epoch, time and memory for `state.json`."""
        progress = self.trainer.progress
        number = max(0, progress.step * self.config.train.gradient_accumulation - 1)
        return {
            "step": progress.step,
            "epoch": self.trainer.plan.epoch(number),
            "seconds": round(progress.seconds, 2),
            "peak_memory": peak_memory(self.made.base.device),
        }

    def _name_left_out(self, broken: dict[Path, str]) -> None:
        """Says which images the run goes on without; DatasetError when it has none left."""
        info, images = self.made.info, self.runtime.library.images
        held_out = image_files(info.held_out) if info.held_out else []
        broken = {**info.broken, **images.broken(held_out), **broken}
        if broken:
            text = left_out(broken, info.path)
            self.disk.say("warning", text)
        if not self.made.items:
            raise DatasetError(
                "None of the images can be read",
                where=info.path,
                why=next(iter(broken.values()), None),
                remedy="Export them again as PNG or JPEG.",
            )

    def _note_dataset(self) -> None:
        """What is learned from is on disk before the first step; a change needs somebody's word."""
        before = dataset_record.read(self.run.folder)
        now = dataset_record.of(self.made.info, self.phases.read)
        self.dataset = dataset_record.digest(now)
        if before is not None and self.dataset == dataset_record.digest(before):
            return
        if before is not None:
            if not self.run.state.accept_changes:
                dataset_record.compare(before, now)
            text = dataset_record.accepted(before, now)
            self.disk.say("warning", text)
        self.disk.do(lambda: dataset_record.write(self.run.folder, now))
        self.run.tell(accept_changes=None)

    def _go_back(self) -> None:
        events = read_events(self.run.folder)[0]
        folder, damaged = newest_checkpoint(self.run.folder)
        if damaged:
            steps = " and ".join(map(str, damaged))
            self.disk.say("warning", f"The checkpoint of step {steps} is damaged and left out.")
        if folder is None:
            announced = [event.step for event in only(events, Saved)]
            before = self.run.state.last_checkpoint or (announced or damaged or [0])[-1]
            if before:
                text = (
                    f"This run had saved step {before}, but no checkpoint of it can be read any "
                    "more. It begins again at step 0."
                )
                self.disk.say("warning", text)
                self.run.tell(last_checkpoint=None, step=0, seconds=0.0)
            return
        progress, state = load_checkpoint(folder, self.trainer.optimizer)
        self.trainer.load_state(state)
        self.trainer.progress = progress
        self.early.heard(events, progress.step)
        for event in only(events, Validated):  # what the sittings before have measured
            if event.step <= progress.step:
                self.patience.add(event.step, event.train, event.held_out)
        self.run.tell(last_checkpoint=progress.step, step=progress.step)
        self.disk.say("info", f"Continuing from step {progress.step}")
