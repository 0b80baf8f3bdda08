"""`caption`: writes captions beside the images of a folder.

Owns: the command's output. Refuses to know: captioning models and sidecar files.
"""

from __future__ import annotations

import argparse
import shlex
from dataclasses import asdict
from typing import Any

from studio.commands import terminal
from studio.commands.terminal import Progress, Stopping
from studio.core.counts import counted
from studio.core.errors import Interrupted
from studio.core.text import printable


def run(arguments: argparse.Namespace) -> int:
    """Captions what has no caption yet, or everything with --overwrite; or takes that back."""
    with terminal.opened(arguments) as studio, Stopping("Stopping after this image.") as stopping:
        if arguments.undo:
            _show(studio.library.captions.undo(arguments.folder), arguments.json)
            return 0
        progress = Progress()
        result = studio.generation.caption(
            arguments.folder,
            captioner=arguments.captioner,
            overwrite=arguments.overwrite,
            prefix=arguments.prefix,
            on_progress=progress,
            cancelled=stopping,
        )
        progress.end()
        _show(asdict(result), arguments.json)
        for name, found in result.marked.items():
            terminal.say(
                f"Needs a look, so nothing was written: {printable(name)}. {found['why']}."
            )
        if result.written:
            earlier = counted(result.replaced, "earlier caption is", "earlier captions are")
            kept = f"{earlier} kept; " if result.replaced else ""
            again = shlex.join(["caption", str(arguments.folder), "--undo"])
            terminal.say(f"{kept}`studio.py {again}` takes this back.")
        if stopping.asked:
            raise Interrupted("Stopped as you asked", safe="Captions written so far are kept.")
    return 0


def _show(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        terminal.print_json(result)
        return
    for key, value in result.items():
        print(f"{key}: {len(value) if isinstance(value, list | dict) else value}")
