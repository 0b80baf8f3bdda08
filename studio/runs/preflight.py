"""Before Start: is everything there, and what will happen.

Owns: completing a configuration from dataset and base, and the list of errors, warnings, facts.
Refuses to know: torch; it answers in milliseconds. `worker.estimate` measures time and memory.
"""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass, field

from studio import methods
from studio.architectures import ARCHITECTURES
from studio.clip.folder import find_clip
from studio.core.errors import SettingsError, StudioError, UnavailableError
from studio.core.names import path_of, printable
from studio.core.record import Table
from studio.families.detect import BaseInfo
from studio.families.token_match import contains, without
from studio.formats.captions import fill_template
from studio.formats.dataset import DatasetInfo, picture_files
from studio.infer.prompt import escaped
from studio.infer.tags import has_tags
from studio.library import image_checks
from studio.library.image_checks import checked_dataset, image_lines
from studio.library.library import Library
from studio.runs.advice import advice
from studio.runs.records import RunFacts
from studio.settings.training import DataSettings, RunConfig

LOW_DISK = 500 << 20
GENTLE_PRIOR = 0.1  # more holds a style back (docs/results.md)
WHOLE_MODEL = 12  # bases: the weights and two moments in fp32, twice while saving, and the product


@dataclass
class Preflight:
    """What is wrong (blocks), what is odd (warns), and the facts of the run."""

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """How files and folders were understood: nothing odd, but worth a look."""
    facts: RunFacts | None = None
    """None where the settings could not be completed."""

    @property
    def ok(self) -> bool:
        """True when the run may start."""
        return not self.errors

    def as_dict(self) -> Table:
        """Plain data for pages and JSON output."""
        facts = self.facts.as_json() if self.facts else {}
        return {**vars(self), "facts": facts, "ok": self.ok}


@dataclass(frozen=True)
class Complete:
    """A configuration with nothing left open, and what it was completed from."""

    config: RunConfig
    dataset: DatasetInfo
    base: BaseInfo


def complete(config: RunConfig, library: Library) -> Complete:
    """Fills in what the dataset and the base know; raises what makes the run impossible."""
    folder = library.dataset_path(config.data.folder)
    info = checked_dataset(folder, library.images, image_checks.PATIENCE)
    base = library.base(config.base)
    if base.problems:
        raise SettingsError(
            f"The base model “{config.base}” cannot be used",
            where=base.path,
            why="; ".join(base.problems),
        )
    method = methods.find(config.method)
    trigger = config.data.trigger or info.trigger
    info = info.called(trigger)
    data = config.data.model_copy(
        update={
            "folder": printable(info.path),
            "trigger": trigger,
            "resolution": config.data.resolution or base.native_size,
        }
    )
    given = dict(config.options)
    if given.get("continue_from"):
        given["continue_from"] = printable(library.adapter_path(given["continue_from"]))
    options = method.Options.parse(method.complete(given, info.class_word))
    own = list(config.sample.prompts)
    prompts = own or sample_prompts(info, data)
    prior = config.prior
    if prior.folder.strip():
        root = library.workspace.pictures_folder(library.workspace.named(prior.folder))
        prior = prior.model_copy(update={"folder": str(root)})
    if prior.weight and not prior.prompts:
        found = class_prompts(info, trigger)
        prior = prior.model_copy(update={"prompts": found})
    sample = config.sample.model_copy(update={"prompts": prompts})
    config = config.model_copy(
        update={"data": data, "options": options.model_dump(), "prior": prior, "sample": sample}
    )
    sample = method.samples(config)
    if not own:  # captions are read in training as they stand; so are these
        sample = sample.model_copy(update={"prompts": [escaped(text) for text in sample.prompts]})
    return Complete(config.model_copy(update={"sample": sample}), info, base)


def preflight(config: RunConfig, library: Library) -> Preflight:
    """Looks at everything a run needs without loading a model."""
    try:
        completed = complete(config, library)
    except StudioError as error:
        return Preflight(errors=[error.sentence()])
    return judged(completed, library)


def judged(completed: Complete, library: Library) -> Preflight:
    """What `preflight` says of a configuration that could be completed."""
    config, info, base = completed.config, completed.dataset, completed.base
    result = Preflight()
    method = methods.find(config.method)
    if base.family and (reason := method.unsupported(ARCHITECTURES[base.family])):
        result.errors.append(reason)
    if base.inpainting:
        result.errors.append(
            f"“{base.name}” is an inpainting model, which learns from masked images; training shows "
            "it whole ones. Choose the base it was made from: what is trained on that one can be "
            "used on the inpainting model too."
        )
    if method.needs_clip and base.path.exists():  # one from the hub may not be here yet
        _check_clip(result, base)
    captions = [item.caption or "" for item in info.items]
    if method.reads_captions:
        _check_captions(result, config, info, captions)
    _check_prior(result, config, info)
    _check_disk(result, library, base if method.product == "model" else None)
    try:
        result.warnings += method.check(config, captions)
    except StudioError as error:
        result.errors.append(error.sentence())
    warnings, result.notes = image_lines(config, info, library.images)
    result.warnings += [*info.problems, *warnings, *base.assumed]
    if any(has_tags(prompt) for prompt in config.sample.prompts):
        result.warnings.append(
            "A sample prompt names a file (<lora:…>). Samples show this run alone: the tag is read "
            "as text."
        )
    if config.train.warmup_steps >= config.train.steps:
        result.warnings.append("The warm-up is as long as the run: the full rate is never reached.")
    result.warnings += advice(config, info, base)
    result.facts = _facts(completed)
    return result


