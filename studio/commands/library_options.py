"""The options of `library`.

Owns: what can be typed after it. Imports nothing that has to be installed.
"""

from __future__ import annotations

import argparse

ACTIONS = {
    "list": "every entry: a star for favourites, name, kind, base, date, file",
    "rename": "give an entry another name, or with --folder another folder",
    "trash": "move an entry with all its files to the workspace's trash",
    "restore": "bring an entry back from there, by its name or id",
    "checkpoint": "write the file of a run's checkpoint: NAME is the run, NEW the step",
}


def add(parser: argparse.ArgumentParser) -> None:
    """Adds them."""
    what = "; ".join(f"{name}: {text}" for name, text in ACTIONS.items())
    parser.add_argument("action", choices=list(ACTIONS), metavar="ACTION", help=what)
    parser.add_argument("name", nargs="?", metavar="NAME", help="entry: a file's name or path")
    parser.add_argument("new", nargs="?", metavar="NEW", help="with rename: the new name")
    parser.add_argument(
        "--folder", metavar="DIR", help="with rename: folder below adapters/; '' is its top"
    )
    parser.add_argument(
        "--trash", action="store_true", help="with list: what can be restored instead"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON, for scripts")
