"""How far the run is can be seen from any tab, and its end is told to those who asked for it."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from studio.library import presets
from studio.runs import worker
from tests.web.test_caption_train import until
from tests.web.test_runs import values

pytestmark = pytest.mark.browser

RECORDER = """
globalThis.told = [];
globalThis.Notification = class {
  static permission = 'default';
  static async requestPermission() { return (Notification.permission = 'granted'); }
  constructor(title, options) { told.push([title, options.body]); Notification.last = this; }
  close() {}
};
"""


def start(served: Any, folder: Any, name: str, **train: Any) -> str:
    return str(served.studio.runs.start(presets.config_from(None, values(folder, name, **train))))


def test_title_and_header_say_how_far_the_run_is(
    open_page: Any, served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify, checked = worker.verify, threading.Event()

    def slowly(*given: Any) -> Any:
        assert checked.wait(60)
        return verify(*given)

    monkeypatch.setattr(worker, "verify", slowly)
    folder = served.dataset("progress", ["a zorp blob"] * 2)
    page = open_page("generate")
    plain = page.title()
    assert "Studio" in plain
    run = start(served, folder, "long")
    until(lambda: " % · step " in page.title())
    assert page.title().endswith("long")
    shown = page.locator(".cs-run-now")
    until(lambda: " left" in shown.inner_text())
    assert shown.inner_text().startswith("long: ")
    shown.click()
    page.wait_for_selector(f".cs-run-row[data-run='{run}'][aria-current=true]")
    served.studio.runs.command(run, "stop")
    until(lambda: " · writing and checking the file · long" in page.title())
    assert shown.inner_text().endswith(" · writing and checking the file")
    page.wait_for_selector(".cs-run-title:has-text('writing and checking the file…')")
    page.wait_for_selector(".cs-run-bar[aria-label='writing and checking the file']")
    checked.set()
    until(lambda: page.title() == plain)
    assert shown.is_hidden()


def test_the_end_of_a_run_is_told_to_those_who_asked(open_page: Any, served: Any) -> None:
    folder = served.dataset("told", ["a zorp blob"] * 2)
    page = open_page("generate")
    page.add_init_script(RECORDER)
    page.reload()
    bell = page.locator(".cs-bell")
    run = start(served, folder, "unheard")
    until(lambda: "unheard" in page.title())
    served.studio.runs.command(run, "stop")
    until(lambda: "unheard" not in page.title())
    assert page.evaluate("told") == [], "somebody was told who never asked"
    bell.click()
    until(lambda: bell.get_attribute("aria-checked") == "true")
    page.reload()
    page.evaluate("Notification.permission = 'granted'")
    run = start(served, folder, "heard")
    until(lambda: "heard" in page.title())
    served.studio.runs.command(run, "stop")
    until(lambda: page.evaluate("told.length"))
    assert page.evaluate("told")[0][0] == "heard: stopped"
    page.evaluate("Notification.last.onclick()")
    page.wait_for_selector(f".cs-run-row[data-run='{run}'][aria-current=true]")
