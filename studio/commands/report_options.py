"""The options of `compare` that concern comparisons which are there already.

Owns: what can be typed. Imports nothing that has to be installed.
"""

from __future__ import annotations

import argparse


def add_report_options(parser: argparse.ArgumentParser) -> None:
    """Adds them, as a group of their own."""
    group = parser.add_argument_group(
        "reports, votes and archives", "ID is a comparison's folder name, or its name."
    )
    what = group.add_mutually_exclusive_group()
    what.add_argument(
        "--report",
        metavar="ID",
        help="write its report (HTML, Markdown, CSV) and its contact sheet (PNG)",
    )
    what.add_argument(
        "--export", nargs=2, metavar=("ID", "FILE.zip"), help="write it whole, as a zip"
    )
    what.add_argument(
        "--import", dest="archive", metavar="FILE.zip", help="read such a zip into this workspace"
    )
    what.add_argument(
        "--votes",
        metavar="ID",
        help="generate nothing; say what the blind votes on a comparison say",
    )
    group.add_argument(
        "--out", metavar="DIR", help="with --report: folder of its files (default: its own)"
    )
    group.add_argument(
        "--question", metavar="TEXT", help="what the comparison is to answer; kept with it"
    )
    group.add_argument("--notes", metavar="TEXT", help="anything else; kept with it")
