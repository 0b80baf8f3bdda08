"""The queue of the Generate tab in a real browser: jobs added while one runs, removed, repeated."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from studio.generation.records import Generated
from studio.generation.service import Generation
from studio.settings.training import GenerateSettings
from tests.web.conftest import TIMEOUT, Served, until

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore")]


class Gated(Generation):
    """What generates, one batch for each time the test lets it."""

    def __init__(self, served: Served) -> None:
        super().__init__(served.studio.runtime, served.studio.runs)
        self.go = threading.Semaphore(0)
        self.seen: list[GenerateSettings] = []

    def generate(self, settings: GenerateSettings, *rest: Any, **named: Any) -> Generated:
        self.seen.append(settings)
        assert self.go.acquire(timeout=TIMEOUT / 1000)
        return super().generate(settings, *rest, **named)


@pytest.fixture
def gated(served: Served) -> Iterator[Gated]:
    before = served.studio.generation
    served.studio.generation = Gated(served)
    yield served.studio.generation
    served.studio.generation.go.release(100)
    served.studio.generation = before


def test_jobs_wait_are_removed_and_repeat_until_stopped(open_page: Any, gated: Gated) -> None:
    page = open_page("generate")
    page.click("#cs-generate-base input")
    page.get_by_role("option", name="tiny · ").first.click()
    page.fill("#cs-field-generate-steps input", "1")
    page.fill("#cs-field-generate-count input", "1")
    ask = page.get_by_role("button", name="Generate", exact=True)
    rows = page.locator(".jq-list li")
    for prompt in ("one", "two", "three"):
        page.fill("#cs-generate-prompt textarea", prompt)
        ask.click()
        page.locator("#cs-images .rb[data-state='running'] .rb-go:enabled").wait_for()
    page.locator(".jq", has_text="2 jobs waiting").wait_for()
    assert [text.split(" · ")[-1] for text in rows.all_inner_texts()] == ["two", "three"]
    rows.nth(0).get_by_role("button", name="Remove this job").click()
    page.locator(".jq", has_text="1 job waiting").wait_for()
    gated.go.release(2)
    page.locator("#cs-images .rb[data-state='finished']").wait_for()
    assert [settings.prompt for settings in gated.seen] == ["one", "three"]
    assert page.locator(".jq").is_hidden()
    page.locator(".pg-thumb").first.wait_for()  # the first job's image is among the earlier ones

    page.fill("#cs-generate-prompt textarea", "again")
    page.get_by_role("button", name="Forever").click()
    page.locator(".jq", has_text="Repeating until stopped").wait_for()
    gated.go.release(2)
    page.wait_for_function("document.querySelectorAll('.pg-thumb').length >= 3")
    until(lambda: len(gated.seen) == 5)  # two jobs, and the third round: it has begun, and waits
    page.get_by_role("button", name="Stop repeating").click()
    page.locator(".jq", has_text="Repeating until stopped").wait_for(state="hidden")
    gated.go.release(5)
    page.locator("#cs-images .rb[data-state='finished']").wait_for()
    page.locator(".jq").wait_for(state="hidden")
    again = [settings.seed for settings in gated.seen if settings.prompt == "again"]
    assert len(again) >= 3 and len(set(again)) == len(again) and again[0] == 1
