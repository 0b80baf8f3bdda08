"""Everything that can be typed after `python studio.py`.

Owns: commands, options and their help. Refuses to know: what a command does with them.
Imports nothing that has to be installed, so `--help` answers at once on a bare machine too.
"""

from __future__ import annotations

import argparse

from studio import __version__
from studio.commands import (
    caption_options,
    checkpoint_options,
    class_options,
    dataset_options,
    library_options,
    measure_options,
    option_types,
    shootout_options,
    train_options,
)
from studio.commands.mask_options import add_mask_options
from studio.commands.report_options import add_report_options


def build_parser() -> argparse.ArgumentParser:
    """Every command and option."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--workspace",
        metavar="DIR",
        default=argparse.SUPPRESS,
        help="folder for datasets, runs and results (default: workspace/ beside studio.py)",
    )
    parser = argparse.ArgumentParser(
        prog="studio.py",
        parents=[common],
        description="Concept Studio: teach Stable Diffusion a concept, stack the files, compare. "
        "Without a command it opens the studio in the browser.",
        epilog="`studio.py COMMAND --help` lists a command's options and settings.",
        allow_abbrev=False,
    )
    parser.set_defaults(module="launch")
    parser.add_argument("--version", action="version", version=f"Concept Studio {__version__}")
    _add_launch_options(parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name, (summary, add) in COMMANDS.items():
        sub = commands.add_parser(
            name,
            parents=[common],
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            allow_abbrev=False,
            add_help=False,
        )
        sub.set_defaults(module=name.replace("-", "_"))
        sub.add_argument("-h", "--help", action=_Help, settings=name, help="show this and end")
        add(sub)
    return parser


class _Help(argparse.Action):
    """Prints the options, then the settings that `--set` takes, straight from their classes."""

    def __init__(self, *args: object, settings: str, **kwargs: object) -> None:
        super().__init__(*args, nargs=0, **kwargs)  # type: ignore[arg-type, misc]
        self.settings = settings

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(parser.format_help())
        if self.settings in ("train", "generate", "compare", "grid"):
            try:
                from studio.commands import settings
            except ImportError:
                print("The list of settings appears here after the first start.")
            else:
                print(settings.help_text(self.settings))
        parser.exit()


def _add_launch_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("opening the studio")
    group.add_argument(
        "--port", type=option_types.port, metavar="N", help="port (default: first free from 7860)"
    )
    group.add_argument("--listen", action="store_true", help="let other machines in (password set)")
    group.add_argument(
        "--share", action="store_true", help="public link, for up to a week (asks for a password)"
    )
    group.add_argument(
        "--auth", type=option_types.auth, metavar="USER:PASS", help="ask for this password"
    )
    group.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="DIR",
        help="with --listen, --share or --auth: a folder that may be named besides the workspace; "
        "repeat for more",
    )
    option_types.add_notify(group)
    group.add_argument("--no-browser", action="store_true", help="do not open a browser window")


def _add_train_options(parser: argparse.ArgumentParser) -> None:
    train_options.add(parser)
    option_types.add_notify(parser)
    _add_set(parser)
    _add_json(parser)


def _add_caption_options(parser: argparse.ArgumentParser) -> None:
    caption_options.add(parser)
    _add_json(parser)


def _add_generate_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("prompt", nargs="?", metavar="PROMPT", help="what to generate")
    _add_stack(parser)
    parser.add_argument("--save-stack", metavar="NAME", help="keep the stack under this name")
    parser.add_argument(
        "--lane",
        action="append",
        default=[],
        metavar="[NAME=]FILE[:STRENGTH][+FILE…][;PROMPT]",
        help="one of up to six stacks with the same seeds; repeat. NAME= alone is the base; "
        "a lane without prompt takes PROMPT, and every --adapter stands first in each lane",
    )
    parser.add_argument(
        "--style",
        action="append",
        metavar="NAME",
        help="style of the workspace's folder styles/, put around the prompt; repeat for more",
    )
    parser.add_argument("--seed", type=int, metavar="N", help="seed of the first image")
    parser.add_argument("--count", type=int, metavar="N", help="how many images")
    parser.add_argument("--image", metavar="FILE", help="image to image: start from this one")
    parser.add_argument(
        "--like", metavar="IMAGE",
        help="take the settings written in an image, of this or another program; other options win",
    )  # fmt: skip
    parser.add_argument(
        "--denoising-strength", "--denoising", dest="denoising_strength", type=float, metavar="X",
        help="how much of it is changed, 0 to 1",
    )  # fmt: skip
    add_mask_options(parser)
    _add_set(parser)
    _add_json(parser)


def _add_compare_options(parser: argparse.ArgumentParser) -> None:
    shootout_options.add(parser)
    parser.add_argument("--base", metavar="MODEL", help="base model (default: starter)")
    parser.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="[NAME=]FILE[:STRENGTH][+FILE…]",
        help="one column: an adapter file, several joined by +, or a folder of images made "
        "elsewhere; the base alone comes first",
    )
    parser.add_argument(
        "--prompt", action="append", default=[], metavar="TEXT", help="one row each"
    )
    parser.add_argument("--seeds", metavar="1,2,3", help="one row each (default: 1,2,3,4)")
    measure_options.add(parser)
    parser.add_argument("--name", metavar="TEXT", help="name of the comparison")
    add_report_options(parser)
    checkpoint_options.add(parser)
    _add_set(parser)
    _add_json(parser)


def _add_grid_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("prompt", nargs="?", metavar="PROMPT", help="what to generate")
    for name, side in (("--x", "columns"), ("--y", "rows"), ("--pages", "pages")):
        parser.add_argument(
            name,
            action="append",
            default=[],
            metavar="KIND[:OF]=VALUES",
            help=f"what the {side} vary: adapter, checkpoint:RUN, strength[:FILE], prompt, replace, "
            "seed, sampler, guidance or steps, with values between commas; repeat it for several "
            "prompts",
        )
    parser.add_argument("--baseline", action="store_true", help="also generate with the base alone")
    _add_stack(parser)
    parser.add_argument("--name", metavar="TEXT", help="name of the grid")
    parser.add_argument("--resume", metavar="GRID", help="continue an unfinished grid")
    _add_set(parser)
    _add_json(parser)


def _add_inspect_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="adapter, checkpoint, or folder")
    _add_json(parser)


def _add_dataset_options(parser: argparse.ArgumentParser) -> None:
    dataset_options.add(parser)
    _add_json(parser)


def _add_class_options(parser: argparse.ArgumentParser) -> None:
    class_options.add(parser)
    _add_json(parser)


def _add_bench_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what", nargs="?", metavar="WHAT", help="starter, startup, …; none lists all"
    )
    _add_json(parser)


def _add_test_options(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "Anything else is handed to pytest, which then runs alone: `test -k captions`."
    parser.add_argument("--all", action="store_true", help="the full sweeps too (hours)")
    parser.add_argument(
        "--processor",
        choices=("native", "none", "avx2", "avx512"),
        help="compute as a processor with these vector instructions would (default: avx2, and "
        "native for the last run of --all)",
    )


def _add_stack(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--base", metavar="MODEL", help="base model (default: starter)")
    parser.add_argument(
        "--adapter",
        action="append",
        default=[],
        metavar="FILE[:STRENGTH]",
        help="adapter file or its name; repeat to stack, applied in order",
    )
    parser.add_argument(
        "--stack", metavar="FILE", help="saved stack (*.stack.json) or its name; before --adapter"
    )


def _add_set(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="assignments",
        metavar="KEY=VALUE",
        help="change any setting listed below; repeat for more",
    )


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the result as JSON, for scripts")


# name → (what it does, its options); its function `run` is in studio/commands/<name>.py, - there as _
COMMANDS = {
    "train": ("teach a base model a concept", _add_train_options),
    "caption": ("write captions beside the images of a folder", _add_caption_options),
    "generate": ("generate images with a base and a stack of adapters", _add_generate_options),
    "compare": (
        "generate the same prompts and seeds with several stacks and measure them",
        _add_compare_options,
    ),
    "grid": (
        "generate one prompt along up to three axes: strengths, files, seeds …",
        _add_grid_options,
    ),
    "inspect": ("say what a file is, without running anything in it", _add_inspect_options),
    "dataset": (
        "check a folder of images and captions before training; filter, prepare and export it",
        _add_dataset_options,
    ),
    "class-images": (
        "generate class (regularization) images as a dataset; list and delete those of past runs",
        _add_class_options,
    ),
    "library": ("list, rename, trash or restore what is in the library", library_options.add),
    "doctor": ("say what works on this machine, and what is missing", _add_json),
    "bench": ("measure: the starter model, start-up, speed", _add_bench_options),
    "test": ("lint, types and every test", _add_test_options),
}
