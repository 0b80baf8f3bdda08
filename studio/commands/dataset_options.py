"""Options of the `dataset` command. Imports nothing that has to be installed.

Owns: them, and `--filter`, which `caption` has as well.
"""

from __future__ import annotations

import argparse

from studio.caption.filter import HELP

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
    _add_actions(parser)
    _add_shown(parser)
    _add_prepare(parser)
    _add_masks_and_copy(parser.add_argument_group("masks, and a copy with all of it applied"))


def _add_prepare(parser: argparse.ArgumentParser) -> None:
    prepare = parser.add_argument_group(
        "prepare the images (they are never changed: crops are kept in image_recipes.json beside them)"
    )
    prepare.add_argument(
        "--crop",
        choices=("focus", "center", "none"),
        help="crop every image: where most is to be seen, at the centre, or not at all; turns and masks stay",
    )
    prepare.add_argument(
        "--shape",
        metavar="SHAPE",
        default="bucket",
        help="shape of the crops: bucket (that of each image's own), square, or width:height "
        "(default: bucket)",
    )
    prepare.add_argument(
        "--resolution",
        metavar="N",
        type=int,
        default=0,
        help="resolution of the buckets (default: the base's own)",
    )
    prepare.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="IMAGE",
        help="only this image; repeat for more",
    )
    prepare.add_argument(
        "--preview", action="store_true", help="say what --crop would do; write nothing"
    )
    prepare.add_argument(
        "--undo", action="store_true", help="take the newest crop or other recipe back"
    )


def _add_masks_and_copy(prepare: argparse._ArgumentGroup) -> None:
    prepare.add_argument(
        "--mask-prompt",
        metavar="TEXT",
        help="paint a mask where each image shows this; with --mask-model",
    )
    prepare.add_argument(
        "--mask-model",
        metavar="MODEL",
        default="",
        help="CLIPSeg model: a folder, or the hub id of one that is on this machine",
    )
    prepare.add_argument(
        "--mask-threshold",
        metavar="N",
        type=float,
        default=0.4,
        help="how sure the model has to be, 0 to 1 (default: 0.4)",
    )
    prepare.add_argument(
        "--export-prepared",
        metavar="OUT",
        help="write a copy with crops, turns, masks and captions applied into the new folder OUT",
    )


def _add_shown(parser: argparse.ArgumentParser) -> None:
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


def _add_actions(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what a run learnt, and other programs, without a check")
    action = group.add_mutually_exclusive_group()
    action.add_argument(
        "--losses",
        metavar="RUN",
        help="what a run learnt of each image, at fixed noise against the untrained base, "
        "probably mislabelled images first; measured now if it was not yet; `latest` takes the newest that was",
    )
    action.add_argument(
        "--export",
        nargs=2,
        metavar=("KIND", "OUT"),
        help=f"write it for other programs; KIND is {', '.join(EXPORTS[:-1])} or {EXPORTS[-1]}",
    )
    action.add_argument(
        "--import",
        dest="import_as",
        metavar="NAME",
        help="copy it into the workspace as the dataset NAME, whatever program laid it out; "
        "a zip is unpacked",
    )
    group.add_argument(
        "--step", type=int, metavar="N", help="with --losses: the checkpoint of this step"
    )
