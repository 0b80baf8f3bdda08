"""What the Generate tab offers around the prompt, in a real browser: tokens, history, wildcards,
styles, sizes, seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from studio.formats.images import read_parameters
from studio.infer import infotext
from tests.web.conftest import Served

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore")]

PROMPT = "#cs-generate-prompt textarea"


@pytest.fixture(autouse=True)
def wildcards(served: Served) -> None:
    (served.workspace.wildcards / "animal.txt").write_text("red cat\nred fox\n")


def generate_tab(open_page: Any) -> Any:
    page = open_page("generate")
    page.click("#cs-generate-base input")
    page.get_by_role("option", name="tiny · ").first.click()
    page.fill("#cs-field-generate-steps input", "2")
    page.fill("#cs-field-generate-count input", "1")
    return page


def generate(page: Any) -> None:
    page.locator("#cs-images .rb-go").click()
    page.locator("#cs-images .rb[data-state='finished']").wait_for()
    page.locator(".pg-results .pg-cell img").first.wait_for()


def newest(served: Served) -> Any:
    path = max(served.workspace.outputs.rglob("*.png"), key=lambda path: path.stat().st_mtime_ns)
    return infotext.parse(read_parameters(Path(path)) or "")


def test_prompts_are_counted_chosen_from_kept_and_found_again(
    open_page: Any, served: Served
) -> None:
    page = generate_tab(open_page)
    page.fill(PROMPT, "a cat, " * 40)
    page.locator(".pt-count.is-over", has_text="/ 1").wait_for()
    page.fill(PROMPT, "big")
    page.locator(".pt-count", has_text="/ 75 tokens").wait_for()
    page.get_by_role("button", name="Insert a wildcard").click()
    page.get_by_role("menuitem", name="animal").click()
    assert page.input_value(PROMPT) == "big, __animal__"
    page.locator(".pt-count", has_text="about").wait_for()
    page.fill("#cs-generate-negative textarea", "dog")
    generate(page)
    said = newest(served)
    assert said.prompt in ("big, red cat", "big, red fox")
    assert said.pairs["Template"] == "big, __animal__"

    page.fill(PROMPT, "something else")
    page.fill("#cs-generate-negative textarea", "")
    generate(page)
    page.get_by_role("button", name="History").click()
    page.locator(".pt-panel input:focus").wait_for()
    page.keyboard.type("animal")
    page.wait_for_function("document.querySelectorAll('.pt-pick').length === 1")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_function(f"document.querySelector('{PROMPT}').value === 'big, __animal__'")
    assert page.input_value("#cs-generate-negative textarea") == "dog"
    page.fill(PROMPT, "being written")
    page.locator(PROMPT).press("Alt+ArrowUp")
    page.wait_for_function(f"document.querySelector('{PROMPT}').value === 'something else'")
    page.locator(PROMPT).press("Alt+ArrowDown")
    page.wait_for_function(f"document.querySelector('{PROMPT}').value === 'being written'")


def test_a_style_is_kept_chosen_and_deleted(open_page: Any, served: Served) -> None:
    page = generate_tab(open_page)
    page.fill(PROMPT, "oil painting of {prompt}")
    page.get_by_text("Keep or delete a style").click()
    page.fill("#cs-style-name textarea, #cs-style-name input", "Oil")
    page.get_by_role("button", name="Keep as style").click()
    page.get_by_text("Kept as the style “Oil”").wait_for()
    page.click("#cs-field-generate-styles input")
    page.get_by_role("option", name="Oil").click()
    page.keyboard.press("Escape")
    page.fill(PROMPT, "a dog")
    generate(page)
    other = open_page("generate")  # what the form held is there again, also the style
    other.locator("#cs-field-generate-styles", has_text="Oil").wait_for()
    generate(other)
    other.close()
    assert newest(served).prompt == "oil painting of a dog"
    page.get_by_role("button", name="Delete chosen").click()
    page.get_by_text("trash folder").wait_for()
    assert not list(served.workspace.styles.glob("*.toml"))


def test_size_and_seed_are_chosen_with_a_click(open_page: Any, served: Served) -> None:
    page = generate_tab(open_page)
    page.fill(PROMPT, "a dog")
    width, height = (
        page.locator(f"#cs-field-generate-{side} input") for side in ("width", "height")
    )
    for side in (width, height):
        assert (side.input_value(), side.get_attribute("placeholder")) == ("", "32")
    page.click("#cs-generate-size input")
    page.get_by_role("option", name="landscape").first.click()
    page.wait_for_function("document.querySelector('#cs-field-generate-width input').value > 32")
    wide, high = width.input_value(), height.input_value()
    page.get_by_role("button", name="Swap").click()
    for side, now in (("height", wide), ("width", high)):
        page.wait_for_function(
            f"now => document.querySelector('#cs-field-generate-{side} input').value === now",
            arg=now,
        )
    page.click("#cs-generate-dice")
    seed = "document.querySelector('#cs-field-generate-seed input').value"
    page.wait_for_function(f"{seed} === '-1'")
    generate(page)
    said = newest(served)
    assert said.pairs["Size"] == f"{high}x{wide}" and int(said.pairs["Seed"]) > 1
    assert page.evaluate(seed) == "-1"
    page.click("#cs-generate-again")
    page.wait_for_function(f"{seed} === '{said.pairs['Seed']}'")
