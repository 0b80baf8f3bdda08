"""What `compare` measures against, and measuring again.

Owns: these options. Refuses to know: the libraries, so that `--help` answers without them.
"""

from __future__ import annotations

import argparse


def add(parser: argparse.ArgumentParser) -> None:
    """Adds them."""
    parser.add_argument(
        "--reference", metavar="DIR", help="reference images (held-out), for likeness and KID"
    )
    parser.add_argument(
        "--training",
        metavar="DIR",
        help="training images, for memorisation (default: those that the columns' runs state)",
    )
    parser.add_argument(
        "--measure",
        metavar="ID",
        help="measure a finished comparison again from what it kept; generates nothing",
    )
