"""The page survives the rules it is served under, and one can sign in and out of it."""

from __future__ import annotations

import socket
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from studio.app import Studio
from studio.core.paths import Workspace
from studio.ui import app
from tests.web.conftest import TIMEOUT

TABS = ("caption", "train", "generate", "compare")


@pytest.fixture
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[app.Server]:
    studio = Studio(Workspace(tmp_path_factory.mktemp("guarded")))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = app.serve(studio, port=port, auth=("me", "secret"))
    yield server
    server.close()
    studio.close()


def test_signing_in_the_whole_page_and_signing_out(browser: Any, guarded: app.Server) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    said: list[str] = []
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: said.append(f"error: {error}"))
    try:
        page.goto(guarded.url)
        page.fill("[name=username]", "me")
        page.fill("[name=password]", "wrong")
        page.click("button")
        page.wait_for_selector("[role=alert]:not(:empty)")
        assert "not right" in page.inner_text("[role=alert]")
        said.clear()  # the browser reports the refusal as an error of its own
        page.fill("[name=password]", "secret")
        page.click("button")
        page.wait_for_selector(".cs-header")
        for tab in TABS:
            page.click(f"#cs-tab-{tab}-button")
            page.wait_for_selector(f"#cs-tab-{tab} .cs-part")
        page.wait_for_selector(".cs-pick img, .cs-caption img", state="attached")
        page.wait_for_load_state("load")
        (session,) = context.cookies()
        assert (session["httpOnly"], session["sameSite"]) == (True, "Lax")
        page.click(".cs-sign-out button")
        page.wait_for_selector("[name=password]")
        assert not context.cookies()
        assert not [line for line in said if line.startswith("error")], said
        assert not [line for line in said if "Content Security Policy" in line], said
    finally:
        context.close()


def test_nobody_may_frame_the_page(browser: Any, guarded: app.Server) -> None:
    context = browser.new_context()
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    try:
        page.set_content(f'<iframe src="{guarded.url}/"></iframe>')
        page.wait_for_event("console", timeout=TIMEOUT) if not said else None
        assert any("frame" in line.lower() for line in said), said
    finally:
        context.close()
