"""Before Start: is everything there, and what will happen.

Owns: finding out what is wrong, odd, or a fact. Refuses to know: torch; it answers in milliseconds.
`estimate` measures time and memory.
"""

from __future__ import annotations

import shutil

from studio import methods
from studio.architectures import ARCHITECTURES
from studio.checkup.captions import without_caption, without_trigger
from studio.clip.folder import find_clip
from studio.core.counts import counted
from studio.core.device import pick_device
from studio.core.errors import StudioError, UnavailableError
from studio.core.names import path_of
from studio.families.detect import BaseInfo
from studio.families.layer_names import denoiser_layers
from studio.families.size_multiple import size_multiple
from studio.families.token_match import contains
from studio.formats.dataset import DatasetInfo, image_files
from studio.infer.tags import has_tags
from studio.library.image_checks import image_lines
from studio.library.library import Library
from studio.runs import auto
from studio.runs.advice import advice
from studio.runs.completion import TRIGGER, Complete, complete
from studio.runs.dataset_warning import dataset_warning
from studio.runs.findings import Preflight, refused
from studio.runs.memory_check import check_memory
from studio.runs.records import RunFacts
from studio.settings.training import RunConfig
from studio.train.buckets import batches_per_epoch
from studio.train.caption_plan import caption_notes, captions_each

LOW_DISK = 500 << 20
GENTLE_PRIOR = 0.1  # more holds a style back (docs/log.md)
WHOLE_MODEL = 12  # bases: the weights and two moments in fp32, twice while saving, and the product


def preflight(config: RunConfig, library: Library) -> Preflight:
    """Looks at everything a run needs without loading a model."""
    try:
        completed = complete(config, library)
    except StudioError as error:
        return refused(error)
    return judged(completed, library)


def judged(completed: Complete, library: Library) -> Preflight:
    """What `preflight` says of a configuration that could be completed."""
    config, info, base = completed.config, completed.dataset, completed.base
    result = Preflight()
    method = methods.find(config.method)
    for finding in completed.findings:
        result.warn(*finding)
    if base.family and (reason := method.unsupported(ARCHITECTURES[base.family])):
        result.error(reason, "method")
    if base.inpainting:
        result.errors.append(
            f"“{base.name}” is an inpainting model, which learns from masked images; training shows "
            "it whole ones. Choose the base it was made from: what is trained on that one can be "
            "used on the inpainting model too."
        )
    needs_clip = method.needs_clip or config.save.stop_after > 0
    if needs_clip and base.path.exists():  # one from the hub may not be here yet
        _check_clip(result, base)
    _check_early_stopping(result, config, info)
    captions = [item.caption or "" for item in info.items]
    if method.reads_captions:
        _check_captions(result, config, info)
    _check_trigger(result, config, info, library)
    _check_device(result, config)
    _check_processes(result, config)
    check_memory(result, config)
    _check_prior(result, config, info)
    _check_disk(result, library, base if method.product == "model" else None)
    try:
        result.warnings += method.check(config, captions)
    except StudioError as error:
        result.refuse(error)
    warnings, result.notes = image_lines(config, info, library.images)
    result.warnings += [*info.problems, *warnings, *base.assumed]
    result.notes += filter(None, [auto.note(config, base, library.workspace.cache)])
    if any(has_tags(prompt) for prompt in config.sample.prompts):
        result.warn(
            "A sample prompt names a file (<lora:…>). Samples show this run alone: the tag is read "
            "as text.",
            "sample.prompts",
        )
    if method.reads_captions:
        result.notes += caption_notes(config, info, base, method.encodes_once(config))
    for finding in advice(config, info, base):
        result.warn(*finding)
    if text := dataset_warning(config, info, base, library):
        result.warnings.append(text)
    result.facts = _facts(completed).changed(layers=_check_layers(result, completed))
    return result


def _facts(completed: Complete) -> RunFacts:
    config, info, base = completed.config, completed.dataset, completed.base
    facts = RunFacts(
        images=info.images,
        captioned=info.captioned,
        held_out=_held_out_count(info),
        trigger=config.data.trigger,
        class_word=info.class_word,
        method=methods.find(config.method).title,
        base=base.name,
        family=base.title,
        resolution=config.data.resolution,
        steps=config.train.steps,
        effective_batch=config.train.images_per_step,
        epochs=_epochs(completed),
        sample_prompts=tuple(config.sample.prompts),
        captions_each=captions_each(info),
    )
    return facts.changed(class_images=config.prior.images) if config.prior.weight else facts


def _epochs(completed: Complete) -> float | None:
    """In the batches that the trainer makes: images of other shapes never share one."""
    config, base = completed.config, completed.base
    data, train = config.data, config.train
    multiple = size_multiple(base.path, base.family) if base.family else None
    if multiple is None or not data.resolution:
        return None
    batches = batches_per_epoch(
        completed.dataset, data, data.resolution, multiple, train.batch_size * train.processes
    )
    return round(train.steps * train.gradient_accumulation / batches, 1)


