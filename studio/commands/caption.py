"""`caption`: writes captions beside the pictures of a folder.

Owns: the command's output. Refuses to know: captioning models and side-car files.
"""

from __future__ import annotations

import argparse

from studio.commands import terminal
from studio.commands.terminal import Progress, Stopping
from studio.errors import Interrupted


def run(arguments: argparse.Namespace) -> int:
    """Captions what has no caption yet, or everything with --overwrite."""
    with terminal.opened(arguments) as studio, Stopping("Stopping after this picture.") as stopping:
        progress = Progress()
        result = studio.caption(
            arguments.folder,
            captioner=arguments.captioner,
            overwrite=arguments.overwrite,
            prefix=arguments.prefix,
            on_progress=progress,
            cancelled=stopping,
        )
        progress.end()
        if arguments.json:
            terminal.print_json(result)
        else:
            for key, value in result.items():
                print(f"{key}: {len(value) if isinstance(value, list | dict) else value}")
        if stopping.asked:
            raise Interrupted("Stopped as you asked", safe="Captions written so far are kept.")
    return 0
