"""`generate`: images from a base and a stack of adapters.

Owns: building the settings from the command line, the command's output.
Refuses to know: how an image is generated.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.commands import terminal
from studio.commands.terminal import Progress, Stopping, say
from studio.core.errors import Interrupted, SettingsError
from studio.core.names import printable
from studio.generation.records import GeneratedLane
from studio.library import prompt_tags
from studio.library.image_settings import as_written, stack_named, usable_settings, with_kept
from studio.settings import training
from studio.settings.lanes import LanesSettings

if TYPE_CHECKING:
    from studio.app import Studio
    from studio.generation.records import Generated


def run(arguments: argparse.Namespace) -> int:
    """Generates, saves, and prints one path per image."""
    with terminal.opened(arguments) as studio, Stopping("Stopping at the next step.") as stopping:
        lanes = _asked(studio, arguments)
        if not all(own.prompt.strip() for _, own in lanes.batches()):
            raise SettingsError(
                "There is no prompt",
                remedy='Say what to generate: generate "a red fox in a forest".',
            )
        for note in prompt_tags.notes(lanes):
            say(note)
        lanes, tagged = prompt_tags.lanes_with_tags(lanes, studio.library)
        for item in tagged:
            say(f"From the prompt onto the stack: {Path(item.path).name} at {item.strength:g}")
        (_, first), *others = lanes.batches()
        if arguments.save_stack:
            if others:
                raise SettingsError(
                    "Which lane's stack is to be saved?", remedy="Save one stack without --lane."
                )
            kept = studio.library.stacks.save(arguments.save_stack, first.stack, first.base)
            say(f"The stack is saved as {kept}")
        progress = Progress()
        if arguments.lane:
            made = studio.generation.generate_lanes(lanes, on_progress=progress, cancelled=stopping)
        else:
            batch = studio.generation.generate(first, on_progress=progress, cancelled=stopping)
            made = [GeneratedLane("", first.prompt, batch)]
        progress.end()
        if arguments.json:
            found = [_facts(lane.batch) | {"name": lane.name} for lane in made]
            terminal.print_json({"lanes": found} if arguments.lane else _facts(made[0].batch))
        else:
            _tell(made)
        if stopping.asked:
            raise Interrupted("Stopped as you asked", safe="Finished images are kept.")
    return 0


def _asked(studio: Studio, arguments: argparse.Namespace) -> LanesSettings:
    """The settings that the options amount to; one lane where none is named."""
    names = ("prompt", "base", "seed", "count", "denoising_strength")
    given = {name: getattr(arguments, name) for name in names}
    given["styles"] = arguments.style
    values: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    stack = terminal.stack_values(studio, arguments.stack, arguments.adapter)
    values = (_like(studio, arguments.like) if arguments.like else {}) | values
    values["stack"] = stack or values.get("stack", [])
    values["inpaint"] = values.get("inpaint", {}) | _inside(studio, arguments)
    if arguments.image:
        values["image"] = str(terminal.named_file(studio, arguments.image))
    settings = training.GenerateSettings.parse(training.override(values, arguments.assignments))
    return LanesSettings.parse(
        {
            "common": settings.model_dump(),
            "lanes": [_lane(studio, text) for text in arguments.lane] or [{}],
        }
    )


def _like(studio: Studio, file: str) -> dict[str, Any]:
    """The settings in an image, with what cannot be taken over said."""
    path = terminal.named_file(studio, file)
    found = usable_settings(path, path.name)
    if found is None:
        raise SettingsError(
            "This image carries no settings", remedy="Leave --like out, or name another image."
        )
    values, gone = with_kept(as_written(dict(found.settings)), studio.workspace.outputs)
    notes = [*found.notes, *([gone] if gone else [])]
    values["stack"], missing = stack_named(values.get("stack"), studio.library)
    if (inside := values.get("inpaint", {}).get("stack")) is not None:
        own, also = stack_named(inside, studio.library)
        values["inpaint"], missing = {**values["inpaint"], "stack": own}, [*missing, *also]
    notes += [f"“{name}” is not in your library, so it is left out." for name in missing]
    if values.get("base") not in {None, *(info.name for info in studio.library.bases())}:
        notes.append(f"The base “{values.pop('base')}” is not here.")
    if values.get("vae") not in {None, *studio.library.vaes()}:
        notes.append(f"The VAE “{values.pop('vae')}” is not here.")
    say(f"Settings of {found.program}: {path.name}")
    for note in notes:
        say(note)
    return values


def _inside(studio: Studio, arguments: argparse.Namespace) -> dict[str, Any]:
    """What the options say of the pass inside a mask."""
    found: dict[str, Any] = {}
    if arguments.mask is None:
        if arguments.mask_prompt or arguments.mask_stack or arguments.mask_adapter:
            raise SettingsError(
                "There is no mask",
                remedy="Name the image that says what is inpainted: --mask FILE.",
            )
        return found
    found["mask"] = str(terminal.named_file(studio, arguments.mask))
    if arguments.mask_prompt is not None:
        found["prompt"] = arguments.mask_prompt
    if arguments.mask_stack or arguments.mask_adapter:
        found["stack"] = terminal.stack_values(studio, arguments.mask_stack, arguments.mask_adapter)
    return found


def _lane(studio: Studio, text: str) -> dict[str, Any]:
    files, _, prompt = text.partition(";")
    name, stack = terminal.stack_reference(studio, files)
    return {"name": name, "prompt": prompt.strip(), "stack": stack}


def _facts(batch: Generated) -> dict[str, Any]:
    return {"images": batch.images, "adapters": batch.reports, "seconds": batch.seconds}


def _tell(made: list[GeneratedLane]) -> None:
    for lane in made:
        if lane.name:
            say(f"{lane.name}: {lane.prompt}")
        prompts = dict.fromkeys(image.prompt for image in lane.batch.images)
        for prompt in prompts if len(prompts) > 1 else []:
            say(prompt)
        for report in lane.batch.reports:
            say(report.message)
        for image in lane.batch.images:
            print(printable(image.path))
