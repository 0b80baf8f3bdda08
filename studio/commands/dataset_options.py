"""Options of the `dataset` command. Imports nothing that has to be installed."""

from __future__ import annotations

import argparse


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
