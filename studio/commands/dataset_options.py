"""Options of the `dataset` command. Imports nothing that has to be installed."""

from __future__ import annotations

import argparse

EXPORTS = ("metadata", "kohya", "zip")


def add(parser: argparse.ArgumentParser) -> None:
    """Adds them, but for `--json`."""
    parser.add_argument(
        "folder", metavar="DIR", help="folder of images, or a dataset's name; a zip with --import"
    )
    parser.add_argument(
        "--base",
        metavar="MODEL",
        default="starter",
        help="base model to check it for: resolution, buckets, tokens, CLIP (default: starter)",
    )
    parser.add_argument(
        "--no-clip", action="store_true", help="do not compare captions with images (much faster)"
    )
    action = parser.add_mutually_exclusive_group()
    action.add_argument(
        "--losses",
        metavar="RUN",
        help="instead of checking: what a run learnt of each image, at fixed noise against the untrained base, "
        "probably mislabelled images first; measured now if it was not yet; `latest` takes the newest that was",
    )
    action.add_argument(
        "--export",
        nargs=2,
        metavar=("KIND", "OUT"),
        help=f"instead: write it for other programs; KIND is {', '.join(EXPORTS[:-1])} or {EXPORTS[-1]}",
    )
    action.add_argument(
        "--import",
        dest="import_as",
        metavar="NAME",
        help="instead: copy it into the workspace as the dataset NAME, whatever program laid it out; "
        "a zip is unpacked",
    )
    parser.add_argument(
        "--step", type=int, metavar="N", help="with --losses: the checkpoint of this step"
    )
