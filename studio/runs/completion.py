"""A run's settings with nothing left open: what the dataset and the base know is filled in.

Owns: completing a configuration, and the errors that make it impossible, each with its setting.
Refuses to know: torch, what is odd about a run (`advice`, `preflight`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from studio import methods
from studio.core.errors import SettingsError, StudioError
from studio.core.names import printable
from studio.core.spread import spread
from studio.families.detect import BaseInfo
from studio.families.token_match import without
from studio.formats.captions import fill_template
from studio.formats.dataset import DatasetInfo
from studio.infer.prompt import escaped
from studio.library import image_checks
from studio.library.image_checks import checked_dataset
from studio.library.library import Library
from studio.runs.advice import Finding
from studio.settings.training import DataSettings, PriorSettings, RunConfig

TRIGGER, CLASS_WORD = "dataset.trigger", "dataset.class_word"  # what a dataset says of itself
NO_CLASS = Finding(
    "No class images are used: nothing says what the subject is an example of. Name the dataset's class "
    "word, such as “cat”, and class images keep the base from forgetting it.",
    CLASS_WORD,
)


@dataclass(frozen=True)
class Complete:
    """A configuration with nothing left open, and what it was completed from."""

    config: RunConfig
    dataset: DatasetInfo
    base: BaseInfo
    findings: tuple[Finding, ...] = ()
    """What was changed for want of something."""


def complete(config: RunConfig, library: Library) -> Complete:
    """Fills in what the dataset and the base know; raises what makes the run impossible."""
    with _at("data.folder"):
        folder = library.dataset_path(config.data.folder)
        info = checked_dataset(folder, library.images, image_checks.PATIENCE)
    with _at("base"):
        base = _usable_base(config.base, library)
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
        with _at("options.continue_from"):
            given["continue_from"] = printable(library.adapter_path(given["continue_from"]))
    options = method.Options.parse(method.complete(given, info.class_word))
    own = list(config.sample.prompts)
    prompts = own or sample_prompts(info, data)
    with _at("prior.folder"):
        prior = _complete_prior(config.prior, info, trigger, library)
    findings = []
    if prior.weight and not prior.prompts and not prior.folder:
        prior = prior.model_copy(update={"weight": 0.0})
        findings.append(NO_CLASS)
    sample = config.sample.model_copy(update={"prompts": prompts})
    config = config.model_copy(
        update={"data": data, "options": options.model_dump(), "prior": prior, "sample": sample}
    )
    sample = method.samples(config)
    if not own:  # captions are read in training as they stand; so are these
        sample = sample.model_copy(update={"prompts": [escaped(text) for text in sample.prompts]})
    return Complete(config.model_copy(update={"sample": sample}), info, base, tuple(findings))


@contextmanager
def _at(key: str) -> Iterator[None]:
    """Errors inside are about this setting."""
    try:
        yield
    except StudioError as error:
        raise error.at(error.problems or {key: error.sentence()}) from None


def _usable_base(name: str, library: Library) -> BaseInfo:
    base = library.base(name)
    if base.problems:
        raise SettingsError(
            f"The base model “{name}” cannot be used",
            where=base.path,
            why="; ".join(base.problems),
        )
    return base


def _complete_prior(
    prior: PriorSettings, info: DatasetInfo, trigger: str, library: Library
) -> PriorSettings:
    """With the folder of own class images as a path, and prompts where there are any to find."""
    if prior.folder.strip():
        root = library.workspace.images_folder(library.workspace.named(prior.folder))
        prior = prior.model_copy(update={"folder": str(root)})
    if prior.weight and not prior.prompts:
        prior = prior.model_copy(update={"prompts": class_prompts(info, trigger)})
    return prior


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
    return spread(captions, 4)


def class_prompts(info: DatasetInfo, trigger: str) -> list[str]:
    """The captions without the trigger, each once; else “a” and the class word; else nothing."""
    captions = (without(item.caption, trigger) for item in info.items if item.caption)
    found = [caption for caption in dict.fromkeys(captions) if caption]
    return found or ([f"a {info.class_word}"] if info.class_word else [])
