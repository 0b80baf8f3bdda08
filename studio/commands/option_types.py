"""What the values of options must be, and options that several commands have.

Owns: these, with nothing imported that has to be installed. Refuses to know: the commands.
"""

from __future__ import annotations

import argparse


def port(text: str) -> int:
    """A number from 0 to 65535."""
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"“{text}” is not a port; use 1 to 65535, or 0 for any")
    return int(text)


def count(text: str) -> int:
    """A whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"“{text}” is not a whole number from 1")
    return int(text)


def auth(text: str) -> tuple[str, str]:
    """`USER:PASS` → (user, password)."""
    user, colon, password = text.partition(":")
    if not (user and colon and password):
        raise argparse.ArgumentTypeError("write USER:PASS, both not empty")
    return user, password


def add_notify(parser: argparse._ActionsContainer) -> None:
    """`--notify`, for what trains."""
    parser.add_argument(
        "--notify",
        metavar="TARGET",
        help="told when a run ends: https://… gets a POST with JSON, a command gets it as input "
        "(default: notify in the workspace's settings.toml)",
    )
