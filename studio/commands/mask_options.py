"""The options of a pass inside a mask.

Owns: these options and their help. Refuses to know: what is done with them. Imports nothing that has to
be installed.
"""

from __future__ import annotations

import argparse


def add_mask_options(parser: argparse.ArgumentParser) -> None:
    """`--mask`, and what is generated inside of it."""
    for name, metavar, text in (
        ("--mask", "FILE", "mask: its white part is inpainted, in --image or, without one, in the "
         "image generated first; settings: inpaint.* below"),
        ("--mask-prompt", "TEXT", "what to generate inside the mask"),
        ("--mask-stack", "FILE", "saved stack that acts inside the mask alone, instead of the stack"),
    ):  # fmt: skip
        parser.add_argument(name, metavar=metavar, help=text)
    parser.add_argument(
        "--mask-adapter", action="append", default=[], metavar="FILE[:STRENGTH]",
        help="adapter that acts there, after --mask-stack; repeat to stack",
    )  # fmt: skip
