"""What `caption` describes, with which captioner, asked what, and what becomes of earlier captions.

Owns: these options. Refuses to know: the libraries, so that `--help` answers without them.
"""

from __future__ import annotations

import argparse
import textwrap

from studio.caption.kinds import KINDS
from studio.caption.questions import PLACES, QUESTIONS
from studio.commands import caption_edit_options
from studio.commands.dataset_options import add_filter

KEY_VARIABLE = "STUDIO_CAPTION_KEY"


def add(parser: argparse.ArgumentParser) -> None:
    """Adds them."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _epilog()
    parser.add_argument("folder", metavar="DIR", help="folder of images, or a dataset's name")
    _add_captioners(parser)
    _add_question(parser)
    _add_tags(parser)
    _add_what(parser)


def _add_captioners(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("captioner (default: the starter's)")
    which = group.add_mutually_exclusive_group()
    which.add_argument(
        "--model", "--captioner", dest="model", metavar="MODEL",
        help="vision-language model: a folder or a Hugging Face id, or starter",
    )  # fmt: skip
    which.add_argument("--tagger", metavar="MODEL", help="WD tagger: a folder or a Hugging Face id")
    which.add_argument(
        "--endpoint", metavar="URL",
        help="OpenAI-compatible server that the images are sent to, such as http://localhost:11434/v1",
    )  # fmt: skip
    group.add_argument(
        "--download", action="store_true", help="download a Hugging Face id that is not here"
    )
    group.add_argument("--endpoint-model", metavar="NAME", help="the model's name at the endpoint")
    group.add_argument(
        "--endpoint-key", choices=("environment", "ask", "none"), default="environment",
        help=f"where its key comes from: the variable {KEY_VARIABLE} (default), a question, or nowhere",
    )  # fmt: skip
    group.add_argument(
        "--endpoint-timeout", type=float, metavar="S", help="seconds for one image (default: 120)"
    )
    group.add_argument(
        "--endpoint-side",
        type=int,
        metavar="PX",
        help="longest side of what is sent (default: 1024)",
    )


def _add_question(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("question and answer")
    group.add_argument(
        "--question", default="", metavar="TEXT", help="a preset's name (below), or your own words"
    )
    group.add_argument(
        "--answer", default="{caption}", metavar="TEXT",
        help="what becomes of the answer, such as “{trigger}, {caption}”",
    )  # fmt: skip
    group.add_argument(
        "--max-tokens", type=int, metavar="N", help="longest answer in tokens (default: 120)"
    )


def _add_tags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("tags")
    group.add_argument(
        "--threshold", type=float, metavar="X", help="for general tags, 0 to 1 (default: 0.35)"
    )
    group.add_argument(
        "--character-threshold", type=float, metavar="X", help="for characters (default: 0.85)"
    )
    group.add_argument(
        "--exclude", action="append", default=[], metavar="TAG", help="leave this tag out; repeat"
    )
    group.add_argument("--ratings", action="store_true", help="also the most probable rating")
    group.add_argument("--underscores", action="store_true", help="keep underscores in tags")
    group.add_argument("--escape", action="store_true", help=r"brackets as \( and \)")


def _add_what(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--only", choices=("missing", "replace", "append"), default="missing",
        help="images without a caption (default), or all: in place of captions or behind them; the "
        "earlier ones are kept",
    )  # fmt: skip
    what.add_argument(
        "--overwrite", dest="only", action="store_const", const="replace", help="as --only replace"
    )
    what.add_argument(
        "--resume", action="store_true",
        help="continue the last captioning of this folder where it stopped, as it was asked for",
    )  # fmt: skip
    what.add_argument(
        "--undo", action="store_true",
        help="bring back the captions from before the last captioning or edit of many; again for "
        "the one before",
    )  # fmt: skip
    caption_edit_options.add(parser, what)
    add_filter(parser, "only images that a filter finds")
    parser.add_argument(
        "--base", default="starter", metavar="MODEL",
        help="base model by which tokens: of --filter counts (default: starter)",
    )  # fmt: skip
    parser.add_argument(
        "--preview", type=int, nargs="?", const=3, default=0, metavar="N",
        help="only show what N images (3) would get; nothing is written",
    )  # fmt: skip
    parser.add_argument(
        "--prefix", default="", metavar="TEXT", help="put this before every caption it writes"
    )


def _epilog() -> str:
    wide = max(len(row.name) for row in QUESTIONS)
    captioners = [
        textwrap.fill(f"{row.title}: {row.says}", 78, initial_indent="  ", subsequent_indent="    ")
        for row in KINDS
    ]
    asked = [f"  {row.name:<{wide}}  {row.title}" for row in QUESTIONS]
    places = ", ".join(f"{{{place}}}" for place in PLACES)
    return "\n".join(
        [
            *("captioners:", *captioners, "", "preset questions:", *asked, ""),
            *(f"filled in: {places}", "", caption_edit_options.epilog()),
        ]
    ).replace("%", "%%")
