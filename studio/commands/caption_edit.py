"""`caption --edit`, `--history`, `--undo` and `--several`: captions changed without a captioner.

Owns: what these print. Refuses to know: edits, records.
"""

from __future__ import annotations

import argparse
import shlex
import time
from typing import TYPE_CHECKING, Any

from studio.commands import terminal
from studio.commands.caption_edit_options import steps_of
from studio.core.counts import counted
from studio.core.errors import InputError, SettingsError
from studio.core.names import printable
from studio.core.text import lines
from studio.core.text import printable as one_line

if TYPE_CHECKING:
    from studio.app import Studio
    from studio.caption.history import Entry
    from studio.library.caption_changes import Edited


def wanted(arguments: argparse.Namespace) -> bool:
    """Whether the command is about one of these, and not about captioning. Raises SettingsError."""
    if arguments.change and not arguments.undo:
        raise SettingsError("--change says what --undo takes back", remedy="Add --undo.")
    if arguments.file and not arguments.edit:
        raise SettingsError("--file says what --edit changes", remedy="Add --edit.")
    if arguments.undo and arguments.filter is not None:
        raise SettingsError("A change of captions is taken back as a whole, without --filter")
    if arguments.file and arguments.filter is not None:
        raise SettingsError("--file and --filter both say which images", remedy="Use one of them.")
    return bool(arguments.edit or arguments.history or arguments.undo or arguments.several)


def run(studio: Studio, arguments: argparse.Namespace) -> None:
    """Does it and says so."""
    library, folder = studio.library, arguments.folder
    if arguments.several:
        _several(studio, arguments)
    elif arguments.history:
        past = library.caption_changes.past(folder)
        if arguments.json:
            from studio.library.caption_changes import plain

            terminal.print_json([plain(entry) for entry in past])
        else:
            print("\n".join(map(_line, past)) or "No change of many captions yet.")
    elif arguments.undo:
        done = library.caption_changes.undo(folder, arguments.change)
        _show(done, arguments.json)
        if done["kept"]:
            terminal.say(
                f"{counted(done['kept'], 'caption was', 'captions were')} changed since and stay."
            )
    else:
        _edit(studio, arguments)


def filtered(studio: Studio, arguments: argparse.Namespace) -> list[str] | None:
    """The images that `--filter` finds; None without it."""
    if arguments.filter is None:
        return None
    if arguments.resume:
        raise InputError(
            "What was stopped is continued with the images that it was begun with",
            remedy="Leave --filter out, or start a new captioning without --resume.",
        )
    found = studio.generation.matching(arguments.folder, arguments.filter, base=arguments.base)
    terminal.say(f"The filter finds {len(found.found):,} of {counted(found.images, 'image')}.")
    return [image.file for image in found.found]


def _edit(studio: Studio, arguments: argparse.Namespace) -> None:
    changes, steps = studio.library.caption_changes, steps_of(arguments.edit)
    made = changes.preview if arguments.preview else changes.apply
    chosen = filtered(studio, arguments)
    if chosen == []:
        raise InputError("The filter finds no image, so nothing is edited", where=arguments.filter)
    found = made(arguments.folder, steps, chosen or arguments.file)
    result = _result(studio, arguments, found)
    if arguments.json:
        terminal.print_json(result)
        return
    print(f"{counted(len(found.changes), 'caption')} of {counted(found.images, 'image')}", end=" ")
    print("would change" if arguments.preview else f"changed: {found.changed}, kept: {found.kept}")
    for one in result["changes"][: arguments.preview]:
        print(f"\n{one['file']}\n  now:   {_shown(one['before'])}\n  would: {_shown(one['after'])}")
    if found.changed:
        again = shlex.join(["caption", str(arguments.folder), "--undo", "--change", found.name])
        terminal.say(f"`studio.py {again}` takes this back.")


def _result(studio: Studio, arguments: argparse.Namespace, found: Edited) -> dict[str, Any]:
    root = studio.library.dataset_path(arguments.folder)
    return {
        "images": found.images,
        "changed": found.changed,
        "kept": found.kept,
        "name": found.name,
        "changes": [
            {
                "file": printable(one.image.relative_to(root).as_posix()),
                "before": one.before or "",
                "after": one.after,
            }
            for one in found.changes
        ],
    }


def _several(studio: Studio, arguments: argparse.Namespace) -> None:
    found = studio.library.caption_changes.several(arguments.folder, arguments.several == "yes")
    _show(found, arguments.json)


def _line(entry: Entry) -> str:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.time))
    number = counted(entry.replaced + entry.added, "caption")
    who = f" by {entry.by}" if entry.by else ""
    says = f": {'; '.join(entry.says)}" if entry.says else ""
    back = f" (taken back, {entry.kept} kept)" if entry.undone is not None else ""
    return f"{entry.name}  {when}  {number} {entry.what}{who}{back}{one_line(says)}"


def _shown(text: str) -> str:
    return " / ".join(lines(text)) or "none"


def _show(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        terminal.print_json(result)
        return
    for key, value in result.items():
        print(f"{key.replace('_', ' ')}: {value}")
