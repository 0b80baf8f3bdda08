"""`library`: its entries, listed, renamed, put into the trash and brought back; images; bases.

Owns: which action is whose, and the output of those about entries. Refuses to know: how entries are
found and moved.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from studio import architectures
from studio.commands import library_bases, library_images, terminal
from studio.commands.library_answer import Answer, day, table
from studio.core.errors import InputError
from studio.core.names import printable
from studio.formats import kinds
from studio.library.entries import Entry, labels
from studio.library.trash import Trashed

if TYPE_CHECKING:
    from studio.app import Studio


def run(arguments: argparse.Namespace) -> int:
    """Does one action; exit code 2 for a name that means nothing, or several entries."""
    action = {
        "list": _list, "rename": _rename, "star": _star, "unstar": _star, "trash": _trash,
        "restore": _restore, "checkpoint": _checkpoint, "images": library_images.images,
        "bases": library_bases.bases, "add": library_bases.add, "forget": library_bases.forget,
    }  # fmt: skip
    with terminal.opened(arguments) as studio:
        lines, result = action[arguments.action](studio, arguments)
    if arguments.json:
        terminal.print_json(result)
    else:
        for line in lines:
            print(line)
    return 0


def _list(studio: Studio, arguments: argparse.Namespace) -> Answer:
    if arguments.trash:
        gone = studio.library.trash.all()
        return table([_gone(one) for one in gone]), [asdict(one) for one in gone]
    entries = studio.library.entries.all()
    names = labels(entries)
    facts = [_facts(entry, names[entry.path]) for entry in entries]
    rows = [
        ["★" if one["favourite"] else "", one["name"], kinds.title(one["kind"]), one["base"],
         day(one["modified"]), one["file"]]
        for one in facts
    ]  # fmt: skip
    return table(rows), facts


def _rename(studio: Studio, arguments: argparse.Namespace) -> Answer:
    entry = studio.library.entries.own(_name(arguments))
    if arguments.new is None and arguments.folder is None:
        raise InputError("No new name is given", remedy="Write: library rename NAME NEW")
    moved = studio.library.entries.move(entry, arguments.new, arguments.folder)
    return [printable(moved.path)], _facts(moved, moved.title)


def _star(studio: Studio, arguments: argparse.Namespace) -> Answer:
    name, on = _name(arguments), arguments.action == "star"
    if library_images.is_image(studio, name):
        return library_images.star(studio, name, on)
    entry = studio.library.entries.entry(name)
    studio.library.notes.change(entry.path, favourite=on)
    said = "is a favourite" if on else "is no favourite any more"
    return [f"{entry.title} {said}."], {"file": entry.where, "favourite": on}


def _trash(studio: Studio, arguments: argparse.Namespace) -> Answer:
    if library_images.is_image(studio, _name(arguments)):
        return library_images.trash(studio, _name(arguments))
    gone = studio.library.trash.put(studio.library.entries.own(_name(arguments)))
    return [f"{gone.title} is in the trash. Bring it back with: library restore {gone.id}"], asdict(
        gone
    )


def _restore(studio: Studio, arguments: argparse.Namespace) -> Answer:
    if library_images.in_trash(studio, _name(arguments)):
        return library_images.restore(studio, _name(arguments))
    trash = studio.library.trash
    entry = trash.restore(trash.find(_name(arguments)).id)
    return [printable(entry.path)], _facts(entry, entry.title)


def _checkpoint(studio: Studio, arguments: argparse.Namespace) -> Answer:
    if not (arguments.new or "").isdecimal():
        raise InputError("No step is given", remedy="Write: library checkpoint RUN STEP")
    path = studio.generation.use_checkpoint(_name(arguments), int(arguments.new))
    return [printable(path)], {"path": printable(path)}


def _name(arguments: argparse.Namespace) -> str:
    if not arguments.name:
        raise InputError(
            "No entry is named", remedy=f"Write its name: library {arguments.action} NAME"
        )
    return str(arguments.name)


def _facts(entry: Entry, name: str) -> dict[str, Any]:
    info, note = entry.info, entry.note
    return {
        "name": name,
        "file": entry.where,
        "path": printable(info.path),
        "files": [printable(path.name) for path in entry.paths],
        "kind": info.kind,
        "base": architectures.title(info.family),
        "trigger": info.trigger_word,
        "modified": info.modified,
        "sample": entry.sample,
        "favourite": note.favourite,
        "notes": note.notes,
        "run": note.run,
        "problem": info.problem,
    }


def _gone(one: Trashed) -> list[str]:
    return [one.title, kinds.title(one.kind), one.where, day(one.at), one.id]
