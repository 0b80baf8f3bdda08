"""What the page shows of the queue when answers come late, clicks come fast, and lists change
under the pointer: each order of events that a busy machine can bring about, brought about."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from studio.library import presets
from tests.web.test_caption_train import until
from tests.web.test_runs import order, past_run, values

pytestmark = pytest.mark.browser

CALLS = re.compile("/component_server")
# Every order that the queue has ever shown, as a list of names.
WATCH_ORDER = """() => {
  window.orders = [];
  const list = document.querySelector('.cs-queue');
  new MutationObserver(() => orders.push([...list.querySelectorAll('.cs-queue-name')].map((b) => b.textContent).join('')))
    .observe(list, {childList: true});
}"""


class Answers:
    """Keeps the page's questions of one name, and their answers, back until told."""

    def __init__(self, page: Any, name: str) -> None:
        self.page, self.name = page, name
        self.holding, self.asked = False, 0
        self.held: list[tuple[Any, Any]] = []
        page.route(CALLS, self._route)

    def _route(self, route: Any) -> None:
        if (route.request.post_data_json or {}).get("fn_name") != self.name:
            route.continue_()
            return
        self.asked += 1
        answer = route.fetch()  # what is true now
        if self.holding:
            self.held.append((route, answer))
        else:
            route.fulfill(response=answer)

    def hold(self) -> None:
        """From now on none arrives; returns when one is held."""
        self.holding = True
        until(lambda: self.page.wait_for_timeout(50) or self.held)

    def let_go(self, change: Callable[[Any], None] | None = None) -> None:
        """What was held arrives now, as it was answered then, or changed."""
        self.holding = False
        for route, answer in self.held:
            body = answer.json()
            if change is not None:
                change(body)
            route.fulfill(response=answer, body=json.dumps(body))
        self.held = []


@pytest.fixture
def queued(served: Any) -> dict[str, str]:
    """Four runs that wait behind one that is paused."""
    studio = served.studio
    folder = served.workspace.datasets / "late"
    if not folder.is_dir():
        folder = served.dataset("late", ["a zorp blob"] * 2)

    def start(name: str) -> str:
        return str(studio.runs.start(presets.config_from(None, values(folder, name))))

    first = start("first")
    studio.runs.command(first, "pause")
    until(lambda: studio.runs.view(first).state.state == "paused")
    return {name: start(name) for name in ("a", "b", "c", "d")}


def test_an_answer_from_before_a_command_undoes_nothing(
    page: Any, served: Any, queued: dict[str, str]
) -> None:
    answers = Answers(page, "runs")
    page.click("#cs-tab-train-button")
    page.wait_for_selector(".cs-queue-row >> nth=3")
    page.evaluate(WATCH_ORDER)
    answers.hold()
    before = len(answers.held)
    page.click("button[aria-label='c: earlier']")
    until(lambda: served.studio.runs.queue().waiting[1] == queued["c"])
    until(lambda: page.wait_for_timeout(50) or len(answers.held) > before)
    old, new = answers.held[:before], answers.held[before:]
    answers.held = new
    answers.let_go()  # the later question is answered first
    until(lambda: order(page) == ["a", "c", "b", "d"])
    answers.held = old
    answers.let_go()
    page.wait_for_timeout(500)
    assert page.evaluate("orders") == ["acbd"], "the old order was shown again"
    # and what has the keyboard keeps it, whatever is rendered anew
    page.locator(".cs-queue-row", has_text="b").focus()
    served.studio.runs.reorder(queued["d"], 0)
    until(lambda: order(page) == ["d", "a", "c", "b"])
    page.keyboard.press("Alt+ArrowUp")
    until(lambda: order(page) == ["d", "a", "b", "c"])
    page.focus("button[aria-label='a: later']")
    served.studio.runs.reorder(queued["c"], 0)
    until(lambda: order(page) == ["c", "d", "a", "b"])
    page.keyboard.press("Enter")
    until(lambda: order(page) == ["c", "d", "b", "a"])


def test_a_switch_that_is_clicked_twice_is_where_it_was(
    page: Any, served: Any, queued: Any
) -> None:
    sent = Answers(page, "policy")
    page.click("#cs-tab-train-button")
    switch = page.locator(".cs-queue-card [role=switch]")
    switch.wait_for()
    assert served.studio.runs.continue_on_error
    shown = switch.evaluate(
        "node => [0, 1].map(() => { node.click(); return node.getAttribute('aria-checked'); })"
    )
    assert shown == ["false", "true"], "a click shows at once"
    until(lambda: page.wait_for_timeout(50) or sent.asked == 2)
    until(lambda: served.studio.runs.continue_on_error)
    page.wait_for_timeout(3000)  # a poll later
    assert switch.get_attribute("aria-checked") == "true"
    assert served.studio.runs.continue_on_error


def test_a_refused_switch_turns_back(page: Any, served: Any, queued: Any) -> None:
    page.click("#cs-tab-train-button")
    switch = page.locator(".cs-queue-card [role=switch]")
    switch.wait_for()

    def refuse(route: Any) -> None:
        if (route.request.post_data_json or {}).get("fn_name") == "policy":
            route.abort()
        else:
            route.continue_()

    page.route(CALLS, refuse)
    switch.click()
    page.wait_for_selector(".cs-away")  # for as long as it does not answer
    page.wait_for_selector("#cs-notices >> text=The studio did not answer")
    assert page.locator(".cs-away").count() == 0, "one thing is said at a time"
    until(lambda: switch.get_attribute("aria-checked") == "true")


def test_a_list_that_changes_under_the_pointer_swallows_no_click(page: Any, served: Any) -> None:
    runs = [past_run(served, name, 0.1) for name in ("one", "two")]
    answers = Answers(page, "runs")
    page.click("#cs-tab-train-button")
    page.wait_for_selector(f".cs-run-row[data-run='{runs[1]}'][aria-current=true]")
    answers.hold()

    def one_step_further(body: Any) -> None:
        for run in body["data"]["runs"]:
            run["step"] += 1

    page.hover(f".cs-run-row[data-run='{runs[0]}']")
    page.mouse.down()
    answers.let_go(one_step_further)
    page.wait_for_timeout(500)
    page.mouse.up()
    page.wait_for_selector(f".cs-run-row[data-run='{runs[0]}'][aria-current=true]")
    page.wait_for_selector(f".cs-run-row[data-run='{runs[1]}'] >> text=10 / 20")  # asked again
