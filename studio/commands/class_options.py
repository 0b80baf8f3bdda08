"""The options of `class-images`.

Owns: what can be typed after it. Imports nothing that has to be installed.
"""

from __future__ import annotations

import argparse


def add(parser: argparse.ArgumentParser) -> None:
    """Adds them."""
    parser.add_argument("--base", metavar="MODEL", help="base model (default: starter)")
    parser.add_argument(
        "--prompt", action="append", default=[], metavar="TEXT",
        help="what they show, such as “a cat”; repeat for more, which are taken in turn",
    )  # fmt: skip
    parser.add_argument(
        "--count",
        type=int,
        default=100,
        metavar="N",
        help="how many there are to be (default: 100)",
    )
    parser.add_argument(
        "--output", metavar="NAME_OR_DIR",
        help="dataset of the workspace, or a path; what it has of the same base and prompts is kept",
    )  # fmt: skip
    cache = parser.add_argument_group(
        "those that training runs have generated, in the workspace's cache"
    )
    action = cache.add_mutually_exclusive_group()
    action.add_argument(
        "--list", action="store_true", help="list them: id, images, size, base, prompt"
    )
    action.add_argument(
        "--delete", metavar="ID",
        help="move those with this id to the workspace's trash; a run that needs them makes them again",
    )  # fmt: skip
