"""What `caption` describes, with which model, and what becomes of captions that are there.

Owns: these options. Refuses to know: the libraries, so that `--help` answers without them.
"""

from __future__ import annotations

import argparse


def add(parser: argparse.ArgumentParser) -> None:
    """Adds them."""
    parser.add_argument("folder", metavar="DIR", help="folder of images, or a dataset's name")
    parser.add_argument(
        "--captioner",
        default="starter",
        metavar="MODEL",
        help="captioning model (default: starter)",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--overwrite",
        action="store_true",
        help="replace captions already there; the earlier ones are kept",
    )
    what.add_argument(
        "--undo",
        action="store_true",
        help="bring back the captions from before the last captioning or edit of many; again for "
        "the one before",
    )
    parser.add_argument(
        "--prefix", default="", metavar="TEXT", help="put this before every caption"
    )
