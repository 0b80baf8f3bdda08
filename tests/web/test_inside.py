"""“What is in this file”: opened from a card, read, and left by key, button or a click beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.web.conftest import Served

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore")]

HOSTILE = "<img src=x onerror=window.hit=1>"
MENU = "What can be done with this card"


@pytest.fixture(scope="module")
def lora(served: Served) -> Path:
    """A LoRA with several blocks and metadata that other trainers write."""
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    from studio.families.loading import load_base
    from tests.tiny import write_tiny_lora

    base = load_base(served.workspace.bases / "tiny", "cpu")
    path = write_tiny_lora(served.workspace.adapters / "korvu.safetensors", base, seed=1)
    with safe_open(path, "pt") as file:
        metadata = dict(file.metadata() or {})
    more = {"ss_learning_rate": "0.0001", "note": HOSTILE}
    save_file(load_file(path), path, metadata | more)
    return path


def open_inside(open_page: Any, lora: Path) -> tuple[Any, Any]:
    """The page with the dialog, reached by keys alone."""
    page = open_page("generate")
    page.click("#cs-generate-base input")
    page.get_by_role("option", name="tiny · ").first.click()
    row = page.locator("#cs-library-generate .sh-row", has_text=lora.stem).first
    row.wait_for()
    if not page.locator(".st-card", has_text=lora.stem).count():
        row.get_by_role("button", name="to the stack").click()
    card = page.locator(".st-card", has_text=lora.stem)
    card.get_by_role("button", name=MENU).focus()
    page.keyboard.press("Enter")
    page.get_by_role("menuitem", name="What is in this file").wait_for()
    page.keyboard.press("Enter")  # the first entry has the focus
    dialog = page.get_by_role("dialog", name=f"What is in {lora.stem}")
    dialog.locator(".si-blocks").wait_for()
    return page, dialog


def focused(page: Any) -> str:
    return str(page.evaluate("document.activeElement?.getAttribute('aria-label') || ''"))


def facts(dialog: Any) -> dict[str, str]:
    terms = dialog.locator("> .cs-facts dt").all_inner_texts()
    return dict(zip(terms, dialog.locator("> .cs-facts dd").all_inner_texts(), strict=True))


def test_what_a_lora_contains_is_read_out_of_it(open_page: Any, lora: Path) -> None:
    page, dialog = open_inside(open_page, lora)
    assert dialog.locator("h3").inner_text() == lora.stem
    said = facts(dialog)
    assert said["Kind"] == "lora"
    assert int(said["Parameters"].replace(",", "")) > 1000
    heads = dialog.locator(".si-blocks thead th").all_inner_texts()
    assert [head.lower() for head in heads] == ["block", "rank", "layers", "norm"]
    rows = [row.locator("td").all_inner_texts() for row in dialog.locator("tbody tr").all()]
    assert len(rows) > 1
    assert len({block for block, *_ in rows}) == len(rows)
    for _, rank, layers, norm in rows:
        assert int(rank) > 0 and int(layers) > 0 and float(norm) >= 0
    shares = dialog.locator(".si-bar").evaluate_all(
        "bars => bars.map((bar) => Number(bar.style.getPropertyValue('--share')))"
    )
    assert max(shares) == 1 and min(shares) >= 0

    training = dialog.locator("details", has_text="Training")
    training.locator("summary").click()
    assert training.locator("dt", has_text="learning rate").count() == 1
    others = dialog.locator("details", has_text="Other metadata")
    others.locator("summary").click()
    assert others.locator("dd", has_text=HOSTILE).count() == 1  # as text
    assert page.evaluate("window.hit") is None
    dialog.locator("details", has_text="Hashes").locator("summary").wait_for()


def test_it_is_left_by_escape_by_its_button_and_by_a_click_beside_it(
    open_page: Any, lora: Path
) -> None:
    page, dialog = open_inside(open_page, lora)
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('dialog.si').contains(document.activeElement)")
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    assert focused(page) == MENU, "the focus is back where it was"

    page.keyboard.press("Enter")
    page.get_by_role("menuitem", name="What is in this file").click()
    dialog.locator(".si-blocks").wait_for()
    dialog.get_by_role("button", name="Close (Esc)").focus()
    page.keyboard.press("Enter")
    dialog.wait_for(state="detached")
    assert focused(page) == MENU

    page.keyboard.press("Enter")
    page.get_by_role("menuitem", name="What is in this file").click()
    dialog.locator(".si-blocks").wait_for()
    page.mouse.click(5, 5)
    dialog.wait_for(state="detached")


def test_a_file_that_went_away_says_so_in_the_dialog(open_page: Any, lora: Path) -> None:
    page = open_page("generate")
    page.click("#cs-generate-base input")
    page.get_by_role("option", name="tiny · ").first.click()
    page.locator("#cs-library-generate .sh-row", has_text=lora.stem).first.get_by_role(
        "button", name="to the stack"
    ).click()
    card = page.locator(".st-card", has_text=lora.stem)
    card.get_by_role("button", name=MENU).wait_for()
    away = lora.rename(lora.with_suffix(".away"))
    try:
        card.get_by_role("button", name=MENU).click()
        page.get_by_role("menuitem", name="What is in this file").click()
        dialog = page.locator("dialog.si")
        dialog.locator(".cs-notice[data-kind=error]").wait_for()
        page.keyboard.press("Escape")
        dialog.wait_for(state="detached")
    finally:
        away.rename(lora)
