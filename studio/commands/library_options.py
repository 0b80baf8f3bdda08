"""The options of `library`.

Owns: what can be typed after it. Imports nothing that has to be installed.
"""

from __future__ import annotations

import argparse

ACTIONS = {
    "list": "every entry: a star for favourites, name, kind, base, date, file",
    "rename": "give an entry another name, or with --folder another folder",
    "star": "mark an entry or an image as a favourite (and unstar takes the mark away)",
    "unstar": "take the mark away",
    "trash": "move an entry with all its files, or an image, to the workspace's trash",
    "restore": "bring it back from there, by its name or id",
    "checkpoint": "write the file of a run's checkpoint: NAME is the run, NEW the step",
    "images": "generated images, newest first; NAME is what to search for in prompts, models, seeds",
    "bases": "every base model that can be chosen",
    "add": "add a base: NAME is a path, or a hub id (owner/name, owner/name@revision) to download",
    "forget": "take a base that was added from elsewhere off the list; its files stay",
}


def add(parser: argparse.ArgumentParser) -> None:
    """Adds them."""
    what = "; ".join(f"{name}: {text}" for name, text in ACTIONS.items())
    parser.add_argument("action", choices=list(ACTIONS), metavar="ACTION", help=what)
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="entry: a file's name or path; image; base"
    )
    parser.add_argument("new", nargs="?", metavar="NEW", help="with rename: the new name")
    parser.add_argument(
        "--folder", metavar="DIR", help="with rename: folder below adapters/; '' is its top"
    )
    parser.add_argument(
        "--trash", action="store_true", help="with list, images: what can be restored instead"
    )
    parser.add_argument(
        "--favourites", action="store_true", help="with images: only those that are marked"
    )
    parser.add_argument("--all", action="store_true", help="with images: more than the newest 50")
    parser.add_argument(
        "--half", action="store_true", help="with add: download weights in half precision"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON, for scripts")