def _facts(completed: Complete) -> RunFacts:
    config, info, base = completed.config, completed.dataset, completed.base
    effective = config.train.batch_size * config.train.gradient_accumulation
    shown = (2 if config.data.flip else 1) * (
        config.data.crops if config.data.crop == "random" else 1
    )
    per_epoch = math.ceil(
        sum(i.repeats for i in info.items) * config.data.repeats * shown / effective
    )
    facts = RunFacts(
        pictures=info.pictures,
        captioned=info.captioned,
        held_out=_held_out_count(info),
        trigger=config.data.trigger,
        class_word=info.class_word,
        method=methods.find(config.method).title,
        base=base.name,
        family=base.title,
        resolution=config.data.resolution,
        steps=config.train.steps,
        effective_batch=effective,
        epochs=round(config.train.steps / max(1, per_epoch), 1),
        sample_prompts=tuple(config.sample.prompts),
    )
    return facts.changed(class_pictures=config.prior.images) if config.prior.weight else facts


def sample_prompts(info: DatasetInfo, data: DataSettings) -> list[str]:
    """Four captions spread over the dataset, in the template's first line, or the trigger itself."""
    found = [
        fill_template(line, item.trigger or data.trigger, item.caption or "")
        for item in info.items
        for line in (data.template or ["[filewords]"])[:1]
    ]
    captions = list(dict.fromkeys(filter(None, found)))
    if not captions:
        return [data.trigger or info.name]
    count = min(4, len(captions))
    return [captions[place * len(captions) // count] for place in range(count)]


def class_prompts(info: DatasetInfo, trigger: str) -> list[str]:
    """The captions without the trigger, each once; else “a” and the class word; else nothing."""
    captions = (without(item.caption, trigger) for item in info.items if item.caption)
    found = [caption for caption in dict.fromkeys(captions) if caption]
    return found or ([f"a {info.class_word}"] if info.class_word else [])


def _check_prior(result: Preflight, config: RunConfig, info: DatasetInfo) -> None:
    prior = config.prior
    if not prior.weight:
        if prior.folder or prior.prompts:
            result.warnings.append("The class images have no effect: the prior weight is 0.")
        return
    if not prior.prompts:
        result.errors.append(
            "Prior preservation needs a class prompt: write what class images show, "
            "e.g. “a cat”, or set the prior weight to 0."
        )
    if info.kind == "style" and prior.weight > GENTLE_PRIOR:
        result.warnings.append(
            "Class images show the same scenes without the style and hold it back; "
            f"for a style, set the prior weight to {GENTLE_PRIOR} or 0."
        )
    if prior.folder:
        root = path_of(prior.folder).expanduser()
        if not root.is_dir() or not picture_files(root):
            result.errors.append(
                f"There are no class images in “{prior.folder}”. Choose a folder of images, "
                "or leave it empty: then the base generates them."
            )


def _check_clip(result: Preflight, base: BaseInfo) -> None:
    try:
        find_clip(base.path)
    except UnavailableError as error:
        result.errors.append(error.sentence())


def _check_captions(
    result: Preflight, config: RunConfig, info: DatasetInfo, captions: list[str]
) -> None:
    missing = info.pictures - info.captioned
    if missing:
        result.warnings.append(
            f"{missing} of {info.pictures} images have no caption; the Caption tab can write them."
        )
    own = {item.trigger for item in info.items}
    trigger = config.data.trigger
    if not trigger and ("" in own or len(own) < 2):
        result.warnings.append("No trigger word is set: nothing will call the concept by name.")
        return
    several = len(own) > 1
    words = [item.trigger if several and item.trigger else trigger for item in info.items]
    shown = [
        [fill_template(line, word, caption) for line in config.data.template] or [caption]
        for word, caption in zip(words, captions, strict=True)
    ]
    without = sum(
        not all(contains(text, word) for text in texts)
        for word, texts in zip(words, shown, strict=True)
    )
    if without and config.method != "textual-inversion":
        names = "”, “".join(dict.fromkeys(words))
        result.warnings.append(
            f"The trigger word “{names}” is absent from {without} of {info.pictures} captions; "
            "add it in the Caption tab, or it will call nothing."
        )


def _check_disk(result: Preflight, library: Library, whole: BaseInfo | None) -> None:
    free = shutil.disk_usage(library.workspace.root).free
    if whole and free < WHOLE_MODEL * whole.size_bytes:
        result.warnings.append(
            f"{free >> 20} MB are free on the workspace's disk. A whole model and the checkpoints "
            f"on the way to it may take {WHOLE_MODEL * whole.size_bytes >> 20} MB."
        )
    elif free < LOW_DISK:
        result.warnings.append(
            f"Only {free >> 20} MB are free on the workspace's disk; checkpoints may not fit."
        )


def _held_out_count(info: DatasetInfo) -> int:
    return len(picture_files(info.held_out)) if info.held_out else 0
