"""The page is for everybody: texts can be read in both themes, and the keyboard alone reaches all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from studio.library import presets
from tests.web.test_caption_train import open_dataset, until
from tests.web.test_runs import values

pytestmark = pytest.mark.browser

HERE = Path(__file__).parent
CONTRAST = (HERE / "contrast.js").read_text(encoding="utf-8")
KEYBOARD = (HERE / "keyboard.js").read_text(encoding="utf-8")
TABS = {
    "caption": ".cs-caption-cell img",
    "train": ".cs-run-head .cs-badge",
    "generate": ".sh-row",
    "compare": ".co-card",
}


@pytest.fixture(scope="module")
def furnished(served: Any) -> Any:
    """A studio with a dataset, and a run that has ended."""
    folder = served.dataset("everybody", ["a zorp blob", None])
    config = presets.config_from(None, values(folder, "ended", steps=1))
    served.studio.runs.wait(served.studio.runs.start(config))
    return served


def opened(open_page: Any, tab: str, theme: str) -> Any:
    page = open_page(path=f"/?__theme={theme}")
    page.emulate_media(reduced_motion="reduce")
    open_dataset(page, "everybody")
    if tab != "caption":
        page.click(f"#cs-tab-{tab}-button")
    page.wait_for_selector(TABS[tab])
    page.wait_for_function("document.fonts.ready.then(() => true)")
    page.wait_for_timeout(1500)  # what is asked once the tab is open
    return page


@pytest.mark.parametrize("theme", ["dark", pytest.param("light", marks=pytest.mark.slow)])
@pytest.mark.parametrize("tab", TABS)
def test_every_text_has_the_contrast_it_needs(
    open_page: Any, furnished: Any, tab: str, theme: str
) -> None:
    page = opened(open_page, tab, theme)
    assert page.evaluate(CONTRAST) == []


@pytest.mark.parametrize("tab", TABS)
def test_the_keyboard_reaches_everything_and_shows_where_it_is(
    open_page: Any, furnished: Any, tab: str
) -> None:
    page = opened(open_page, tab, "light")
    page.evaluate(KEYBOARD)
    for _ in range(400):
        page.keyboard.press("Tab")
        if not page.evaluate("walk()"):
            break
    else:
        raise AssertionError("the Tab key goes round in no circle")
    assert page.evaluate("walk.problems") == []
    assert page.evaluate("walk.unreached()") == []


def test_the_menu_of_columns_is_in_front_of_everything(open_page: Any, furnished: Any) -> None:
    page = opened(open_page, "compare", "light")
    page.click(".co-add")
    page.wait_for_selector(".co-source")
    behind = page.evaluate(
        """() => {
          const {left, right, top, bottom} = document.querySelector('.co-menu').getBoundingClientRect();
          const found = [];
          for (let x = left + 4; x < right - 4; x += 16)
            for (let y = top + 4; y < Math.min(bottom, innerHeight) - 4; y += 8)
              if (!document.elementFromPoint(x, y).closest('.co-menu'))
                found.push([x, y, document.elementFromPoint(x, y).outerHTML.slice(0, 120)]);
          return found;
        }"""
    )
    assert behind == []


def test_the_form_is_a_sheet_beside_the_run(open_page: Any, furnished: Any) -> None:
    page = opened(open_page, "train", "light")
    page.click("button:has-text('Unfold all')")
    form = page.locator(".train-layout > :first-child")
    until(lambda: form.evaluate("node => node.scrollHeight > 2 * node.clientHeight"))
    run = page.locator(".cs-run-head").bounding_box()
    form.hover()
    page.mouse.wheel(0, 900)
    until(lambda: form.evaluate("node => node.scrollTop > 500"))
    assert page.locator(".cs-run-head").bounding_box() == run, "the run went away with the form"
    assert page.locator("#cs-train-start").bounding_box()["y"] < 900
    assert form.evaluate("node => node.scrollHeight") < 6200


def test_on_a_phone_the_run_that_goes_on_comes_first(open_page: Any, furnished: Any) -> None:
    page = opened(open_page, "train", "light")
    page.set_viewport_size({"width": 390, "height": 844})
    form, run = page.locator(".cs-pick"), page.locator(".cs-run-head")
    assert form.bounding_box()["y"] < run.bounding_box()["y"]
    folder = furnished.workspace.datasets / "everybody"
    furnished.studio.runs.start(presets.config_from(None, values(folder, "going on")))
    page.wait_for_selector(".cs-run-now:has-text('going on')")
    page.click(".cs-run-now")
    page.wait_for_selector(".cs-run-head .cs-badge[data-state=running]")
    assert run.bounding_box()["y"] < form.bounding_box()["y"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
