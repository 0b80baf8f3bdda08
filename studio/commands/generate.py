"""`generate`: pictures from a base and a stack of adapters.

Owns: building the settings from the command line, the command's output.
Refuses to know: how a picture is drawn.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from studio import config
from studio.commands import terminal
from studio.commands.terminal import Progress, Stopping, say
from studio.errors import Interrupted, SettingsError


def run(arguments: argparse.Namespace) -> int:
    """Draws, saves, and prints one path per picture."""
    with terminal.opened(arguments) as studio, Stopping("Stopping at the next step.") as stopping:
        names = ("prompt", "base", "seed", "count", "denoising")
        given = {name: getattr(arguments, name) for name in names}
        values: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        values["stack"] = terminal.stack_values(studio, arguments.stack, arguments.adapter)
        if arguments.image:
            values["image"] = str(terminal.named_file(studio, arguments.image))
        settings = config.GenerateSettings.parse(config.override(values, arguments.assignments))
        if not settings.prompt.strip():
            raise SettingsError(
                "There is no prompt", remedy='Say what to draw: generate "a red fox in a forest".'
            )
        settings, tagged = studio.tagged(settings)
        for item in tagged:
            say(f"From the prompt onto the stack: {Path(item.path).name} at {item.strength:g}")
        if arguments.save_stack:
            kept = studio.stacks.save(arguments.save_stack, settings.stack, settings.base)
            say(f"The stack is saved as {kept}")
        progress = Progress()
        made = studio.generate(settings, on_progress=progress, cancelled=stopping)
        progress.end()
        if arguments.json:
            terminal.print_json(
                {"pictures": made.pictures, "adapters": made.reports, "seconds": made.seconds}
            )
        else:
            for report in made.reports:
                say(str(report.get("message", report)))
            for picture in made.pictures:
                print(picture.path)
        if stopping.asked:
            raise Interrupted("Stopped as you asked", safe="Finished pictures are kept.")
    return 0
