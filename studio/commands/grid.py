"""`grid`: images along up to three axes, and a contact sheet.

Owns: building the settings from the command line, the command's output.
Refuses to know: what an axis does, how an image is generated.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from studio.commands import terminal
from studio.commands.terminal import Progress, Stopping, say
from studio.core.errors import Interrupted, SettingsError
from studio.settings import grid, training
from studio.settings.grid import Axis, GridSettings

if TYPE_CHECKING:
    from studio.app import Studio


def run(arguments: argparse.Namespace) -> int:
    """Generates the grid; prints one path per contact sheet."""
    with terminal.opened(arguments) as studio, Stopping("Stopping at the next step.") as stopping:
        progress = Progress()
        if arguments.resume:
            made = studio.generation.grids.resume(arguments.resume, progress, stopping)
        else:
            made = studio.generation.grids.generate(
                _settings(studio, arguments), progress, stopping
            )
        progress.end()
        if arguments.json:
            terminal.print_json(made.as_shown())
        else:
            for cell in made.cells:
                if cell.error:
                    say(f"{cell.x + 1}, {cell.y + 1}: {cell.error.what}")
            for name in made.sheets:
                print(f"{made.folder}/{name}")
        if stopping.asked:
            raise Interrupted(
                "Stopped as you asked",
                remedy=f"Continue with: grid --resume {made.id}",
                safe="Finished images are kept.",
            )
    return 0


def _settings(studio: Studio, arguments: argparse.Namespace) -> GridSettings:
    given = {name: getattr(arguments, name) for name in ("prompt", "base")}
    values: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    values["stack"] = terminal.stack_values(studio, arguments.stack, arguments.adapter)
    generation = training.GenerateSettings.parse(training.override(values, arguments.assignments))
    sides = {name: _axis(studio, getattr(arguments, name)) for name in grid.SIDES}
    if sides["x"] is None:
        raise SettingsError(
            "Nothing varies along the columns", remedy="Say what does: --x strength=0,0.5,1"
        )
    kinds = {axis.kind for axis in sides.values() if axis}
    if not generation.prompt.strip() and "prompt" not in kinds:
        raise SettingsError(
            "There is no prompt", remedy='Say what to generate: grid "a red fox" --x seed=1,2,3'
        )
    return GridSettings(
        name=arguments.name or "",
        generation=generation,
        x=sides["x"],
        y=sides["y"],
        pages=sides["pages"],
        baseline=arguments.baseline,
    )


def _axis(studio: Studio, texts: list[str]) -> Axis | None:
    """`kind[:of]=values`, given once or, for several prompts, more often; None when not given."""
    if not texts:
        return None
    heads = {text.partition("=")[0].strip() for text in texts}
    if len(heads) > 1 or "=" not in texts[0]:
        raise SettingsError(
            f"“{texts[0]}” is no axis", remedy="Write what varies and its values: strength=0,0.5,1"
        )
    kind, _, of = heads.pop().partition(":")
    axis = grid.read(kind, "\n".join(text.partition("=")[2] for text in texts), of)
    if axis.kind != "adapter":
        return axis
    values = []
    for value in axis.values:
        if value.lower() not in grid.NONE:
            found = terminal.adapter_reference(studio, value)
            value = f"{found['path']}:{found['strength']:g}"
        values.append(value)
    return axis.model_copy(update={"values": values})
