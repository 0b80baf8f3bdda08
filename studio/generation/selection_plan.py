"""A choice among checkpoints with nothing left open: candidates, prompts, images to judge by.

Owns: what is taken where the person left it open, and why a choice is impossible, in plain words.
Refuses to know: torch, how it is carried out. Loads no model.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from studio.compare.selection.new_prompts import MOST, new_prompts, spread
from studio.compare.selection.racing import looks
from studio.core.contents import same_content
from studio.core.counts import counted
from studio.core.errors import InputError, MissingError, SettingsError, StudioError
from studio.core.names import printable
from studio.families.token_match import bounded, contains, without
from studio.formats.dataset import image_files, read_captions
from studio.formats.dataset_info import DatasetInfo
from studio.formats.several import first_of
from studio.infer.prompt import escaped
from studio.infer.tags import has_tags
from studio.library.library import Library
from studio.runs import rebuilding
from studio.runs.training import Runs
from studio.settings.selection import SelectionSettings
from studio.settings.training import RunConfig

MOST_CANDIDATES = 200
NO_HELD_OUT = (
    "There are no held-out reference images: likeness is measured against the training images themselves, so "
    "a checkpoint that copies them looks good. Choose reference images that were not trained on."
)
NO_TRAINING = (
    "The training images are not there any more: whether images are copies cannot be measured."
)


@dataclass(frozen=True)
class PlannedRun:
    """A run and those of its checkpoints that take part."""

    run: str
    name: str
    config: RunConfig
    steps: tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    """Everything but the device."""

    settings: SelectionSettings
    """With runs as ids."""
    runs: tuple[PlannedRun, ...]
    base: str
    precision: str
    trigger: str
    prompts: tuple[str, ...]
    plain: tuple[str, ...]
    """The same prompts without the trigger word."""
    references: tuple[Path, ...]
    training: tuple[Path, ...]
    held_out: bool
    notes: tuple[str, ...]

    @property
    def candidates(self) -> int:
        """Checkpoints × strengths."""
        return sum(len(run.steps) for run in self.runs) * len(self.settings.strengths)

    @property
    def each(self) -> int:
        """Images of a candidate with the trigger word; half as many come without it."""
        return looks(len(self.prompts), self.settings.images)[-1]

    @property
    def of_base(self) -> int:
        """Images of the base, with and without the trigger word."""
        return self.each + max(self.each // 2, min(2 * len(self.prompts), self.each))

    @property
    def full(self) -> int:
        """Images of the full grid, with those of the base and those without the trigger word."""
        return self.candidates * (self.each + self.each // 2) + self.of_base


def planned(settings: SelectionSettings, runs: Runs, library: Library) -> Plan:
    """Errors: MissingError for a run that is not there, InputError for what makes no choice."""
    if not settings.runs:
        raise InputError("No run is chosen", remedy="Choose a run whose checkpoints are saved.")
    found = tuple(_run(one, settings, runs) for one in dict.fromkeys(settings.runs))
    first = found[0].config
    _one_base(found, library)
    info, notes = _dataset(first, library)
    trigger = first.data.trigger or (info.trigger if info else "")
    _one_word(found, trigger)
    count = sum(len(run.steps) for run in found) * len(settings.strengths)
    _enough(found, count, settings)
    training = tuple(item.path for item in info.items) if info else ()
    references, held_out = _apart(*_references(settings, info, library), training, notes)
    if not held_out:
        notes.append(NO_HELD_OUT)
    if not training:
        notes.append(NO_TRAINING)
    prompts = _prompts(settings, info, trigger, references if held_out else ())
    plain = tuple(_without(text, trigger, info) for text in prompts)
    if len(prompts) < 2:
        notes.append(
            "There is one prompt alone: how well prompts are followed is not told from likeness. Write more."
        )
    if not references and not training:
        raise InputError(
            "There is nothing to compare the images with",
            why="The run has no reference images and its training images are gone.",
            remedy="Name a folder of reference images.",
        )
    steps = {run.run: run.name for run in found}
    name = settings.name or f"{next(iter(steps.values()))}: checkpoints"[:80]
    return Plan(
        settings.model_copy(update={"runs": list(steps), "name": name}),
        found, first.base, first.precision, trigger, tuple(prompts), plain,
        references, training, held_out, tuple(notes),
    )  # fmt: skip


def _run(name: str, settings: SelectionSettings, runs: Runs) -> PlannedRun:
    identity = run_named(name, runs)
    saved = list(rebuilding.saved(runs.folder(identity)))
    if not saved:
        raise MissingError(
            "This run has no checkpoints",
            where=identity,
            remedy="Train it with “Save every” set, and raise “Keep”.",
        )
    steps = [step for step in saved if not settings.checkpoints or step in settings.checkpoints]
    if gone := [step for step in settings.checkpoints if step not in saved]:
        raise MissingError(
            f"This run has no checkpoint of step {gone[0]}",
            where=identity,
            remedy=f"There are those of step {', '.join(map(str, saved))}.",
        )
    config = runs.trained_config(identity)
    return PlannedRun(identity, config.name or identity, config, tuple(steps))


def run_named(name: str, runs: Runs) -> str:
    """A run by its id, or by its name where only one has it: the newest. MissingError."""
    try:
        return runs.folder(name).name
    except MissingError:
        same = [state.run for state in runs.all() if state.name == name]
        if not same:
            raise
        return same[0]


def _one_base(found: tuple[PlannedRun, ...], library: Library) -> None:
    places = {str(library.base_path(run.config.base)): run for run in found}
    if len(places) > 1:
        one, other = list(places.values())[:2]
        raise InputError(
            "These runs were trained on different bases",
            where=f"{one.name}: {one.config.base}; {other.name}: {other.config.base}",
            why="Images of different bases do not share their noise",
            remedy="Choose runs of one base.",
        )


def _one_word(found: tuple[PlannedRun, ...], trigger: str) -> None:
    for run in found:
        own = run.config.data.trigger
        if own and trigger and own != trigger:
            raise InputError(
                "These runs have different trigger words",
                where=f"“{trigger}”, “{own}”",
                why="All checkpoints get the same prompts",
                remedy="Choose runs with the same trigger word.",
            )


def _enough(found: tuple[PlannedRun, ...], count: int, settings: SelectionSettings) -> None:
    if count < 2:
        raise InputError(
            "There is one checkpoint alone, at one strength: nothing to choose between",
            where=found[0].name,
            remedy="Give several strengths; or train with more checkpoints (“Save every”, “Keep”).",
        )
    if count > MOST_CANDIDATES:
        raise InputError(
            f"{counted(count, 'candidate')} are too many",
            remedy=f"Choose fewer checkpoints or strengths: at most {MOST_CANDIDATES} together.",
        )
    if wrong := [text for text in settings.prompts if has_tags(text)]:
        raise SettingsError(
            "A prompt names a file",
            where=wrong[0][:100],
            why="All checkpoints get the same prompts, and each has a file of its own.",
            remedy="Take the tag out of the prompt.",
        )


def _dataset(config: RunConfig, library: Library) -> tuple[DatasetInfo | None, list[str]]:
    try:
        folder = library.dataset_path(config.data.folder)
        info = library.read_dataset(folder)
    except StudioError as error:
        return None, [f"The dataset of the run cannot be read: {error.what}."]
    return info.called(config.data.trigger or info.trigger), []


def _references(
    settings: SelectionSettings, info: DatasetInfo | None, library: Library
) -> tuple[tuple[Path, ...], bool]:
    """The images to compare with, and whether they are held out from training."""
    if settings.reference.strip():
        workspace = library.workspace
        folder = workspace.images_folder(workspace.named(settings.reference))
        files = tuple(image_files(folder))
        if not files:
            raise InputError(
                "The folder of reference images has no images",
                where=printable(folder),
                remedy="Choose another folder, or leave it empty for the dataset's own.",
            )
        same = info is not None and folder.resolve() == info.path.resolve()
        return files, not same
    files = tuple(image_files(info.held_out)) if info and info.held_out else ()
    return files, bool(files)


def _apart(
    references: tuple[Path, ...], held_out: bool, training: tuple[Path, ...], notes: list[str]
) -> tuple[tuple[Path, ...], bool]:
    """The same, where they are other images than those that were trained on, wherever copies of these
    lie; the training images themselves where all are copies. Some are noted."""
    both = same_content(references, training) if held_out else []
    if both and len(both) == len(references):
        return training, False
    if both:
        notes.append(
            f"{len(both)} of {counted(len(references), 'reference image')} "
            f"{'was' if len(both) == 1 else 'were'} trained on, too: memorising "
            "them would look like success."
        )
    return references, held_out


def _prompts(
    settings: SelectionSettings,
    info: DatasetInfo | None,
    trigger: str,
    references: tuple[Path, ...],
) -> list[str]:
    own = [" ".join(text.split()) for text in settings.prompts if text.strip()]
    if own:
        return list(dict.fromkeys(own))
    held_out: list[str] = []
    if references:
        captions = read_captions(references[0].parent, lines=bool(info and info.lines))
        firsts = [first_of(text) for text in captions.values()]
        held_out = [text for text in firsts if text and contains(text, trigger)]
    training = [item.caption for item in info.items if item.caption] if info else []
    phrase = info.phrase(trigger) if info else trigger
    found = new_prompts(held_out, training, f"a {phrase}" if phrase else "", MOST)
    if not found:
        found = spread(list(dict.fromkeys(training)), 4)
    if not found:
        raise InputError(
            "There are no prompts to compare with",
            why="The run has no trigger word, and its dataset has no captions.",
            remedy="Write prompts with the trigger word, one per line.",
        )
    return [escaped(text) for text in found]


def _without(prompt: str, trigger: str, info: DatasetInfo | None) -> str:
    """A prompt without the word; with the class word in its place where nothing else says it."""
    left = without(prompt, trigger) if trigger else prompt
    word = info.class_word if info else ""
    if word and not contains(left, word) and info and info.kind == "subject":
        left = re.sub(bounded(trigger), word, prompt, flags=re.IGNORECASE) if trigger else left
    return left or word or prompt
