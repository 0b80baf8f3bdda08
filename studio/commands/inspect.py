"""`inspect`: what a file is, read without running anything in it.

Owns: the command's output. Refuses to know: file formats.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from studio.commands import terminal

FIRST = ("path", "kind", "dialect", "family", "parameters", "rank", "alpha", "trigger")


def run(arguments: argparse.Namespace) -> int:
    """Prints the facts; exit code 2 when the file is nothing the studio can use."""
    with terminal.opened(arguments) as studio:
        facts = studio.inspect(Path(arguments.file).expanduser().resolve())
    if arguments.json:
        terminal.print_json(facts)
    else:
        for key in FIRST:
            if facts.get(key) not in (None, ""):
                print(f"{key:<12}{_short(facts[key])}")
        for section in ("hashes", "metadata"):
            for name, value in (facts.get(section) or {}).items():
                print(
                    f"{section[:-1] if section == 'hashes' else section:<12}{name} = {_short(value)}"
                )
        for problem in facts.get("problems", []):
            print(f"problem     {problem}")
    return 2 if facts.get("kind") == "unknown" else 0


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 120 else text[:117] + "…"
