"""`caption`: writes captions beside the pictures of a folder.

Owns: the command's output. Refuses to know: captioning models and side-car files.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from studio.commands import terminal
from studio.commands.terminal import Progress, Stopping
from studio.errors import Interrupted, MissingError


def run(arguments: argparse.Namespace) -> int:
    """Captions what has no caption yet, or everything with --overwrite."""
    with terminal.opened(arguments) as studio, Stopping("Stopping after this picture.") as stopping:
        folder = Path(arguments.folder)
        if not folder.is_dir():
            known = {info.name: info.path for info in studio.datasets()}
            if arguments.folder not in known:
                raise MissingError(
                    "There is no such folder",
                    where=arguments.folder,
                    remedy="Name a folder of pictures"
                    + (f", or one of {', '.join(known)}." if known else "."),
                )
            folder = Path(known[arguments.folder])
        progress = Progress()
        result = studio.caption(
            folder,
            overwrite=arguments.overwrite,
            prefix=arguments.prefix,
            on_progress=progress,
            cancelled=stopping,
        )
        progress.end()
        if arguments.json:
            terminal.print_json({"folder": folder, **result})
        else:
            for key, value in result.items():
                print(f"{key}: {len(value) if isinstance(value, list | dict) else value}")
            print(folder)
        if stopping.asked:
            raise Interrupted("Stopped as you asked", safe="Captions written so far are kept.")
    return 0
