"""Opening the studio: which address, which password, then the page.

Owns: choosing a free port, and the rule that nothing is open to others without a password.
Refuses to know: the page. torch is not on this path.
"""

from __future__ import annotations

import argparse
import gc
import secrets
import socket
from pathlib import Path

from studio.commands import terminal
from studio.core.access import Access
from studio.core.errors import BusyError

FIRST_PORT, PORTS = 7860, 100


def run(arguments: argparse.Namespace) -> int:
    """Serves the page until Ctrl-C or a polite kill; a running training saves first."""
    host = "0.0.0.0" if arguments.listen else "127.0.0.1"
    port = pick_port(host, arguments.port)
    allowed(arguments.allow)
    auth = password(arguments.auth, arguments.share or arguments.listen)
    # Importing makes half a million objects and hardly any garbage; `launch` switches it on again.
    gc.disable()
    with terminal.Ending(), terminal.opened(arguments) as studio:
        from studio.ui.app import launch

        launch(
            studio,
            host=host,
            port=port,
            share=arguments.share,
            auth=auth,
            allow=allowed(arguments.allow),
            open_browser=not arguments.no_browser,
            grace=terminal.GRACE,
        )
    return 0


def allowed(folders: list[str]) -> list[Path]:
    """The folders of `--allow`, looked for before anything is opened; raises InputError."""
    return list(Access.over_a_link(folders).allowed)


def password(given: tuple[str, str] | None, exposed: bool) -> tuple[str, str] | None:
    """The login to ask for; made up and printed when others can reach us and none was given."""
    if given is not None or not exposed:
        return given
    made = ("studio", secrets.token_urlsafe(12))
    print(
        f"Others can reach this studio, so it asks for a login: {made[0]} / {made[1]}", flush=True
    )
    return made


def pick_port(host: str, wanted: int | None) -> int:
    """`wanted` if nobody uses it (0: any), or the first free one from 7860 on."""
    if wanted is not None:
        free = _try_port(host, wanted)
        if free is None:
            raise BusyError(
                f"Port {wanted} is already in use",
                why="Another program, perhaps another studio, is listening there.",
                remedy="Choose another with --port, or leave it out and the first free one is taken.",
            )
        return free
    for port in range(FIRST_PORT, FIRST_PORT + PORTS):
        if _try_port(host, port) is not None:
            return port
    raise BusyError(
        f"Ports {FIRST_PORT} to {FIRST_PORT + PORTS - 1} are all in use", remedy="Use --port 0."
    )


def _try_port(host: str, port: int) -> int | None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return None
        return int(probe.getsockname()[1])
