"""What was on the page is there again: after a reload, on the way back, in a second tab, and after the
studio was started anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from studio.library import presets
from tests.web.conftest import save_image
from tests.web.test_caption_train import until
from tests.web.test_runs import values

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def two_runs(served: Any) -> list[str]:
    """Ids of two finished runs."""
    folder = served.dataset("state", ["a zorp blob"] * 2)
    runs = served.studio.runs
    ids = [
        runs.start(presets.config_from(None, values(folder, name, steps=1)))
        for name in ("one", "two")
    ]
    for run in ids:
        runs.wait(run)
    return ids


def shown_run(page: Any) -> Any:
    row = page.locator(".cs-run-row[aria-current=true]")
    return row.get_attribute("data-run") if row.count() else None


def tab(page: Any) -> str:
    button = page.locator("[role=tab][aria-selected=true]").first
    return str(button.get_attribute("id")).removeprefix("cs-tab-").removesuffix("-button")


def test_tab_and_run_are_in_the_address(open_page: Any, two_runs: list[str]) -> None:
    page = open_page("train")
    one, two = two_runs
    page.click(f".cs-run-row[data-run='{one}']")
    until(lambda: page.url.endswith(f"#train/{one}"))
    page.click(f".cs-run-row[data-run='{two}']")
    until(lambda: page.url.endswith(f"#train/{two}"))
    page.click("#cs-tab-compare-button")
    until(lambda: page.url.endswith("#compare"))
    page.go_back()
    until(lambda: tab(page) == "train" and shown_run(page) == two)
    page.go_back()
    until(lambda: shown_run(page) == one)
    page.reload()
    until(lambda: tab(page) == "train" and shown_run(page) == one)
    assert page.url.endswith(f"#train/{one}")
    second = page.context.new_page()
    second.goto(page.url.partition("#")[0])
    until(lambda: tab(second) == "train" and shown_run(second) == one)
    second.goto(page.url.partition("#")[0] + f"#train/{two}")
    until(lambda: shown_run(second) == two)


# Gradio sometimes takes back a tab that is chosen while its own first choice is still under way.
TAKES_BACK = """() => {
  let clicks = 0;
  document.addEventListener('click', (event) => {
    if (event.isTrusted || !event.target.closest?.('[role=tab]') || ++clicks > 1) return;
    event.stopImmediatePropagation();
    const button = document.querySelector('#cs-tab-caption-button');
    setTimeout(() => button.setAttribute('aria-selected', button.getAttribute('aria-selected')), 20);
  }, true);
}"""


@pytest.mark.slow
def test_the_tab_of_the_address_opens_though_the_page_is_busy(
    open_page: Any, two_runs: list[str]
) -> None:
    page = open_page().context.new_page()
    page.add_init_script(f"({TAKES_BACK})()")
    page.goto(open_page().url.partition("#")[0] + f"#train/{two_runs[0]}")
    until(lambda: tab(page) == "train" and shown_run(page) == two_runs[0])
    page.click("#cs-tab-generate-button")  # who goes elsewhere is not brought back
    page.wait_for_timeout(500)
    assert tab(page) == "generate"


def test_an_address_with_a_run_that_is_gone_shows_another(
    open_page: Any, two_runs: list[str]
) -> None:
    page = open_page(path="/?__theme=light#train/20200101-000000-gone")
    until(lambda: shown_run(page) in two_runs)
    assert "gone" not in page.url


def kept(served: Any, name: str) -> Any:
    """A form's draft, as far as it has been written."""
    file = served.workspace.cache / f"{name}-form.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def test_what_generate_and_compare_were_left_with_is_there_again(
    open_page: Any, served: Any
) -> None:
    page = open_page("generate")
    page.fill("#cs-generate-prompt textarea", "a zorp {on|under} a hill")
    page.fill("#cs-generate-negative textarea", "fog")
    page.fill("#cs-field-generate-steps input", "7")
    page.keyboard.press("Tab")
    until(lambda: kept(served, "generate").get("steps") == 7)
    page.click("#cs-tab-compare-button")
    page.wait_for_selector(".co-card")
    page.fill("#cs-compare-prompts textarea", "one\ntwo")
    page.fill("#cs-compare-seeds input, #cs-compare-seeds textarea", "5, 6")
    page.fill(".co-name", "plain")
    page.keyboard.press("Tab")
    until(lambda: kept(served, "compare").get("columns", [{}])[0].get("name") == "plain")
    until(lambda: kept(served, "compare")["seeds"] == "5, 6")

    def check(page: Any) -> None:
        page.click("#cs-tab-generate-button")
        until(
            lambda: page.input_value("#cs-generate-prompt textarea") == "a zorp {on|under} a hill"
        )
        assert page.input_value("#cs-generate-negative textarea") == "fog"
        assert page.input_value("#cs-field-generate-steps input") == "7"
        page.click("#cs-tab-compare-button")
        until(lambda: page.input_value("#cs-compare-prompts textarea") == "one\ntwo")
        until(lambda: page.input_value(".co-name") == "plain")

    page.reload()
    check(page)
    check(open_page())  # another browser, as after a restart


def test_while_the_studio_is_away_one_banner_says_so_and_buttons_wait(
    open_page: Any, served: Any
) -> None:
    page = open_page("train")
    page.locator(".cs-run-row, .cs-runs-empty").filter(visible=True).first.wait_for()
    before = len(served.studio.runs.all())
    page.context.set_offline(True)
    page.wait_for_selector(".cs-away:has-text('Connection lost, retrying')")
    page.click("#cs-train-start")
    page.click("#cs-tab-compare-button")
    page.wait_for_timeout(2500)
    assert page.locator(".cs-away").count() == 1
    assert page.locator("#cs-notices .cs-notice, .toast-body:visible").count() == 0
    page.context.set_offline(False)
    page.wait_for_selector(".cs-away", state="detached")
    until(lambda: page.get_attribute(".cs-dot", "data-ready") != "no")
    assert len(served.studio.runs.all()) == before


def test_an_opened_folder_stays_on_the_list_while_it_is_away(
    open_page: Any, served: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "drive"
    folder.mkdir()
    save_image(folder / "1.png", 1)
    page = open_page()
    page.fill("input[aria-label='Folder on this machine']", str(folder))
    page.keyboard.press("Enter")
    page.wait_for_selector(".cs-caption-title:has-text('drive')")
    folder.rename(tmp_path / "away")
    page.reload()
    row = page.locator(".cs-dataset", has_text="drive")
    row.wait_for()
    assert row.is_disabled() and "not there now" in row.inner_text()
    page.click("button[aria-label^='Take drive off this list']")
    row.wait_for(state="detached")
    assert (tmp_path / "away" / "1.png").is_file()
