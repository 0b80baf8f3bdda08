"""What makes `compare` a shootout.

Owns: these options. Refuses to know: the libraries, so that `--help` answers without them.
"""

from __future__ import annotations

import argparse


def add(parser: argparse.ArgumentParser) -> None:
    """Adds them."""
    parser.add_argument(
        "file",
        nargs="?",
        metavar="FILE.toml",
        help="settings of a shootout: trains its entries under one budget, then compares them",
    )
    parser.add_argument(
        "--plan",
        action="store_true",
        help="with FILE.toml: only show its trainings and estimate time, memory and disk; start nothing",
    )
