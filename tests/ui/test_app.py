"""Where the page is served: addresses that cannot work are refused in plain words, at once."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from studio.app import Studio
from studio.core.errors import BusyError, InputError
from studio.core.paths import Workspace
from studio.ui import app, scripts, theme


def test_a_busy_port_is_named_with_a_way_out(workspace: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(BusyError) as caught:
            app.serve(Studio(Workspace(workspace)), port=port)
    assert str(port) in caught.value.what
    assert f"--port {port + 1}" in str(caught.value.remedy)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_is_none_is_refused(workspace: Path, port: int) -> None:
    with pytest.raises(InputError, match="not a port"):
        app.serve(Studio(Workspace(workspace)), port=port)


def test_an_address_of_another_machine_is_refused(workspace: Path, free_port: int) -> None:
    with pytest.raises(InputError, match="not an address of this machine"):
        app.serve(Studio(Workspace(workspace)), host="203.0.113.7", port=free_port)


def test_an_engine_that_does_not_load_is_told_not_thrown(workspace: Path) -> None:
    class Broken(Studio):
        def warm_up(self) -> None:
            raise ImportError("no engine here")

    page = app.Page(Broken(Workspace(workspace)))
    page.painted.set()
    app.warm_up(page)
    assert "doctor" in page.problem


def test_the_page_asks_nobody_else_for_anything() -> None:
    text = theme.stylesheet() + b"".join(scripts.modules().values()).decode()
    examples = ("http://localhost:11434/v1",)  # what one may type, shown in a sentence
    for address in ("http://www.w3.org/", "'http://www.w3.org/2000/svg'", *examples):
        text = text.replace(address, "")
    assert "http://" not in text
    assert "https://" not in text
    assert "@import" not in text


def test_scripts_put_no_text_into_html() -> None:
    for name, text in scripts.modules().items():
        for risky in (b"innerHTML", b"insertAdjacentHTML", b"outerHTML", b"document.write"):
            assert risky not in text, f"{name} uses {risky!r}"
