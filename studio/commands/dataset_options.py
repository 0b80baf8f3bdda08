"""Options of the `dataset` command. Imports nothing that has to be installed.

Owns: them, and `--filter`, which `caption` has as well.
"""

from __future__ import annotations

import argparse

from studio.caption.filter import HELP


def add(parser: argparse.ArgumentParser) -> None:
    """Adds them, but for `--json`."""
    parser.add_argument("folder", metavar="DIR", help="folder of images, or a dataset's name")
    parser.add_argument(
        "--base",
        metavar="MODEL",
        default="starter",
        help="base model to check it for: resolution, buckets, tokens, CLIP (default: starter)",
    )
    parser.add_argument(
        "--no-clip", action="store_true", help="do not compare captions with images (much faster)"
    )
    shown = parser.add_argument_group("captions, without a check")
    add_filter(shown, "list the images that a filter finds, with their captions")
    shown.add_argument(
        "--tags",
        action="store_true",
        help="list the tags of the captions (of --filter) and how often",
    )
    shown.add_argument(
        "--save-filter",
        metavar="NAME",
        help="keep --filter under a name; @NAME means it from then on",
    )


def add_filter(parser: argparse._ActionsContainer, what: str) -> None:
    """Adds `--filter`; `what` it does."""
    parser.add_argument(
        "--filter",
        metavar="TEXT",
        help=f"{what}: @NAME (a saved one), or {HELP}".replace("%", "%%"),
    )
