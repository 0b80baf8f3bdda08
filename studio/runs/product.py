"""What a run makes: its files, where they are kept, and what they say about themselves.

Owns: which earlier files of the run are replaced, and the facts of the dataset in a file.
Refuses to know: the loop, when files are written.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from studio import methods
from studio.core import atomic
from studio.library import keeping
from studio.library.library import Library
from studio.methods.base import ExportFacts, Trainable
from studio.runs.events import RunLog
from studio.runs.preparation import Preparation
from studio.train.data import bucket_table
from studio.train.loop import Trainer


def export_facts(
    made: Preparation, trainer: Trainer, run: RunLog, thumbnail: bytes | None
) -> ExportFacts:
    """What the files of a run say about themselves."""
    now = round(time.time(), 3)
    return ExportFacts(
        name=made.config.name,
        trigger=made.trigger,
        phrase=made.info.phrase(made.trigger),
        step=trainer.progress.step,
        epoch=run.state.epoch,
        started_at=run.state.started_at or now,
        finished_at=now,
        dataset=_dataset_facts(made),
        thumbnail=thumbnail,
        optimizer=trainer.optimizer,
    )


def export(
    trainable: Trainable, facts: ExportFacts, run: RunLog, library: Library
) -> tuple[list[Path], str | None]:
    """Adapters are written into the run and copied to `adapters/`; a whole model is too big for a
    second copy and is written to `bases/` alone. What this run wrote before is replaced.

    The files, and a sentence where they could not have the name that they should have.
    """
    if methods.find(run.state.method).product == "model":
        files = keeping.keep_model(
            library.workspace.bases,
            facts.name,
            run.folder.name,
            lambda folder: trainable.export(folder, facts),
        )
        library.note_run(files[0], run.folder.name, facts.name)
        return files, None
    mine = {**_earlier(run), **(run.state.kept or {})}
    written = trainable.export(run.folder, facts)
    kept = library.keep_run(
        run.folder.name, facts.name, written, mine,
        lambda names: run.update(kept={**mine, **names}),
    )  # fmt: skip
    return kept, keeping.other_name(written, kept, library.reserved)


def _dataset_facts(made: Preparation) -> dict[str, Any]:
    """What a file says about its dataset: no path, and with private metadata only the count."""
    info, config = made.info, made.config
    if config.private_metadata:
        return {"images": info.images}
    tags: dict[str, int] = {}
    for item in made.items:
        for caption in dict.fromkeys(item.captions or (item.caption,)):
            for tag in filter(None, (part.strip() for part in caption.split(","))):
                tags[tag] = tags.get(tag, 0) + 1
    return {
        "images": info.images,
        "folder": info.path.name,
        "repeats": config.data.repeats * info.repeats,
        "tags": tags,
        "buckets": bucket_table(made.items),
        "resolution": config.data.resolution,
    }


def _earlier(run: RunLog) -> dict[str, list[str]]:
    """Names and hashes of what a run of an earlier version wrote: its folder has the same files."""
    names = [Path(str(file)).name for file in run.state.files]
    copies = [path for path in run.folder.iterdir() if path.is_file()]
    return {
        name: [atomic.sha256(path) for path in copies if path.suffix == Path(name).suffix]
        for name in names
    }
