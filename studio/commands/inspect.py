"""`inspect`: what a file is, read without running anything in it.

Owns: the command's output. Refuses to know: file formats.
"""

from __future__ import annotations

import argparse
from typing import Any

from studio.commands import terminal
from studio.core.counts import counted
from studio.core.names import path_of, printable

FIRST = ("path", "kind", "program", "dialect", "family", "parameters", "rank", "alpha", "trigger")


def run(arguments: argparse.Namespace) -> int:
    """Prints the facts; exit code 2 when the file is nothing the studio can use."""
    with terminal.opened(arguments) as studio:
        facts = studio.library.inspect(path_of(arguments.file).expanduser().resolve())
    if arguments.json:
        terminal.print_json(facts)
    else:
        for key in FIRST:
            if facts.get(key) not in (None, ""):
                print(f"{key:<12}{_short(facts[key])}")
        labels = {"hashes": "hash", "metadata": "metadata", "settings": "setting"}
        for section, label in labels.items():
            for name, value in (facts.get(section) or {}).items():
                print(f"{label:<12}{name} = {_short(value)}")
        for block in facts.get("blocks", []):
            print(f"block       {_block(block)}")
        for label, key in (("problem", "problems"), ("note", "notes")):
            for sentence in facts.get(key, []):
                print(f"{label:<12}{printable(sentence)}")
    return 2 if facts.get("kind") == "unknown" else 0


def _block(facts: dict[str, Any]) -> str:
    ranks = ", ".join(map(str, facts["ranks"]))
    norm = "depends on the base" if facts["norm"] is None else f"{facts['norm']:.3g}"
    rank = f"rank {ranks}, " if ranks else ""
    return f"{facts['block']:<24}{rank}{counted(facts['modules'], 'module')}, norm {norm}"


def _short(value: Any) -> str:
    text = printable(str(value))  # a file's texts may hold what moves a terminal's cursor
    return text if len(text) <= 120 else text[:117] + "…"
