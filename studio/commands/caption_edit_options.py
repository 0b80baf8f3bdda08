"""Options of `caption` for edits of many captions, their list, and several captions of an image.

Owns: these options, and how an edit is written on the command line. Refuses to know: what edits do.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence
from typing import Any

from studio.caption.edits import EDITS

WIDE = 78


def add(parser: argparse.ArgumentParser, what: argparse._MutuallyExclusiveGroup) -> None:
    """Adds them; `what` are the options of which only one may be given."""
    group = parser.add_argument_group("edits of many captions, without a captioner")
    what.add_argument(
        "--edit", nargs="+", action="append", default=[], metavar=("NAME", "FIELD=VALUE"),
        help="edit captions (edits and their fields below); repeat for several, made in this order",
    )  # fmt: skip
    what.add_argument(
        "--history", action="store_true", help="list the changes of many captions, newest first"
    )
    what.add_argument(
        "--several", choices=("yes", "no"),
        help="whether each line of a caption file is a caption of its own, of which training picks one "
        "at every step; written into dataset.toml",
    )  # fmt: skip
    group.add_argument(
        "--change", default="", metavar="NAME", help="with --undo: which one, as --history names it"
    )
    group.add_argument(
        "--file", action="append", default=[], metavar="IMAGE",
        help="with --edit: only this image, named relative to DIR; repeat",
    )  # fmt: skip


def steps_of(rows: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    """The steps that `--edit NAME FIELD=VALUE …` says; a value without a field is that of the first."""
    fields = {edit.name: [one.name for one in edit.fields] for edit in EDITS}
    steps = []
    for name, *values in rows:
        step: dict[str, Any] = {"edit": name}
        for value in values:
            key, equals, rest = value.partition("=")
            known = fields.get(name, [])
            if known and key not in known and known[0] not in step:
                key, equals, rest = known[0], "=", value
            step[key] = rest if equals else ""
        steps.append(step)
    return steps


def epilog() -> str:
    """The edits and their fields."""
    lines = ["edits (--edit NAME FIELD=VALUE …):"]
    for edit in EDITS:
        own = []
        for one in edit.fields:
            among = "|".join(value for value, _ in one.choices) or (
                "yes|no" if one.kind == "flag" else one.kind
            )
            own.append(f"{one.name}={among}")
        text = f"{edit.name}: {edit.says}" + (f" [{', '.join(own)}]" if own else "")
        lines.append(textwrap.fill(text, WIDE, initial_indent="  ", subsequent_indent="    "))
    return "\n".join(lines)
