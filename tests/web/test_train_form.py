"""Choosing a method and finding one's way in the settings, in a real browser on the real page."""

from __future__ import annotations

from typing import Any

import pytest

from studio.library import presets
from studio.methods import METHODS
from tests.web.conftest import throttle

pytestmark = pytest.mark.browser
SEARCH = ".cs-tools input[type=search]"


@pytest.fixture(autouse=True)
def as_a_newcomer(served: Any) -> None:
    """Every test finds the form as it is at first, not as the test before left it."""
    (served.workspace.cache / "train-form.json").unlink(missing_ok=True)


def chosen(page: Any) -> str:
    return str(page.get_attribute(".cs-method[aria-checked=true]", "data-method"))


def visible(page: Any, key: str) -> None:
    page.wait_for_selector(f"#cs-field-{key}", state="visible")


def hidden(page: Any, key: str) -> None:
    page.wait_for_selector(f"#cs-field-{key}", state="hidden")


def changed(page: Any, key: str, value: bool) -> None:
    page.wait_for_selector(
        f"#cs-field-{key}{'[data-changed=yes]' if value else ':not([data-changed])'}",
        state="attached",
    )


def test_methods_are_chosen_by_keys_and_say_what_they_cost(open_page: Any, served: Any) -> None:
    page = open_page("train")
    page.wait_for_selector(".cs-method")
    cards = page.locator("[role=radiogroup] .cs-method[role=radio]")
    assert cards.count() == len(METHODS)
    assert page.locator(".cs-method svg .taught").count() == len(METHODS)
    assert "Not measured here yet" in cards.nth(0).inner_text()
    names = [cards.nth(k).get_attribute("data-method") for k in range(cards.count())]
    page.focus(".cs-method[aria-checked=true]")
    page.keyboard.press("ArrowDown")
    after = names[(names.index("lora") + 1) % len(names)]
    page.wait_for_selector(f".cs-method[data-method={after}][aria-checked=true]:focus")
    page.keyboard.press("ArrowUp")
    page.wait_for_selector(".cs-method[data-method=lora][aria-checked=true]:focus")
    assert page.locator(".cs-method[tabindex='0']").count() == 1, "one stop for the Tab key"
    visible(page, "options-lora-rank")  # the form has followed


