"""Somebody goes on to something else while an answer is on its way, or a call fails: what belongs to the one
never ends up with the other, and nothing that was typed is lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.web.conftest import Served, save_image, until
from tests.web.test_caption_train import number, open_dataset
from tests.web.test_late_answers import Answers

pytestmark = pytest.mark.browser

DROPPED = """([name, selector]) => {
  const files = new DataTransfer();
  files.items.add(new File(['PK'], name, {type: 'application/zip'}));
  const card = document.querySelector(selector);
  for (const kind of ['dragover', 'drop'])
    card.dispatchEvent(new DragEvent(kind, {dataTransfer: files, bubbles: true, cancelable: true}));
}"""


def one_image(served: Served, name: str, seed: int) -> Path:
    """A dataset of an image that is called alike in all of them."""
    folder = served.workspace.datasets / name
    folder.mkdir()
    save_image(folder / "1.png", seed)
    (folder / "1.txt").write_text(name, encoding="utf-8")
    return folder


def test_images_stand_beside_their_own_captions(page: Any, served: Served) -> None:
    for name, seed in (("ours", 1), ("theirs", 2)):
        one_image(served, name, seed)
    page.reload()
    answers = Answers(page, "thumbnails")
    open_dataset(page, "theirs")
    right = page.locator(".cs-caption-cell img").first.get_attribute("src")
    answers.holding = True
    open_dataset(page, "ours")
    until(lambda: page.wait_for_timeout(50) or answers.held)
    answers.holding = False
    open_dataset(page, "theirs")
    page.wait_for_selector(".cs-caption-cell img")
    answers.let_go()
    page.wait_for_timeout(300)
    assert page.locator(".cs-caption-cell textarea").first.input_value() == "theirs"
    assert page.locator(".cs-caption-cell img").first.get_attribute("src") == right


def test_a_caption_that_was_refused_is_sent_again(page: Any, served: Served) -> None:
    folder = one_image(served, "offline", 3)
    page.reload()
    open_dataset(page, "offline")
    page.context.set_offline(True)
    page.locator(".cs-caption-cell textarea").first.fill("typed while away")
    page.wait_for_selector(".cs-caption-cell >> text=Not saved")
    page.context.set_offline(False)
    page.wait_for_selector(".cs-away", state="detached")
    until(lambda: (folder / "1.txt").read_text("utf-8").strip() == "typed while away")


def test_undo_is_about_the_dataset_that_was_changed(page: Any, served: Served) -> None:
    for name in ("edited", "untouched"):
        one_image(served, name, 4)
    page.reload()
    open_dataset(page, "edited")
    page.click("summary:has-text('Edit many at once')")
    page.fill(".cs-fold input[placeholder='photo of …']", "a")
    page.click("button:has-text('Change 1 caption')")
    undo = page.locator(".cs-fold button:has-text('Undo')")
    undo.wait_for()
    open_dataset(page, "untouched")
    undo.wait_for(state="hidden")


def test_a_preset_comes_though_a_field_is_empty(open_page: Callable[..., Any]) -> None:
    page = open_page("train")
    page.wait_for_selector(".cs-form:not(.is-filling)")
    number(page, "train-steps", "")
    page.click("[data-method=hypernetwork]")
    page.wait_for_selector("[data-method=hypernetwork][aria-checked=true]")
    page.wait_for_selector(".cs-form:not(.is-filling)", timeout=10_000)
    until(lambda: page.input_value("#cs-field-train-steps input"))


def test_a_form_that_could_not_be_filled_can_be_used_again(open_page: Callable[..., Any]) -> None:
    page = open_page("train")
    page.wait_for_selector(".cs-form:not(.is-filling)")

    def broken(route: Any) -> None:
        body = route.request.post_data_json or {}
        if any(isinstance(one, dict) and one.get("preset") for one in body.get("data", [])):
            body["data"] = [{**one, "preset": "no such preset"} if isinstance(one, dict) and "preset" in one
                            else one for one in body["data"]]  # fmt: skip
            route.continue_(post_data=json.dumps(body))
        else:
            route.continue_()

    page.route("**/queue/join*", broken)
    page.click("[data-method=textual-inversion]")
    page.wait_for_selector(".cs-notice[data-kind=error]")
    page.wait_for_selector(".cs-form:not(.is-filling)", timeout=10_000)


def test_budgets_are_chosen_by_arrow_keys(open_page: Callable[..., Any]) -> None:
    page = open_page("compare")
    page.click("[data-mode=shootout]")
    chosen = page.locator(".so-budget[aria-checked=true]")
    chosen.focus()
    before = chosen.get_attribute("data-budget")
    page.keyboard.press("ArrowDown")
    until(lambda: chosen.get_attribute("data-budget") != before)
    assert chosen.evaluate("node => node === document.activeElement")


def test_a_zip_that_is_dropped_on_its_card_is_no_adapter(open_page: Callable[..., Any]) -> None:
    page = open_page("compare")
    page.click("[data-mode=shootout]")
    sent: list[str] = []

    def asked(request: Any) -> None:
        if "/component_server" in request.url:
            sent.append(str((request.post_data_json or {}).get("fn_name")))

    page.on("request", asked)
    page.evaluate(DROPPED, ["some.zip", ".cm-past"])
    page.wait_for_selector(".cs-notice[data-kind=error]")
    assert "take_file" not in sent
    assert page.get_attribute(".cmp-layout", "data-mode") == "shootout"


def test_a_menu_closes_by_its_button(open_page: Callable[..., Any], served: Served) -> None:
    page = open_page("compare")
    page.click("[data-mode=columns]")
    page.wait_for_selector(".co-add svg")
    page.click(".co-add")
    page.locator(".co-sources button").first.click()
    page.keyboard.press("Escape")
    button = page.locator(".co-card [aria-haspopup=menu]").first
    button.click()
    menu = page.locator(".cs-menu:popover-open")
    menu.wait_for()
    assert button.get_attribute("aria-expanded") == "true"
    button.click()
    menu.wait_for(state="hidden")
