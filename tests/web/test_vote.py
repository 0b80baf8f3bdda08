"""The blind vote in a real browser: by keyboard, by several people, and with nothing that tells columns."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest

from studio.app import Studio
from studio.compare.record import Comparison, replace_comparison
from studio.compare.vote.plan import plan
from studio.compare.vote.votes import VOTES_FILE, read_ballots
from studio.core.paths import Workspace
from studio.ui import app
from tests.voting import LABELS, compared
from tests.web.conftest import TIMEOUT, Served, until

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore")]
KEYS = ("ArrowLeft", "=", "ArrowRight", "b", "ArrowDown", "ArrowRight", "ArrowLeft")
CONTRAST = (Path(__file__).parent / "contrast.js").read_text(encoding="utf-8")
STREAMS = ("/queue/data", "/heartbeat/", "/upload_progress")
ANSWERED = "text => !document.querySelector('.vo-screen') || document.querySelector('.vo-far').textContent !== text"

HELD = """() => [document.documentElement.outerHTML,
  ...[...document.querySelectorAll('input, textarea, select')].map((one) => one.value)]"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A studio without any model: a vote needs none."""
    studio = Studio(Workspace(tmp_path_factory.mktemp("vote") / "workspace"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = app.serve(studio, port=port)
    yield Served(server.url, studio, studio.workspace, server)
    studio.close()
    server.close()


def link(served: Served, made: Comparison) -> str:
    return f"{served.url}/?__theme=light#compare/{made.id}/vote"


def begin(page: Any, name: str, question: str = "prefer") -> None:
    page.wait_for_selector(".vo-start")
    page.select_option(".vo-start select", question)
    page.fill(".vo-start input[required]", name)
    page.click(".vo-start button[type=submit]")


def ready(page: Any) -> None:
    page.wait_for_selector(
        ".vo-screen[open]:not(.is-busy) .vo-side:not(.is-empty) img[src^='data:']"
    )


def press(page: Any, key: str) -> None:
    before = page.text_content(".vo-far")
    page.keyboard.press(key)
    page.wait_for_function(ANSWERED, arg=before)


@pytest.fixture
def watched(open_page: Callable[..., Any]) -> tuple[Any, list[Any]]:
    """A browser tab, and every answer it gets from the first one on."""
    page = open_page().context.new_page()
    page.set_default_timeout(TIMEOUT)
    answers: list[Any] = []
    page.on("response", lambda answer: answers.append(answer))
    return page, answers


def told(page: Any, answers: list[Any]) -> str:
    """Everything a voter could look into: the page as it is now, addresses, headers, bodies."""
    found = [page.content(), page.evaluate("JSON.stringify([localStorage, sessionStorage])")]
    for answer in answers:
        found += [answer.url, json.dumps(answer.all_headers())]
        if not any(part in answer.url for part in STREAMS):
            found.append(answer.body().decode("utf-8", "replace"))
    return "\n".join(found)


def test_twenty_pairs_by_keyboard_and_nothing_tells_which_column_is_which(
    served: Served, watched: tuple[Any, list[Any]]
) -> None:
    page, answers = watched
    made = compared(served.workspace.comparisons, 3, 4, (1, 2), name="twenty")
    page.goto(link(served, made))
    begin(page, "Anna")
    ready(page)
    for key in islice(cycle(KEYS), 20):
        press(page, key)
    assert page.text_content(".vo-far") == "20 votes, 4 pairs left"
    assert page.evaluate(CONTRAST) == []
    seen = told(page, answers)
    assert made.prompts[0] in seen  # what a voter may see was looked at
    for label in LABELS:
        assert label not in seen and label.lower() not in seen
    said = told(
        page, [one for one in answers if "/scripts/" not in one.url]
    )  # code is the same for all
    for betrays in (
        "cells/",
        "c0-p",
        "c1-p",
        "comparison.json",
        '"column":',
        '"columns":[',
        "Lora:",
    ):
        assert betrays not in said, betrays
    asked = [answer for answer in answers if "component_server" in answer.url]
    found = [answer.json()["data"] for answer in asked]
    pairs = [data for data in found if isinstance(data, dict) and "token" in data]
    assert len(pairs) >= 20
    assert {tuple(sorted(one)) for one in pairs} == {("left", "prompt", "right", "token")}
    for answer in asked:
        assert not {"etag", "last-modified", "content-disposition"} & set(answer.all_headers())

    press(page, "Backspace")
    assert page.text_content(".vo-far") == "19 votes, 5 pairs left"
    press(page, "ArrowLeft")
    page.click(".vo-screen >> text=End")
    page.wait_for_selector(".vo-result")
    assert LABELS[0] in page.text_content(".vo-plot")
    assert page.evaluate(CONTRAST) == []
    ballot = read_ballots(made.folder).of("Anna", "prefer")
    assert ballot is not None and len(ballot.votes) == 20 and ballot.ended


def test_a_vote_that_begins_in_an_opened_comparison_leaves_no_name_on_the_page(
    served: Served, watched: tuple[Any, list[Any]]
) -> None:
    page, answers = watched
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    made = compared(served.workspace.comparisons, 2, 2, (1, 2), name="opened")
    form = {"base": "tiny", "prompts": ["a thing"], "columns": [{"name": n} for n in LABELS[:2]]}
    replace_comparison(made.changed(settings=form))
    page.goto(f"{served.url}/?__theme=light#compare/{made.id}")
    page.locator(".cm-cell .cm-image").first.wait_for()
    page.click(".cm-title >> text=Use these settings")
    page.wait_for_function("document.querySelectorAll('.co-name').length === 2")
    for part in ("measures", "report", "images", "vote"):  # what was looked at is still on the page
        page.click(f".cm-part[data-part={part}]")
        page.locator(
            f".cmp-part-{part} >> css=.mt > *, .rp > *, .cm-cell, .vo-start"
        ).first.wait_for()
    begin(page, "Dora")
    ready(page)
    answers.clear()
    for key in ("ArrowLeft", "=", "ArrowRight"):
        press(page, key)
    held = page.evaluate(HELD)
    page.keyboard.press("Escape")  # a pause: the names stay away
    page.wait_for_selector("text=You vote as Dora: 3 votes, 1 pair left.")
    seen = "\n".join([*held, *page.evaluate(HELD), told(page, answers)])
    assert made.prompts[0] in seen
    for betrays in ("cells/c", *LABELS[:2], *(label.lower() for label in LABELS[:2])):
        assert betrays not in seen, betrays
    page.click("text=Continue voting")
    ready(page)
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector(".vo-result")
    page.locator(".cm-title", has_text="opened").wait_for()  # all is back, as it was left
    assert page.locator(".co-name").first.input_value() == LABELS[0]
    assert page.locator(".cm-past").is_visible()
    page.click(".cm-part[data-part=images]")
    assert page.locator(".cm-cell .cm-image").first.is_visible()
    assert problems == []


def test_forms_that_load_late_are_whole_when_the_vote_is_left(
    served: Served, watched: tuple[Any, list[Any]]
) -> None:
    page, _ = watched
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    made = compared(served.workspace.comparisons, 2, name="late")
    late = re.compile(r"/(core/modes|compare/columns)\.js$")
    held: list[Any] = []
    page.route(late, lambda route: held.append(route))
    page.goto(link(served, made))
    page.wait_for_selector(".vo-start")
    until(lambda: page.wait_for_timeout(50) or len(held) >= 2)
    for route in held:
        route.continue_()
    page.wait_for_load_state("networkidle")
    page.click("text=Show the whole comparison")
    page.locator("#cs-compare-part-images >> visible=true").wait_for()
    page.locator(".cmp-layout[data-mode=columns] .cmp-mode-columns .co-add").wait_for()
    assert not page.locator(".cmp-mode-checkpoints").is_visible()
    assert problems == []


def test_the_vote_ends_by_itself_when_there_is_an_answer(
    served: Served, open_page: Callable[..., Any]
) -> None:
    made = compared(served.workspace.comparisons, 2, 3, (1, 2, 3, 4), name="clear")
    votes = served.studio.generation.votes
    votes.start(made.id, "Ben", "prefer")
    ballot = read_ballots(made.folder).of("Ben", "prefer")
    assert ballot is not None
    planned = plan(made, ballot.order)
    for shown in planned[:6]:
        votes.vote(made.id, "Ben", "prefer", shown.token, "left" if shown.left == 1 else "right")
    page = open_page("caption", f"/?__theme=dark#compare/{made.id}/vote", width=390)
    begin(page, "ben")
    page.click("text=That is me: go on")  # the name is taken: by this person
    ready(page)
    assert page.text_content(".vo-far") == "6 votes, 6 pairs left"
    assert page.evaluate(CONTRAST) == []
    assert page.evaluate("document.querySelector('.vo-screen').scrollWidth <= innerWidth")
    page.keyboard.press("ArrowLeft" if planned[6].left == 1 else "ArrowRight")
    page.wait_for_selector(".vo-result")
    assert f"{LABELS[1]} is better than {LABELS[0]}: preferred in 7 of 7." in page.text_content(
        ".vo-verdict"
    )
    assert page.evaluate(CONTRAST) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_pair_stays_on_the_screen_when_its_vote_is_not_taken(
    served: Served, open_page: Callable[..., Any]
) -> None:
    made = compared(served.workspace.comparisons, 2, name="deleted")
    page = open_page("caption", f"/?__theme=light#compare/{made.id}/vote")
    begin(page, "Cleo")
    ready(page)
    press(page, "=")
    page.keyboard.press("Escape")  # a pause: nothing is lost, no name is told
    page.wait_for_selector("text=You vote as Cleo: 1 vote, 5 pairs left.")
    assert LABELS[0] not in page.content()
    page.click("text=Continue voting")
    ready(page)
    before = page.get_attribute(".vo-side img", "src")
    trashed = served.studio.generation.comparisons.delete(made.id)
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector(".vo-told >> text=This comparison is not there any more")
    assert page.get_attribute(".vo-side img", "src") == before
    assert page.text_content(".vo-far") == "1 vote, 5 pairs left"
    trashed.rename(made.folder)
    press(page, "ArrowLeft")
    assert page.text_content(".vo-far") == "2 votes, 4 pairs left"
    assert len((Path(made.folder) / VOTES_FILE).read_text().split("\n")) == 4
    page.keyboard.press("Escape")
    page.click("text=Show the whole comparison")
    page.wait_for_selector("#cs-compare-part-images >> visible=true")
