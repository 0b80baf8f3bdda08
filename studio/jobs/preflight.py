"""Before Start: is everything there, and what will happen.

Owns: completing a configuration from dataset and base, and the list of errors, warnings, facts.
Refuses to know: torch; it answers in milliseconds. `worker.estimate` measures time and memory.
"""

from __future__ import annotations

import math
import shutil
from dataclasses import asdict, dataclass, field
from typing import Any

from studio import methods
from studio.config import RunConfig
from studio.errors import SettingsError, StudioError
from studio.families.detect import BaseInfo, describe
from studio.families.words import contains
from studio.formats.dataset import DatasetInfo, read_dataset
from studio.jobs.library import Library

LOW_DISK = 500 << 20


@dataclass
class Preflight:
    """What is wrong (blocks), what is odd (warns), and the facts of the run."""

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """True when the run may start."""
        return not self.errors

    def as_dict(self) -> dict[str, Any]:
        """Plain data for pages and JSON output."""
        return {**asdict(self), "ok": self.ok}


def complete(config: RunConfig, library: Library) -> tuple[RunConfig, DatasetInfo, BaseInfo]:
    """Fills in what the dataset and the base know; raises what makes the run impossible."""
    info = read_dataset(library.dataset_path(config.data.folder))
    base_path = library.base_path(config.base)
    base = describe(base_path)
    if base.problems:
        raise SettingsError(
            f"The base model “{config.base}” cannot be used",
            where=base_path,
            why="; ".join(base.problems),
        )
    method = methods.find(config.method)
    trigger = config.data.trigger or info.trigger
    data = config.data.model_copy(
        update={
            "folder": str(info.path),
            "trigger": trigger,
            "resolution": config.data.resolution or base.native_size,
            "repeats": config.data.repeats,
        }
    )
    options = method.Options.parse(method.complete(dict(config.options), info.class_word))
    prompts = list(config.sample.prompts) or sample_prompts(info, trigger)
    return (
        config.model_copy(
            update={
                "data": data,
                "options": options.model_dump(),
                "sample": config.sample.model_copy(update={"prompts": prompts}),
            }
        ),
        info,
        base,
    )


def preflight(config: RunConfig, library: Library) -> Preflight:
    """Looks at everything a run needs without loading a model."""
    result = Preflight()
    try:
        config, info, base = complete(config, library)
    except StudioError as error:
        result.errors.append(error.sentence())
        return result
    method = methods.find(config.method)
    reason = method.unsupported(base.family or "")
    if reason:
        result.errors.append(reason)
    captions = [item.caption or "" for item in info.items]
    _check_captions(result, config, info, captions)
    _check_disk(result, library)
    try:
        result.warnings += method.check(config, captions)
    except StudioError as error:
        result.errors.append(error.sentence())
    result.warnings += info.problems
    effective = config.train.batch_size * config.train.gradient_accumulation
    per_epoch = math.ceil(sum(i.repeats for i in info.items) * config.data.repeats / effective)
    if config.train.warmup >= config.train.steps:
        result.warnings.append("The warm-up is as long as the run: the full rate is never reached.")
    if config.data.keep_tags != 1 and not config.data.shuffle_tags:
        result.warnings.append("“keep_tags” has no effect: tags are not shuffled.")
    result.facts = {
        "pictures": info.pictures,
        "captioned": info.captioned,
        "held_out": _held_out_count(info),
        "trigger": config.data.trigger,
        "class_word": info.class_word,
        "method": method.title,
        "base": base.name,
        "family": base.title,
        "resolution": config.data.resolution,
        "steps": config.train.steps,
        "effective_batch": effective,
        "epochs": round(config.train.steps / max(1, per_epoch), 1),
        "sample_prompts": config.sample.prompts,
    }
    return result


def sample_prompts(info: DatasetInfo, trigger: str) -> list[str]:
    """Four captions spread over the dataset, or the trigger itself."""
    captions = list(dict.fromkeys(item.caption for item in info.items if item.caption))
    if not captions:
        return [trigger or info.name]
    count = min(4, len(captions))
    return [captions[place * len(captions) // count] for place in range(count)]


def _check_captions(
    result: Preflight, config: RunConfig, info: DatasetInfo, captions: list[str]
) -> None:
    missing = info.pictures - info.captioned
    if missing:
        result.warnings.append(
            f"{missing} of {info.pictures} pictures have no caption; "
            "the Caption tab can write them."
        )
    trigger = config.data.trigger
    if not trigger:
        result.warnings.append("No trigger word is set: nothing will call the concept by name.")
        return
    without = sum(not contains(caption, trigger) for caption in captions)
    if without and config.method != "textual-inversion":
        result.warnings.append(
            f"The trigger word “{trigger}” is absent from {without} of {info.pictures} captions; "
            "add it in the Caption tab, or it will call nothing."
        )


def _check_disk(result: Preflight, library: Library) -> None:
    free = shutil.disk_usage(library.workspace.root).free
    if free < LOW_DISK:
        result.warnings.append(
            f"Only {free >> 20} MB are free on the workspace's disk; checkpoints may not fit."
        )


def _held_out_count(info: DatasetInfo) -> int:
    from studio.formats.dataset import picture_files

    return len(picture_files(info.held_out)) if info.held_out else 0
