"""`class-images`: class (regularization) images as a dataset; those of the cache, listed and deleted.

Owns: the command's output. Refuses to know: how they are generated, where the cache is.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from studio.commands import terminal
from studio.commands.library_answer import table
from studio.commands.terminal import Progress, Stopping, say
from studio.core.counts import counted
from studio.core.errors import InputError, Interrupted
from studio.core.names import printable

if TYPE_CHECKING:
    from studio.app import Studio
    from studio.runs.class_cache import Kept


def run(arguments: argparse.Namespace) -> int:
    """Prints the folder they are in; or the list; or where what was deleted went."""
    with terminal.opened(arguments) as studio:
        if arguments.list:
            return _list(studio, arguments)
        if arguments.delete is not None:
            from studio.generation.class_images import delete

            gone = printable(delete(studio.runs, arguments.delete))
            terminal.print_json({"path": gone}) if arguments.json else print(gone)
            return 0
        return _make(studio, arguments)


def _make(studio: Studio, arguments: argparse.Namespace) -> int:
    from studio.settings.training import PriorSettings

    if not arguments.output:
        raise InputError("No place is named", remedy="Name a dataset: --output NAME.")
    prior = PriorSettings.parse({"prompts": arguments.prompt, "images": arguments.count})
    with Stopping("Stopping at the next step.") as stopping:
        progress = Progress()
        made = studio.generation.class_images(
            arguments.base or "starter", prior, arguments.output, progress, stopping
        )
        progress.end()
        if arguments.json:
            terminal.print_json(asdict(made))
        elif made.images:
            print(printable(made.path))
        say(f"{made.images:,} of {counted(made.wanted, 'image')}, {made.made:,} of them new")
        if stopping.asked:
            raise Interrupted("Stopped as you asked", safe="Class images made so far are kept.")
    return 0


def _list(studio: Studio, arguments: argparse.Namespace) -> int:
    from studio.runs.class_cache import kept

    found = kept(studio.workspace.cache)
    if arguments.json:
        terminal.print_json([_facts(one) for one in found])
    else:
        for line in table([_row(one) for one in found]):
            print(line)
    return 0


def _facts(one: Kept) -> dict[str, Any]:
    return {
        "id": one.id,
        "base": one.base,
        "weights": one.weights,
        "prompt": one.prompt,
        "images": len(one.files),
        "bytes": one.bytes,
        "path": one.folder,
    }


def _row(one: Kept) -> list[str]:
    size = f"{one.bytes / 1e6:,.1f} MB"
    return [
        one.id[:12],
        f"{len(one.files):,}",
        size,
        printable(one.base or one.weights),
        one.prompt,
    ]