def _check_processes(result: Preflight, config: RunConfig) -> None:
    method, key = methods.find(config.method), "train.processes"
    if config.train.processes == 1:
        return
    if not method.optimized:
        text = f"{method.title} needs one process: it reads each image once and trains nothing."
        result.error(text, key)
    if config.options.get("fused_backward"):
        text = "The fused backward pass needs one process: several exchange all gradients before a step."
        result.error(text, "options.fused_backward")
    if config.device not in ("auto", "cpu", "cuda"):
        text = f"Each process takes a GPU of its own: the device cannot be {config.device}. Choose auto."
        result.error(text, key)


def _check_prior(result: Preflight, config: RunConfig, info: DatasetInfo) -> None:
    prior = config.prior
    if not prior.weight:
        if prior.folder or prior.prompts:
            text = "The class images have no effect: the prior weight is 0."
            result.warn(text, "prior.weight")
        return
    if not prior.prompts:
        result.error(
            "Your own class images need a prompt: write what they show, e.g. “a cat”, or set the "
            "prior weight to 0.",
            "prior.prompts",
        )
    if info.kind == "style" and prior.weight > GENTLE_PRIOR:
        result.warn(
            "Class images show the same scenes without the style and hold it back; "
            f"for a style, set the prior weight to {GENTLE_PRIOR} or 0.",
            "prior.weight",
        )
    if prior.folder:
        root = path_of(prior.folder).expanduser()
        if not root.is_dir() or not image_files(root):
            result.error(
                f"There are no class images in “{prior.folder}”. Choose a folder of images, "
                "or leave it empty: then the base generates them.",
                "prior.folder",
            )


def _check_clip(result: Preflight, base: BaseInfo) -> None:
    try:
        find_clip(base.path)
    except UnavailableError as error:
        result.errors.append(error.sentence())


def _check_early_stopping(result: Preflight, config: RunConfig, info: DatasetInfo) -> None:
    if not config.save.stop_after:
        return
    if not _held_out_count(info):
        result.error(
            "Early stopping judges saves by held-out images, and the dataset has none: without them a run "
            "that copies its images looks best. Put some into its folder held_out, or set early stopping to 0.",
            "save.stop_after",
        )
    if not config.save.every:
        result.warn("Early stopping has no effect: nothing is saved on the way.", "save.every")


def _check_captions(result: Preflight, config: RunConfig, info: DatasetInfo) -> None:
    missing = len(without_caption(info))
    if missing:
        result.warnings.append(
            f"{missing} of {counted(info.images, 'image')} {'has' if missing == 1 else 'have'} no "
            "caption; the Caption tab can write them."
        )
    words, lacking = without_trigger(info, config.data.trigger, config.data.template)
    if not words:
        result.warn("No trigger word is set: no word will stand for the concept.", TRIGGER)
    elif lacking and config.method != "textual-inversion":
        names = "”, “".join(words)
        result.warn(
            f"The trigger word “{names}” is absent from {len(lacking)} of {counted(info.images, 'caption')}; "
            "add it in the Caption tab, or the trigger word will have no effect.",
            "data.trigger",
        )


def _check_trigger(
    result: Preflight, config: RunConfig, info: DatasetInfo, library: Library
) -> None:
    """A word left over from the run before is the easiest thing to overlook."""
    trigger = config.data.trigger
    if not trigger or trigger == info.trigger:
        return
    captions = [item.caption or "" for item in info.items]
    if captions and all(contains(text, trigger) for text in captions):
        return
    others = [other.name for other in library.datasets() if other.trigger == trigger]
    if others:
        own = f"; this dataset's own is “{info.trigger}”" if info.trigger else ""
        result.warn(
            f"The trigger word “{trigger}” belongs to another dataset, {others[0]}{own}. "
            "Empty the field to take the dataset's own.",
            "data.trigger",
        )


def _check_layers(result: Preflight, completed: Complete) -> int | None:
    """How many layers are trained, where the method chooses and the files name them."""
    config, base = completed.config, completed.base
    names = denoiser_layers(base.path, base.family) if base.family else ()
    if not names or not base.family:
        return None
    found = methods.find(config.method).layers(config, ARCHITECTURES[base.family], names)
    if found == 0:
        result.error(
            f"The layer filter “{config.options.get('only', '')}” leaves no layer to train. Name parts of "
            f"layers as in “{names[len(names) // 2]}”, or empty the filter.",
            "options.only",
        )
    return found


def _check_device(result: Preflight, config: RunConfig) -> None:
    if config.device in ("auto", "cpu"):
        return
    try:
        pick_device(config.device)
    except StudioError as error:
        result.error(error.sentence(), "device")


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
    return len(image_files(info.held_out)) if info.held_out else 0