def test_a_method_that_does_not_fit_the_base_says_why(
    open_page: Any, served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    reason = "It cannot be used <b>here</b>."
    method = METHODS["hypernetwork"]
    monkeypatch.setattr(method, "unsupported", lambda family: reason if family else None)
    page = open_page("train")
    card = page.locator(".cs-method[data-method=hypernetwork]")
    card.wait_for()
    assert card.is_disabled()
    assert reason in card.inner_text()
    page.focus(".cs-method[aria-checked=true]")
    for _ in METHODS:
        page.keyboard.press("ArrowDown")
        page.wait_for_timeout(100)
        assert chosen(page) != "hypernetwork"


def test_a_search_looks_into_every_folded_group(open_page: Any, served: Any) -> None:
    page = open_page("train")
    visible(page, "train-steps")
    hidden(page, "sample-guidance")
    page.fill(SEARCH, "guidance")
    visible(page, "sample-guidance")
    hidden(page, "train-weight_decay")
    page.wait_for_selector(".cs-tools >> text=1 found")
    page.fill(SEARCH, "recompute activations")  # words of a help text
    visible(page, "train-gradient_checkpointing")
    page.fill(SEARCH, "weight_decay")  # a key
    visible(page, "train-weight_decay")
    page.fill(SEARCH, "nothing of the sort")
    page.wait_for_selector(".cs-tools >> text=No setting speaks of this")
    page.fill(SEARCH, "")
    hidden(page, "train-weight_decay")
    visible(page, "train-steps")
    page.click(".cs-tools .cs-fold-button")
    page.click(".cs-group .cs-fold-button:has-text('Training')")
    visible(page, "train-weight_decay")
    hidden(page, "sample-guidance")


def test_what_differs_from_the_preset_is_marked_and_goes_back(open_page: Any, served: Any) -> None:
    page = open_page("train")
    page.wait_for_selector(".cs-preflight")
    page.wait_for_selector(".cs-tools button:has-text('Reset all')", state="detached")
    before = page.input_value("#cs-field-train-steps input")
    assert before == str(presets.config_from("starter-lora").train.steps)
    page.fill("#cs-field-train-steps input", "77")
    page.fill("#cs-field-name textarea, #cs-field-name input", "mine")
    changed(page, "train-steps", True)
    changed(page, "name", False)
    changed(page, "train-batch_size", False)
    page.wait_for_selector(".cs-tools >> text=1 setting differs from the preset")
    page.click("#cs-field-train-steps .cs-reset")
    changed(page, "train-steps", False)
    assert page.input_value("#cs-field-train-steps input") == before
    assert page.input_value("#cs-field-name textarea, #cs-field-name input") == "mine"
    page.fill(SEARCH, "flip")
    page.click("#cs-field-data-flip input")
    changed(page, "data-flip", True)
    page.fill("#cs-field-train-batch_size input", "3")
    page.click("button:has-text('Reset all')")
    changed(page, "data-flip", False)
    changed(page, "train-batch_size", False)
    assert not page.is_checked("#cs-field-data-flip input")


def test_nothing_is_typed_under_a_preset_that_is_on_its_way(open_page: Any, served: Any) -> None:
    """On a slow network the preset would arrive after the typing, and overwrite it."""
    page = open_page("train")
    page.wait_for_selector(".cs-method")
    page.wait_for_selector(".cs-form:not(.is-filling)")
    throttle(page, 1, network=True)
    page.click(".cs-method[data-method=dreambooth]")
    waiting, start = page.evaluate(
        "[document.querySelectorAll('.cs-form [inert][aria-busy=true]').length,"
        " document.querySelector('.cs-form .cs-start').inert]"
    )
    assert waiting >= 2
    assert start, "Start waits as well"
    page.wait_for_selector(".cs-form:not(.is-filling)")
    page.fill("#cs-field-train-steps input", "4711")
    page.locator("#cs-field-train-steps input").blur()
    page.wait_for_selector("#cs-field-train-steps[data-changed=yes]", state="attached")
    assert page.input_value("#cs-field-train-steps input") == "4711"
    page.reload()
    page.click("#cs-tab-train-button")
    page.wait_for_selector(".cs-form:not(.is-filling)")
    assert page.input_value("#cs-field-train-steps input") == "4711"


def test_what_has_no_effect_is_hidden(open_page: Any, served: Any) -> None:
    page = open_page("train")
    visible(page, "train-steps")
    page.click(".cs-tools .cs-fold-button")
    page.click(".cs-group .cs-fold-button:has-text('Pictures')")
    visible(page, "data-shuffle_tags")
    hidden(page, "data-keep_tags")
    page.click("#cs-field-data-shuffle_tags input")
    visible(page, "data-keep_tags")
    page.click("#cs-field-data-shuffle_tags input")
    hidden(page, "data-keep_tags")
    page.fill(SEARCH, "tags at the front")
    visible(page, "data-keep_tags")  # a search finds it all the same


def test_only_the_chosen_methods_settings_are_shown(open_page: Any, served: Any) -> None:
    page = open_page("train")
    visible(page, "options-lora-rank")
    page.click(".cs-method[data-method=textual-inversion]")
    visible(page, "options-textual-inversion-vectors")
    hidden(page, "options-lora-rank")
    page.fill(SEARCH, "dropout")
    visible(page, "data-caption_dropout")
    hidden(page, "options-lora-dropout")
    page.click(".cs-method[data-method=lora]")
    visible(page, "options-lora-dropout")
