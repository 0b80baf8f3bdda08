"""What each image of a batch is generated from: styles, choices and tags of its prompts, by its seed.

Owns: the order in which these are read, and which images can be generated together. Refuses to know:
how they are. Imports torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from studio.infer import template
from studio.infer.engine import counted
from studio.infer.options import Job
from studio.library.library import Library
from studio.library.prompt_tags import mask_with_tags, with_tags
from studio.settings.training import GenerateSettings, StackItem

PROMPTS = {"prompt": "Template", "negative_prompt": "Negative Template"}
"""Each prompt, and what other programs call the text from which it was chosen."""


@dataclass(frozen=True)
class Part:
    """Images of a batch that differ by prompt and seed alone."""

    settings: GenerateSettings
    jobs: list[Job]
    templates: dict[str, str]
    """Key of the settings block → the prompt before its choices were made."""


def parts(settings: GenerateSettings, library: Library) -> list[Part]:
    """A batch in the order of its images; one part where prompts hold no choices.

    Errors as in `resolved`: all of them come before anything is loaded.
    """
    styled = library.styles.applied(settings)
    chosen = _with_choices(styled)
    templates = {PROMPTS[name]: getattr(styled, name) for name in chosen}
    if not chosen and not _choices_inside(styled):
        own = located(styled, library)
        return [Part(own, counted(own), {})]
    images = []
    for job in counted(styled):
        own = resolved(styled.model_copy(update={"seed": job.seed}), library)
        alike = own.model_copy(update={"seed": styled.seed, "prompt": ""})
        images.append((alike, Job(own.prompt, job.seed, job.variation_seed)))
    found = []
    for _, group in groupby(images, key=lambda image: image[0].model_dump_json()):
        members = list(group)
        jobs = [job for _, job in members]
        own = members[0][0].model_copy(update={"prompt": jobs[0].prompt})
        found.append(Part(own, jobs, templates))
    return found


def resolved(settings: GenerateSettings, library: Library) -> GenerateSettings:
    """The settings of the image with `settings.seed`: styles put around its prompts, choices made,
    tags on the stack, checked paths. Errors of styles, wildcards, tags and paths."""
    settings = library.styles.applied(settings)

    def chosen(text: str, name: str) -> str:
        return template.resolve(text, settings.seed, library.wildcards.lines, name)

    changes: dict[str, Any] = {
        name: chosen(getattr(settings, name), name) for name in _with_choices(settings)
    }
    if _choices_inside(settings):
        prompt = chosen(settings.inpaint.prompt, "inpaint.prompt")
        changes["inpaint"] = settings.inpaint.model_copy(update={"prompt": prompt})
    return located(settings.model_copy(update=changes), library)


def located(settings: GenerateSettings, library: Library) -> GenerateSettings:
    """The same with its prompt's tags on the stack, and checked, absolute paths of all files."""
    settings, _ = with_tags(settings, library)
    settings = mask_with_tags(settings, library)
    resolve = library.workspace.resolve

    def with_paths(stack: list[StackItem]) -> list[StackItem]:
        return [item.model_copy(update={"path": str(resolve(item.path))}) for item in stack]

    inpaint = settings.inpaint
    inside = {
        "mask": str(resolve(inpaint.mask)) if inpaint.mask else "",
        "stack": None if inpaint.stack is None else with_paths(inpaint.stack),
    }
    changes = {
        "stack": with_paths(settings.stack),
        "image": str(resolve(settings.image)) if settings.image else "",
        "inpaint": inpaint.model_copy(update=inside),
    }
    return settings.model_copy(update=changes)


def _with_choices(settings: GenerateSettings) -> list[str]:
    """Which of the prompts hold choices."""
    if not settings.syntax:
        return []
    return [name for name in PROMPTS if template.has_choices(getattr(settings, name))]


def _choices_inside(settings: GenerateSettings) -> bool:
    """Whether the prompt inside a mask holds choices."""
    inpaint = settings.inpaint
    return bool(settings.syntax and inpaint.mask) and template.has_choices(inpaint.prompt)
