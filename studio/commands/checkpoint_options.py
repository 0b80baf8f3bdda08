"""The options of `compare` that ask which checkpoint to use.

Owns: what can be typed. Imports nothing that has to be installed.
"""

from __future__ import annotations

import argparse


def add(parser: argparse.ArgumentParser) -> None:
    """Adds them."""
    group = parser.add_argument_group("which checkpoint, at what strength")
    group.add_argument(
        "--checkpoints",
        action="append",
        default=[],
        metavar="RUN",
        help="race all checkpoints of a run, by its name or id, and recommend one; repeat for several "
        "runs. --prompt, --reference, --name and the first of --seeds hold for it, too",
    )
    group.add_argument(
        "--strengths", metavar="0.6,0.8,1", help="strengths of each (default: 0.6,0.8,1)"
    )
    group.add_argument("--at", metavar="100,200", help="only the checkpoints of these steps")
    group.add_argument(
        "--write",
        action="store_true",
        help="write the recommended checkpoint, with its strength, as the run's file; the previous file "
        "is kept beside it",
    )
