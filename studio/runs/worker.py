"""One run from its configuration to its proved file, on the trainer's thread.

Owns: preparing, wiring the loop to disk and device, exporting and verifying.
Refuses to know: the queue, pages. Imports torch: only the trainer's thread loads it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from studio import methods
from studio.core import atomic
from studio.core.device import peak_memory, reset_peak_memory
from studio.core.errors import DatasetError, Interrupted, NonFiniteError, StorageError
from studio.core.names import path_of
from studio.formats.dataset import DatasetInfo, picture_files
from studio.library import keeping
from studio.library.image_checks import checked_dataset, left_out
from studio.methods.base import ExportFacts
from studio.runs import dataset_record
from studio.runs.class_images import class_items
from studio.runs.control import Control
from studio.runs.events import RunLog, read_events
from studio.runs.records import (
    Bucket,
    Finished,
    Message,
    Probed,
    Sampled,
    Saved,
    Step,
    only,
)
from studio.runs.samples import Preview, verify
from studio.runtime.runtime import Runtime
from studio.settings.training import RunConfig
from studio.train.cache import LatentCache
from studio.train.data import Item, bucket_table, held_out_items, read_items
from studio.train.loop import Hooks, Trainer
from studio.train.patience import Patience
from studio.train.state import (
    Progress,
    load_checkpoint,
    newest_checkpoint,
    remove_old,
    remove_unfinished,
    save_checkpoint,
)

T = TypeVar("T")
STATE_EVERY = 1.0  # seconds between writes of state.json while steps go by


def execute(run: RunLog, config: RunConfig, control: Control, runtime: Runtime) -> None:
    """Prepares, trains, exports and verifies; raises whatever makes that impossible."""
    Worker(run, config, control, runtime).execute()


class Worker:
    """Wires one run together; the loop itself is `train.loop`."""

    def __init__(self, run: RunLog, config: RunConfig, control: Control, runtime: Runtime) -> None:
        self.run, self.config, self.control, self.runtime = run, config, control, runtime
        self.started = time.time()
        self.patience = Patience(config.validation.patience)
        self._written = 0.0
        self._speed: tuple[float, int] | None = None

    def execute(self) -> None:
        """The whole run."""
        self.run.tell(
            state="preparing", started_at=self.run.state.started_at or round(self.started, 3)
        )
        atomic.sweep_temporaries(self.run.folder)
        remove_unfinished(self.run.folder)
        self.prepare()
        if self.control.stop:
            self.run.tell(state="stopped", reason="Stopped before the first step.", files=())
            return
        self.run.tell(state="running")
        complete = self.trainer.run()
        if not complete:
            self.run.tell(state="stopping")
        files = self.durably(self.finish) if self.trainer.progress.step else []
        # what is proved on disk is told, also when the disk has no room left for the telling
        self.run.tell(
            state="finished" if complete else "stopped",
            files=tuple(str(file) for file in files),
            finished_at=round(time.time(), 3),
            eta=0,
            **self._figures(),
        )

    def prepare(self) -> None:
        """Loads the base, reads the images, makes the trainable, goes back to a checkpoint."""
        config = self.config
        self.base = self.runtime.base(
            config.base,
            config.device,
            config.precision,
            said=self._preparing,
        )
        reset_peak_memory(self.base.device)
        images = self.runtime.library.images
        self.info = checked_dataset(path_of(config.data.folder), images, on_progress=self._looking)
        self._note_dataset()
        trigger = config.data.trigger or self.info.trigger
        self.info = self.info.called(trigger)
        resolution, multiple = (
            config.data.resolution or self.base.native_size,
            self.base.size_multiple,
        )
        items = read_items(self.info, config.data, resolution, multiple)
        held_out = held_out_items(self.info, config.data, resolution, multiple, images)
        cache = self.runtime.library.workspace.cache
        prior = self.durably(
            lambda: class_items(
                self.base, config, cache, self._drawing, lambda: bool(self.control.stop), images
            )
        )
        latents = LatentCache(self.base, cache)
        broken = latents.fill([*items, *held_out, *prior], self._reading)
        items, held_out, prior = (
            [item for item in found if item.path not in broken]
            for found in (items, held_out, prior)
        )
        self._name_left_out(items, broken)
        self.trainable = methods.find(config.method).prepare(self.base, config, trigger)
        hooks = Hooks(
            step=self.on_step,
            probe=self.on_probe,
            sample=self.on_sample,
            save=self.on_save,
            boundary=self.runtime.lock.yield_to_others,
            paused=self.on_pause,
        )
        self.trainer = Trainer(
            self.base, self.trainable, config, items, held_out, latents, self.control, hooks,
            prior=prior,
        )  # fmt: skip
        self.preview = Preview(self.base, config, self.run.folder)
        trained = {
            group.name: sum(t.numel() for t in group.parameters) for group in self.trainable.groups
        }
        buckets = tuple(Bucket(**row) for row in bucket_table(items))
        self.run.tell(trained=trained, buckets=buckets, class_pictures=len(prior))
        self._go_back()

    def finish(self) -> list[Path]:
        """Writes the files, shows them under `adapters/`, proves that they load and work."""
        with self.trainer.averaged():
            files = self._export(self.facts(self.preview.thumbnail()))
        proof = verify(self.base, self.config, files[0], self.runtime.adapters())
        names = tuple(str(file) for file in files)
        self.run.event(Finished(step=self.trainer.progress.step, files=names, verify=proof))
        return files

    def _export(self, facts: ExportFacts) -> list[Path]:
        """Adapters are written into the run and copied to `adapters/`; a whole model is too big
        for a second copy and is written to `bases/` alone. What this run wrote before is replaced.
        """
        library, run = self.runtime.library, self.run
        name = run.folder.name
        if methods.find(self.config.method).product == "model":
            files = keeping.keep_model(
                library.workspace.bases,
                facts.name,
                name,
                lambda folder: self.trainable.export(folder, facts),
            )
            library.notes.change(files[0], run=name, name=facts.name)
            return files
        mine = {**_earlier(run), **(run.state.kept or {})}
        written = self.trainable.export(run.folder, facts)
        kept = library.keep_run(
            name, facts.name, written, mine, lambda names: run.update(kept={**mine, **names})
        )
        if text := keeping.other_name(written, kept, library.reserved):
            self._say("info", text)
        return kept

    def facts(self, thumbnail: bytes | None) -> ExportFacts:
        """What the file says about itself."""
        config, progress = self.config, self.trainer.progress
        trigger = config.data.trigger or self.info.trigger
        return ExportFacts(
            name=config.name,
            trigger=trigger,
            phrase=self.info.phrase(trigger),
            step=progress.step,
            epoch=self.run.state.epoch,
            started_at=self.run.state.started_at or self.started,
            finished_at=round(time.time(), 3),
            dataset=_dataset_facts(self.info, self.trainer.items, config),
            thumbnail=thumbnail,
            optimizer=self.trainer.optimizer,
        )

    # What the loop calls, on this thread, between steps.

    def on_step(self, facts: Mapping[str, Any]) -> None:
        """Logs every step; the state now and then."""
        shown = {
            key: round(value, 8) if isinstance(value, float) else value
            for key, value in facts.items()
        }
        self.durably(lambda: self.run.event(Step.model_validate(shown)))
        now = time.monotonic()
        if now - self._written < STATE_EVERY and facts["step"] < self.config.train.steps:
            return
        if self._speed and facts["step"] > self._speed[1]:
            speed = (facts["step"] - self._speed[1]) / (now - self._speed[0])
            left = (self.config.train.steps - facts["step"]) / speed
            self.durably(
                lambda: self.run.update(
                    speed=round(speed, 3), eta=round(left, 1), **self._figures()
                )
            )
            self.durably(self.run.sync)
        self._speed, self._written = (now, facts["step"]), now

    def on_probe(self, step: int, train: float, held_out: float | None) -> None:
        """Logs the fixed-noise losses."""
        self.durably(lambda: self.run.event(Probed(step=step, train=train, held_out=held_out)))
        text = self.patience.add(step, train, held_out)
        if text:
            self.durably(lambda: self.run.event(Message(level="warning", text=text)))

    def on_sample(self, step: int) -> None:
        """Draws the sample row of a step."""
        if not self.config.sample.every and step < self.config.train.steps:
            return
        try:
            with self.trainable.attached():
                pictures = self.preview.generate()
        except NonFiniteError as error:  # says something about the samples, not about the loss
            text = f"No samples at step {step}: {error}"
            self.durably(lambda: self.run.event(Message(level="warning", text=text)))
            return
        files = self.durably(lambda: self.preview.save(step, pictures))
        row = Sampled(step=step, pictures=tuple(files), prompts=tuple(self.config.sample.prompts))
        self.durably(lambda: self.run.event(row))
        self._speed = None  # drawing is not training speed

    def on_save(self, progress: Progress) -> None:
        """Saves a checkpoint, announces it once it is whole, and removes old ones."""
        folder = self.durably(
            lambda: save_checkpoint(
                self.run.folder,
                progress,
                self.trainer.state(),
                self.trainer.optimizer,
                {"dataset": self.dataset},
            )
        )
        self.durably(lambda: self.run.update(last_checkpoint=progress.step, **self._figures()))
        self.durably(lambda: self.run.event(Saved(step=progress.step, folder=folder.name)))
        remove_old(self.run.folder, self.config.save.keep)  # only now is the new one announced

    def on_pause(self) -> None:
        """Gives the device away until the pause ends."""
        self.run.tell(state="paused", **self._figures())
        with self.runtime.lock.released():
            self.control.wait_while_paused()
        if not self.control.stop:
            self.run.tell(state="running", reason=None, remedy=None)
        self._speed = None

    def durably(self, write: Callable[[], T]) -> T:
        """Does `write`; when the disk refuses, the run pauses, and tries again on Continue."""
        while True:
            try:
                return write()
            except StorageError as error:
                self.control.give("pause")
                self._tell_paused(error)
                with self.runtime.lock.released():
                    self.control.wait_while_paused()
                if self.control.stop:
                    raise
                self.run.tell(state="running", reason=None, remedy=None)

    def _figures(self) -> dict[str, Any]:
        """Step, epoch, time and memory for `state.json`."""
        progress = self.trainer.progress
        number = max(0, progress.step * self.config.train.gradient_accumulation - 1)
        return {
            "step": progress.step,
            "epoch": self.trainer.plan.epoch(number),
            "seconds": round(progress.seconds, 2),
            "peak_memory": peak_memory(self.base.device),
        }

    def _tell_paused(self, error: StorageError) -> None:
        """To the page from memory: the disk that refused may not take this either."""
        safe = self.run.state.last_checkpoint
        error.safe = f"The last checkpoint, step {safe}, is intact." if safe else None
        remedy = "Free some space, then Continue." if error.full else "Mend that, then Continue."
        self.run.tell(state="paused", reason=error.sentence(), remedy=remedy)

    def _preparing(self, text: str) -> None:
        self.run.tell(preparing=text)

    def _reading(self, done: int, total: int) -> None:
        if self.control.stop:
            raise Interrupted("Stopped while reading the images")
        if done == total or done % 25 == 0:
            self._preparing(f"Read {done} of {total} images")

    def _looking(self, done: int, total: int) -> None:
        if self.control.stop:
            raise Interrupted("Stopped while looking at the images")
        self._preparing(f"Looked at {done} of {total} images")

    def _name_left_out(self, items: list[Item], broken: dict[Path, str]) -> None:
        """Says which images the run goes on without; DatasetError when it has none left."""
        held_out = picture_files(self.info.held_out) if self.info.held_out else []
        broken = {**self.info.broken, **self.runtime.library.images.broken(held_out), **broken}
        if broken:
            text = left_out(broken, self.info.path)
            self.durably(lambda: self.run.event(Message(level="warning", text=text)))
        if not items:
            raise DatasetError(
                "None of the images can be read",
                where=self.info.path,
                why=next(iter(broken.values()), None),
                remedy="Export them again as PNG or JPEG.",
            )

    def _drawing(self, done: int, total: int) -> None:
        self._preparing(f"Drew {done} of {total} class images")

    def _note_dataset(self) -> None:
        """What is learned from is on disk before the first step; a change needs somebody's word."""
        before = dataset_record.read(self.run.folder)
        now = dataset_record.of(self.info, self._reading)
        self.dataset = dataset_record.digest(now)
        if before is not None and self.dataset == dataset_record.digest(before):
            return
        if before is not None:
            if not self.run.state.accept_changes:
                dataset_record.compare(before, now)
            text = dataset_record.accepted(before, now)
            self.durably(lambda: self.run.event(Message(level="warning", text=text)))
        self.durably(lambda: dataset_record.write(self.run.folder, now))
        self.run.tell(accept_changes=None)

    def _go_back(self) -> None:
        events = read_events(self.run.folder)[0]
        folder, damaged = newest_checkpoint(self.run.folder)
        if damaged:
            steps = " and ".join(map(str, damaged))
            self._say("warning", f"The checkpoint of step {steps} is damaged and is passed over.")
        if folder is None:
            announced = [event.step for event in only(events, Saved)]
            before = self.run.state.last_checkpoint or (announced or damaged or [0])[-1]
            if before:
                text = (
                    f"This run had saved step {before}, but no checkpoint of it can be read any "
                    "more. It begins again at step 0."
                )
                self._say("warning", text)
                self.run.tell(last_checkpoint=None, step=0, seconds=0.0)
            return
        progress, state = load_checkpoint(folder, self.trainer.optimizer)
        self.trainer.load_state(state)
        self.trainer.progress = progress
        for event in only(events, Probed):  # what the sittings before have measured
            if event.step <= progress.step:
                self.patience.add(event.step, event.train, event.held_out)
        self.run.tell(last_checkpoint=progress.step, step=progress.step)
        self._say("info", f"Continuing from step {progress.step}")

    def _say(self, level: str, text: str) -> None:
        self.durably(lambda: self.run.event(Message(level=level, text=text)))


def _earlier(run: RunLog) -> dict[str, list[str]]:
    """Names and hashes of what a run of an earlier version wrote: its folder has the same files."""
    names = [Path(str(file)).name for file in run.state.files]
    copies = [path for path in run.folder.iterdir() if path.is_file()]
    return {
        name: [atomic.sha256(path) for path in copies if path.suffix == Path(name).suffix]
        for name in names
    }


def _dataset_facts(info: DatasetInfo, items: list[Any], config: RunConfig) -> dict[str, Any]:
    if config.private_metadata:
        return {"pictures": info.pictures}
    tags: dict[str, int] = {}
    for item in items:
        for tag in filter(None, (part.strip() for part in item.caption.split(","))):
            tags[tag] = tags.get(tag, 0) + 1
    return {
        "pictures": info.pictures,
        "folder": info.path.name,
        "repeats": config.data.repeats * info.repeats,
        "tags": tags,
        "buckets": bucket_table(items),
        "resolution": config.data.resolution,
    }
