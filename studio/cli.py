"""The commands: headless twins of the tabs.

Owns: what can be typed, exit codes (0 done, 1 failed, 2 bad input, 130 interrupted,
143 and 129 after SIGTERM and SIGHUP), and how an
error reads in a terminal. Refuses to know: how a command does its work (`studio/commands/`).
Imports nothing that has to be installed, so `--help` answers at once on a bare machine too.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
import threading
import time
import traceback
from collections.abc import Sequence

from studio import __version__
from studio.commands.options import build_parser
from studio.core import memory
from studio.core.errors import StudioError

EXIT_FAILED, EXIT_INTERRUPTED = 1, 130


def main(argv: Sequence[str] | None = None, *, bootstrap: bool = False) -> int:
    """Runs one command; returns its exit code. `bootstrap` first gets into the right Python."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # one in ASCII or Latin-1 must take every name
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            code = _run(parse(sys.argv[1:] if argv is None else argv), bootstrap)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output left, as in `… | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return EXIT_FAILED
    if bootstrap and any(thread.name == "trainer" for thread in threading.enumerate()):
        os._exit(code)  # the time to save in is over: what still computes must not hold us
    return code


def _run(arguments: argparse.Namespace, bootstrap: bool) -> int:
    try:
        if bootstrap:
            _enter(arguments)
        module = importlib.import_module(f"studio.commands.{arguments.module}")
        return int(module.run(arguments) or 0)
    except StudioError as error:
        print(f"\n{error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt as error:
        print("\nInterrupted.", file=sys.stderr)
        return int(getattr(error, "exit_code", EXIT_INTERRUPTED))
    except BrokenPipeError:
        raise
    except Exception as error:
        if memory.is_full(error):
            print(f"\n{memory.full('anything')}", file=sys.stderr)
            return EXIT_FAILED
        # a mistake of ours: short on screen, complete in a file
        print(f"\n{_unexpected(error, arguments)}", file=sys.stderr)
        return EXIT_FAILED


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Reads the command line; ends the process on `--help` and on typing mistakes (exit code 2)."""
    parser = build_parser()
    arguments, unknown = parser.parse_known_args(list(argv))
    if unknown and arguments.module not in ("test", "bench"):
        parser.error(f"there is no option {unknown[0]} here; --help lists them")
    arguments.rest = unknown
    arguments.workspace = getattr(arguments, "workspace", None)  # set by whichever parser saw it
    return arguments


def _enter(arguments: argparse.Namespace) -> None:
    from studio.commands import process

    if process.inside():
        return
    from studio.commands import environment

    extras = ("test",) if arguments.module == "test" else ()
    python, prefix = environment.choose(extras, workspace=arguments.workspace)
    process.become(python, prefix, sys.argv)


def _unexpected(error: Exception, arguments: argparse.Namespace) -> str:
    """Keeps the whole story in the workspace's log folder and says where it is."""
    from studio.core import atomic
    from studio.core.paths import Workspace, default_workspace

    story = "".join(traceback.format_exception(error))
    path = Workspace(arguments.workspace or default_workspace()).root / "logs"
    path = path / f"error-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    try:
        atomic.write_text(path, f"studio {__version__}, {arguments.module}\n\n{story}")
    except (StudioError, OSError):
        return f"Something unexpected happened, and no log could be written.\n{story}"
    return f"Something unexpected happened ({type(error).__name__}). The details are in {path}."
