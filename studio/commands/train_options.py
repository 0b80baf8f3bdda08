"""Options of `train`.

Owns: these, with nothing imported that has to be installed. Refuses to know: the command.
"""

from __future__ import annotations

import argparse

from studio.commands import option_types


def add(parser: argparse.ArgumentParser) -> None:
    """What to train, or which run to continue."""
    parser.add_argument(
        "--preset", metavar="NAME", help="recipe to start from: a name or a .toml file"
    )
    parser.add_argument(
        "--like", metavar="FILE", help="start from the settings a finished file was trained with"
    )
    parser.add_argument("--data", metavar="DIR", help="folder of images, or a dataset's name")
    parser.add_argument(
        "--base", metavar="MODEL", help="base model (default: the preset's, or starter)"
    )
    parser.add_argument("--method", metavar="NAME", help="training method, when there is no preset")
    parser.add_argument("--name", metavar="TEXT", help="name of the run and of its file")
    parser.add_argument(
        "--processes",
        type=option_types.count,
        metavar="N",
        help="train in N processes, each on a GPU of its own (or all on the CPU). The batch size is "
        "that of each, so a step takes N times as many images. With --resume: other processes for "
        "the same images per step, where N divides them",
    )
    parser.add_argument(
        "--resume",
        metavar="RUN",
        help="continue with a run that ended; --set changes its rate, steps, samples or saving",
    )
    parser.add_argument(
        "--accept-dataset-changes",
        action="store_true",
        help="with --resume: go on although images or captions are not what they were",
    )
    parser.add_argument(
        "--recalibrate",
        action="store_true",
        help="forget what was measured for Auto to choose by; with --check, measure it anew",
    )
    parser.add_argument(
        "--check", action="store_true", help="only check and estimate; start nothing"
    )
    parser.add_argument(
        "--fit",
        action="store_true",
        help="find settings that fit into the memory (or into --set memory.limit=GB): ways to need less "
        "are measured one after another, and the first that fits is trained with; with --check it is "
        "only shown",
    )
