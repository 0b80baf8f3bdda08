"""`<lora:name:0.8>` in a prompt is a file on the stack.

Owns: which file a tag means. Refuses to know: how tags are written (`studio.infer.tags`), the
page. Imports no torch.

As in A1111's web UI only the prompt's tags count, not the negative prompt's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from studio.core.errors import InputError, MissingError, StudioError
from studio.formats import kinds
from studio.infer.tags import Tag, has_tags, malformed, split_tags
from studio.infer.template import has_choices
from studio.library import adapter_names
from studio.library.adapter_info import AdapterInfo
from studio.library.files import LibraryFiles
from studio.settings.block_weights import BASE
from studio.settings.generation import Lane
from studio.settings.lanes import LanesSettings
from studio.settings.training import GenerateSettings, StackItem, nearest


def with_tags(
    settings: GenerateSettings, library: LibraryFiles
) -> tuple[GenerateSettings, list[StackItem]]:
    """(settings whose prompt has no tags and whose stack has their files, these files).

    A file that is on the stack already gets the tag's strengths; others follow in the order of the
    tags. Raises MissingError for a name that no file here has, InputError for a tag that cannot be
    read, SettingsError for a strength that the stack does not take. Without `settings.syntax` tags
    are text.
    """
    if settings.syntax and (odd := malformed(settings.prompt)):
        raise _malformed_error(*odd[0])
    prompt, tags = split_tags(settings.prompt) if settings.syntax else (settings.prompt, [])
    if not tags:
        return settings, []
    infos = library.adapters()
    stack = {item.path: item for item in settings.stack}
    moved: dict[str, StackItem] = {}
    for tag in tags:
        path = str(find(tag, infos, library).path)
        values = stack[path].model_dump() if path in stack else {"path": path}
        same = tag.text_strength == tag.strength
        text = None if same else tag.text_strength
        changes: dict[str, Any] = {"strength": tag.strength, "text_strength": text, "enabled": True}
        changes |= _part_of_the_steps(tag, settings.steps)
        if tag.blocks:
            changes["blocks"] = _blocks_of(settings.base, tag, library)
        stack[path] = moved[path] = StackItem.parse({**values, **changes}, where=tag.written)
    changed = {"prompt": prompt, "stack": list(stack.values())}
    return settings.model_copy(update=changed), list(moved.values())


def mask_with_tags(settings: GenerateSettings, library: LibraryFiles) -> GenerateSettings:
    """The same for the prompt inside a mask: its files join what acts there, and nowhere else."""
    inpaint = settings.inpaint
    if not inpaint.mask:
        return settings
    stack = settings.stack if inpaint.stack is None else inpaint.stack
    inside, moved = with_tags(
        settings.model_copy(update={"prompt": inpaint.prompt, "stack": stack}), library
    )
    if not moved:
        return settings
    changed = inpaint.model_copy(update={"prompt": inside.prompt, "stack": inside.stack})
    return settings.model_copy(update={"inpaint": changed})


def lanes_with_tags(
    settings: LanesSettings, library: LibraryFiles
) -> tuple[LanesSettings, list[StackItem]]:
    """The same for lanes: tags of the prompt of all go to every lane that generates it, a lane's own
    stay with it, and those of a prompt with choices stay in it: images may choose other files.
    Errors as in `with_tags`."""
    lanes: list[Lane] = []
    moved: dict[str, StackItem] = {}
    for lane in settings.lanes:
        prompt = lane.prompt if lane.prompt.strip() else settings.common.prompt
        if has_choices(prompt):
            lanes.append(lane)
            continue
        own, items = with_tags(
            settings.common.model_copy(update={"prompt": prompt, "stack": lane.stack}), library
        )
        told = own.prompt if lane.prompt.strip() else lane.prompt
        lanes.append(lane.model_copy(update={"stack": own.stack, "prompt": told}))
        moved |= {item.path: item for item in items}
    common = settings.common
    if common.syntax and not has_choices(common.prompt):
        common = common.model_copy(update={"prompt": split_tags(common.prompt)[0]})
    return settings.model_copy(update={"common": common, "lanes": lanes}), list(moved.values())


def notes(settings: LanesSettings) -> list[str]:
    """What stands in tags and has no effect here; as in A1111's web UI none has in the negative
    prompt."""
    if not settings.common.syntax:
        return []
    prompts = dict.fromkeys(own.prompt for _, own in settings.batches())
    tags = [tag for prompt in prompts for tag in split_tags(prompt)[1]]
    found = [f"{tag.written}: {tag.note}" for tag in tags if tag.note]
    if has_tags(settings.common.negative_prompt):
        found.append("A tag in the negative prompt is text: files are named in the prompt.")
    return list(dict.fromkeys(found))


def _part_of_the_steps(tag: Tag, steps: int) -> dict[str, Any]:
    """`start=` and `stop=`, which count sampling steps, as parts of all of them."""
    found = {}
    if tag.start is not None:
        found["start"] = tag.start / steps
    if tag.stop is not None:
        found["end"] = min(tag.stop / steps, 1.0)
    return found


def _blocks_of(base: str, tag: Tag, library: LibraryFiles) -> dict[str, float]:
    """The tag's factors for the blocks that this base has, as far as they are known before it is
    loaded; a list made for a network with more of them is cut, as A1111's extension does."""
    try:
        known = {BASE, *library.blocks(base)}
    except StudioError:  # one from the hub may not be here yet
        return tag.blocks
    return {name: tag.blocks.get(name, 0.0) for name in (BASE, *sorted(known - {BASE}))}


def _malformed_error(written: str, why: str) -> InputError:
    return InputError(
        "A tag in the prompt cannot be read",
        where=written[:200],
        why=why,
        remedy="Write it like <lora:name:0.8>, or switch off “Brackets and tags have a meaning”.",
        safe="Nothing was generated.",
    )


def find(tag: Tag, infos: list[AdapterInfo], library: LibraryFiles) -> AdapterInfo:
    """The file a tag means: by its name (see `adapter_names`), or else by the name stated in it.

    Raises MissingError, and InputError where several files fit.
    """
    fitting = {info.path: info for info in infos if info.kind == tag.kind and info.usable}
    if named := library.named_adapter(tag.name, fitting):
        return fitting[named]
    named_so = {tag.name.lower()}
    stated = [path for path, info in fitting.items() if named_so & {*map(str.lower, info.names)}]
    found = library.alike(stated)
    if len(found) > 1:
        raise adapter_names.several(tag.name, library.adapter_names(found))
    if found:
        return fitting[found[0]]
    raise _missing(tag, infos, list(fitting.values()))


def _missing(tag: Tag, infos: list[AdapterInfo], fitting: list[AdapterInfo]) -> MissingError:
    _, _, kind = kinds.phrase(tag.kind).partition(" ")
    other = next((info for info in infos if info.name.lower() == tag.name.lower()), None)
    close = nearest(Path(tag.name).name, [info.name for info in fitting])
    why = "The prompt names it in a tag."
    if other is not None and not other.usable and other.problem:
        why, remedy = other.problem, "Take the tag out, or put a whole file in its place."
    elif other is not None:
        why = f"“{other.name}” is {kinds.phrase(other.kind)}."
        remedy = "Take the tag out, and add the file to the stack."
    elif close:
        remedy = f"Did you mean “{close}”?"
    else:
        remedy = "Copy the file into the workspace's folder “adapters”, or take the tag out."
    return MissingError(
        f"There is no {kind} “{tag.name}”",
        where=tag.written,
        why=why,
        remedy=remedy,
        safe="Nothing was generated.",
    )
