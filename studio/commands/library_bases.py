"""`library bases`, `add` and `forget`: the base models that can be chosen.

Owns: their output. Refuses to know: what a base is, downloading.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from studio.commands import terminal
from studio.commands.library_answer import Answer, table
from studio.core.errors import InputError, Interrupted
from studio.core.names import printable

if TYPE_CHECKING:
    from studio.app import Studio
    from studio.families.detect import BaseInfo


def bases(studio: Studio, arguments: argparse.Namespace) -> Answer:
    """Every base, and what is wrong with it."""
    found = studio.library.bases()
    rows = [
        [info.name, info.title, f"{info.native_size} px" if info.native_size else "",
         " ".join(info.problems) or printable(info.path)]
        for info in found
    ]  # fmt: skip
    return table(rows), [_facts(info) for info in found]


def add(studio: Studio, arguments: argparse.Namespace) -> Answer:
    """Adds a base by its path, or by its id on the hub, which is downloaded; Ctrl-C ends that and
    keeps what is here."""
    text = _named(arguments)
    if isinstance(wanted := studio.library.base_path(text), str):
        _download(wanted, arguments.half)
    info = studio.library.add(text)
    return [f"{info.name} · {info.title}"], _facts(info)


def forget(studio: Studio, arguments: argparse.Namespace) -> Answer:
    """Takes a base that lies elsewhere off the list."""
    name = _named(arguments)
    studio.library.forget(name)
    return [f"{printable(name)} is off the list; its files are where they were."], {"forgot": name}


def _download(name: str, half: bool) -> None:
    from studio.families import hub, hub_download, hub_repository

    found = hub_repository.look(name, half)
    licence = found.licence or "not stated"
    missing = hub_download.missing(found)
    terminal.say(
        f"{name}: {found.size / 1e9:,.1f} GB, {missing / 1e9:,.1f} GB of them to be downloaded. "
        f"Licence: {licence}."
    )
    shown = terminal.Progress()
    with terminal.Stopping("Stopping; what is downloaded is kept.") as stopping:

        def told(line: str) -> None:
            shown.show(line, force=line.endswith("(100 %)"))
            if stopping.asked:
                raise Interrupted(
                    "The download was stopped",
                    where=name,
                    safe="What was downloaded is kept; the same command downloads the rest.",
                )

        try:
            hub.fetch(name, half, told)
        finally:
            shown.end()


def _named(arguments: argparse.Namespace) -> str:
    if not arguments.name:
        raise InputError(
            "No base is named",
            remedy=f"Write its path or its id on the hub: library {arguments.action} PATH_OR_ID",
        )
    return str(arguments.name)


def _facts(info: BaseInfo) -> dict[str, Any]:
    return {
        "name": info.name,
        "path": printable(info.path),
        "family": info.family,
        "title": info.title,
        "native_size": info.native_size,
        "bytes": info.size_bytes,
        "inpainting": info.inpainting,
        "problems": info.problems,
    }
