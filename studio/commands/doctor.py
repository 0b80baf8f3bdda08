"""`doctor`: what works on this machine, and what is missing.

Owns: how the findings read in a terminal. Refuses to know: the checks.
"""

from __future__ import annotations

import argparse

from studio.commands import terminal
from studio.core import doctor
from studio.core.paths import STARTER, Workspace, default_workspace


def run(arguments: argparse.Namespace) -> int:
    """Examines; exit code 1 when something that is needed does not work."""
    terminal.say("Trying every part; the first time this takes half a minute.")
    workspace = Workspace(arguments.workspace or default_workspace())
    checks = doctor.examine(workspace.root, STARTER)
    if arguments.json:
        terminal.print_json(doctor.as_dict(checks))
    else:
        print(as_text(checks))
    return 0 if doctor.healthy(checks) else 1


def as_text(checks: list[doctor.Check]) -> str:
    """For a terminal: a line per finding, what it costs and what to do below it."""
    signs = {"ok": "✓", "note": "–", "problem": "✗"}
    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        lines.append(f"{signs[check.status]} {check.name:<{width}}  {check.found}")
        lines += [f"{'':<{width + 4}}{text}" for text in (check.cost, check.remedy) if text]
    verdict = (
        "Everything needed works."
        if doctor.healthy(checks)
        else "The studio cannot work yet: see ✗."
    )
    return "\n".join([*lines, "", verdict])
