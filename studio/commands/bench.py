"""`bench`: the measuring scripts, by name.

Owns: finding and starting them. Refuses to know: what they measure.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from studio.commands.requirements import ROOT
from studio.core.errors import MissingError
from studio.core.text import read_text
from studio.settings.training import nearest

FOLDER = ROOT / "benchmarks"


def run(arguments: argparse.Namespace) -> int:
    """Runs one benchmark; without a name, lists them."""
    scripts = {path.stem: path for path in sorted(FOLDER.glob("*.py")) if path.stem[0] != "_"}
    if arguments.what is None:
        print("starter: measures the starter model, for its card")
        for name, path in scripts.items():
            print(f"{name}: {_first_line(read_text(path))}")
        return 0
    if arguments.what == "starter":
        command = ["-m", "studio.starter.measure"]
    elif arguments.what in scripts:
        command = [str(scripts[arguments.what])]
    else:
        close = nearest(arguments.what, ["starter", *scripts])
        raise MissingError(
            f"There is no benchmark “{arguments.what}”",
            remedy=f"Did you mean “{close}”?" if close else "`studio.py bench` lists them.",
        )
    flags = ["--json"] if arguments.json else []
    if arguments.workspace:  # an option of every command: it never is among the rest
        flags += ["--workspace", str(Path(arguments.workspace).absolute())]
    return subprocess.call([sys.executable, *command, *flags, *arguments.rest], cwd=ROOT)


def _first_line(source: str) -> str:
    return source.lstrip('"').split("\n", 1)[0].rstrip('."')
