"""The page over a workspace with names and texts that are no Unicode, in a real browser."""

from __future__ import annotations

from typing import Any

import pytest

from tests.odd_names import ODD, SHOWN, fill, save_image
from tests.web.test_caption_train import choose, open_dataset, until

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module", autouse=True)
def odd(served: Any) -> None:
    fill(served.workspace.root)
    for number in range(3):
        save_image(served.workspace.datasets / ODD / f"{number}.png", number)


def test_an_odd_dataset_opens_is_captioned_and_trained(page: Any, served: Any) -> None:
    folder = served.workspace.datasets / ODD
    page.reload()
    page.wait_for_selector(".cs-dataset:has-text('party')")
    open_dataset(page, SHOWN)
    page.wait_for_selector(".cs-caption-cell img >> nth=5")
    assert page.locator(".cs-caption-broken").count() == 0
    cell = page.locator(".cs-caption-cell textarea").last  # the odd one is the last in order
    assert cell.input_value() == "a zorp 2"
    cell.fill("typed by hand")
    until(lambda: (folder / f"{ODD}.txt").read_text().strip() == "typed by hand")
    page.click("#cs-tab-train-button")
    choose(page, f"{served.workspace.datasets}/{SHOWN}")  # type: ignore[arg-type]
    page.fill("#cs-field-train-steps input", "2")
    page.click("#cs-train-start")

    def states() -> dict[str, str]:
        return {run.name: run.state for run in served.studio.runs.all()}

    until(lambda: states().get(f"{SHOWN}-lora") in ("finished", "failed"))
    assert states()[f"{SHOWN}-lora"] == "finished"


def test_an_odd_adapter_is_in_the_library_and_on_the_stack(open_page: Any, served: Any) -> None:
    page = open_page("generate")
    page.wait_for_selector(f"#cs-library-generate .sh-list >> text={SHOWN}")
    assert page.locator("#cs-library-generate .sh-list >> text=good").count()
    row = page.locator(f"#cs-library-generate .sh-list li:has-text('{SHOWN}')")
    row.get_by_role("button", name="to the stack").first.click()
    page.wait_for_selector(f"#cs-stack-generate .st-lanes >> text={SHOWN}")
    page.click("#cs-tab-compare-button")
    page.wait_for_selector("#cs-tab-compare-button[aria-selected=true]")
