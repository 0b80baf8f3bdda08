"""What one part of the page hands to another arrives: once, in order, and however late that part is
made. Slow pages are made here on purpose: a throttled processor, a slow network, late frames."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from studio.ui import scripts
from tests.tiny import write_tiny_lora
from tests.web.conftest import throttle
from tests.web.test_caption_train import open_dataset, until

pytestmark = pytest.mark.browser

# What parts hand things over with, for code that runs in the page.
HANDOVER = (
    "const {hand, openTab, receive} = await import(new URL("
    f"{scripts.address('core/handover.js')!r}, document.baseURI));\n"
)
# Frames come two seconds late, as on a machine that is busy: what waits for one, waits long.
LATE_FRAMES = """
window.late = {asked: 0, shown: 0};
const frame = window.requestAnimationFrame.bind(window);
window.requestAnimationFrame = (draw) => { late.asked += 1; return setTimeout(() => frame((now) => { late.shown += 1; draw(now); }), 2000); };
"""
# All frames that were asked for until now have been shown.
CAUGHT_UP = "(() => { const asked = late.asked; return () => late.shown >= asked; })()"


@pytest.fixture(scope="module")
def adapters(served: Any) -> list[Path]:
    """Two adapter files for the tiny base."""
    from studio.families.loading import load_base

    base = load_base(served.workspace.bases / "tiny", "cpu")
    return [
        write_tiny_lora(served.workspace.adapters / f"{name}.safetensors", base, seed=seed)
        for seed, name in enumerate(("first", "second"))
    ]


@pytest.fixture
def late_page(browser: Any, served: Any) -> Any:
    """`late_page()` opens the page with late frames, a slow processor and a slow network."""
    contexts = []

    def opened() -> Any:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(180_000)
        page.add_init_script(LATE_FRAMES)
        throttle(page, 6, network=True)
        page.goto(served.url + "/?__theme=light")
        page.wait_for_selector(".cs-dataset")
        return page

    yield opened
    for context in contexts:
        context.close()


def caught_up(page: Any) -> None:
    """Waits until every frame that is wanted now has been shown."""
    page.evaluate("window.caughtUp = " + CAUGHT_UP)
    page.wait_for_function("caughtUp()")
    page.evaluate("window.caughtUp = " + CAUGHT_UP)  # what those frames asked for in turn
    page.wait_for_function("caughtUp()")


def cards(page: Any) -> list[str]:
    return [str(name) for name in page.locator("#cs-stack-generate .st-card b").all_inner_texts()]


def hand(page: Any, target: str, payload: Any) -> None:
    page.evaluate(
        "async ([target, payload]) => {" + HANDOVER + "void openTab(target, payload); }",
        [target, payload],
    )


def test_a_message_waits_for_its_taker_and_is_taken_once_and_in_order(page: Any) -> None:
    taken = page.evaluate(
        "async () => {"
        + HANDOVER
        + """
      const taken = [], answers = [];
      const sent = [1, 2, 3].map((n) => hand('late', n).then((answer) => answers.push(answer)));
      await new Promise((next) => setTimeout(next));
      if (answers.length) throw new Error('answered by nobody');
      receive('late', async (n) => {
        await new Promise((next) => setTimeout(next, 40 - 10 * n)); // the first takes longest
        taken.push(n);
        return n * 10;
      });
      sent.push(hand('late', 4).then((answer) => answers.push(answer)));
      await Promise.all(sent);
      const later = [];
      receive('late', (n) => { later.push(n); }); // made anew: nothing comes twice
      await hand('late', 5);
      return {taken, answers, later};
    }"""
    )
    assert taken == {"taken": [1, 2, 3, 4], "answers": [10, 20, 30, 40], "later": [5]}


def test_a_taker_that_fails_says_so_and_the_next_message_arrives(page: Any) -> None:
    taken = page.evaluate(
        "async () => {"
        + HANDOVER
        + """
      const taken = [];
      receive('broken', (n) => { if (n === 1) throw {parts: {what: 'It was not to be had'}}; taken.push(n); });
      await Promise.all([hand('broken', 1), hand('broken', 2)]);
      return taken;
    }"""
    )
    assert taken == [2]
    page.wait_for_selector("#cs-notices >> text=It was not to be had")


def test_a_message_that_nobody_takes_is_said_and_kept(page: Any) -> None:
    page.evaluate(
        "async () => {"
        + HANDOVER
        + """
      const real = window.setTimeout;
      window.setTimeout = (action, time) => real(action, Math.min(time, 10));
      window.kept = [];
      hand('nobody', 'kept');
      window.setTimeout = real;
    }"""
    )
    page.wait_for_selector("#cs-notices >> text=has not taken over yet")
    page.evaluate(
        "async () => {" + HANDOVER + "receive('nobody', (message) => { kept.push(message); }); }"
    )
    page.wait_for_selector("#cs-notices >> text=has not taken over yet", state="detached")
    assert page.evaluate("kept") == ["kept"]


@pytest.mark.slow
def test_try_it_in_generate_on_a_slow_page(late_page: Any, adapters: list[Path]) -> None:
    page = late_page()
    for path in adapters:
        hand(page, "generate", {"adapters": [str(path)], "base": "tiny"})
    page.wait_for_selector("#cs-stack-generate .st-card >> nth=1")
    caught_up(page)
    assert cards(page) == ["first", "second"], "what was handed over was lost again"
    page.wait_for_function(
        "document.querySelector('#cs-generate-base input').value.includes('tiny')"
    )


@pytest.mark.slow
def test_a_remembered_stack_comes_back_on_a_slow_page(late_page: Any, adapters: list[Path]) -> None:
    page = late_page()
    hand(page, "generate", {"adapters": [str(adapters[0])], "base": "tiny"})
    page.wait_for_selector("#cs-stack-generate .st-card")
    caught_up(page)
    page.reload()
    page.wait_for_selector(".cs-dataset", state="attached")
    page.wait_for_selector("#cs-stack-generate .st-card")
    caught_up(page)
    assert cards(page) == ["first"]


@pytest.mark.slow
def test_compare_on_a_slow_page(late_page: Any, adapters: list[Path]) -> None:
    page = late_page()
    for path in adapters:
        hand(page, "compare", {"adapters": [str(path)], "base": "tiny"})
    page.wait_for_selector(".co-card >> nth=2")
    caught_up(page)
    names = [box.input_value() for box in page.locator(".co-name").all()]
    assert names == ["Base", "first", "second"]


@pytest.mark.slow
def test_train_with_these_on_a_slow_page(late_page: Any, served: Any) -> None:
    folder = served.dataset("handed", ["a zorp blob"] * 2)
    page = late_page()
    open_dataset(page, "handed")
    page.click("button:has-text('Train with these')")
    chosen = "select[aria-label=Dataset]"
    page.wait_for_function(f"document.querySelector(`{chosen}`)?.value === {str(folder)!r}")
    caught_up(page)
    assert page.input_value(chosen) == str(folder)
    shutil.rmtree(folder)
    hand(page, "train", {"dataset": str(folder)})
    page.wait_for_selector("#cs-notices >> text=not in the list of datasets")


def test_of_several_lanes_the_marked_one_takes_it_and_that_is_said(
    open_page: Any, adapters: list[Path]
) -> None:
    page = open_page("generate")
    for _ in range(2):
        page.click("button:has-text('Add a lane')")
    page.wait_for_selector(".st-column >> nth=2")
    page.locator(".st-column").nth(1).locator("textarea, input").first.focus()
    page.wait_for_selector(".st-column:nth-child(2).is-current")
    page.click("#cs-tab-train-button")
    hand(page, "generate", {"adapters": [str(adapters[1])]})
    notice = page.wait_for_selector("#cs-notices .cs-notice")
    assert "is in Lane 2" in notice.inner_text() and "used last" in notice.inner_text()
    counts = [page.locator(".st-column").nth(k).locator(".st-card").count() for k in range(3)]
    assert counts == [0, 1, 0]


def test_generate_waits_for_the_answer_and_not_for_a_while(
    open_page: Any, served: Any, adapters: list[Path]
) -> None:
    """A refusal gives the button back when it arrives; until then nobody starts a second time."""
    page, answer, asked = open_page("generate"), threading.Event(), []
    page.wait_for_selector(".rb-go")

    def held(route: Any) -> None:
        asked.append(route)
        if answer.is_set():
            route.continue_()

    page.route("**/gradio_api/queue/join**", held)
    page.fill("#cs-field-generate-steps input", "100000")
    page.click("#cs-images .rb-go")
    page.wait_for_selector("#cs-images .rb-go[disabled]")
    until(lambda: page.evaluate("1") and asked)
    page.wait_for_timeout(3500)  # longer than the button used to wait
    assert page.is_disabled("#cs-images .rb-go") and len(asked) == 1
    answer.set()
    asked[0].continue_()
    page.locator("#cs-notices .cs-notice", has_text="Steps").wait_for()
    page.wait_for_function("!document.querySelector('#cs-images .rb-go').disabled")


def test_an_effect_that_is_refused_says_why_at_once(open_page: Any, adapters: list[Path]) -> None:
    page = open_page("generate")
    page.wait_for_selector("#cs-stack-generate .st-lanes")
    hand(page, "generate", {"adapters": [str(adapters[0])], "base": "tiny"})
    page.wait_for_selector("#cs-stack-generate .st-card")
    page.fill("#cs-field-generate-steps input", "100000")
    page.locator("#cs-stack-generate button.st-ask").click()
    page.wait_for_selector("#cs-notices >> text=Steps")
    page.wait_for_selector("#cs-stack-generate button.st-ask")
