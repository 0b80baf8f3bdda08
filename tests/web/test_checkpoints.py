"""Which checkpoint, at what strength: from a finished run to the file that it becomes, in a real browser."""

from __future__ import annotations

from typing import Any

import pytest

from studio.library import presets
from tests.compare.tiny_clip import make_clip
from tests.web.conftest import save_image

pytestmark = pytest.mark.browser


def trained(served: Any) -> str:
    """A run with two checkpoints, and a dataset with held-out images."""
    make_clip(served.workspace.bases / "tiny" / "clip")
    folder = served.dataset("picked", ["a zorp blob"] * 2)
    held_out = folder / "held_out"
    held_out.mkdir()
    for number, place in enumerate(("sea", "moon", "hill", "roof")):
        save_image(held_out / f"{number}.png", 50 + number)
        (held_out / f"{number}.txt").write_text(f"a zorp blob by the {place}")
    values = {
        "name": "picked", "base": "tiny", "device": "cpu", "data": {"folder": str(folder)},
        "train": {"steps": 4, "batch_size": 1, "learning_rate": 0.05},
        "save": {"every": 2, "keep": 9}, "sample": {"every": 0, "steps": 2},
        "validation": {"every": 0},
    }  # fmt: skip
    run = str(served.studio.runs.start(presets.config_from(None, values)))
    assert served.studio.runs.wait(run).state == "finished"
    return run


def test_the_best_checkpoint_of_a_run_is_found_seen_and_used(open_page: Any, served: Any) -> None:
    run = trained(served)
    page = open_page("train")
    page.click(f".cs-run-row[data-run='{run}']")
    page.click("button:has-text('Find the best checkpoint')")
    page.wait_for_selector(f".ck-run input[value='{run}']:checked")
    page.fill(".ck-form [inputmode=decimal]", "0")
    page.wait_for_selector(".ck-cost [data-kind=error] >> text=at least one strength")
    page.fill(".ck-form [inputmode=decimal]", "0.5, 1")
    page.fill(".ck-form input[type=number]", "8")
    page.wait_for_selector(".ck-cost >> text=2 checkpoints × 2 strengths = 4 candidates, 4 prompts")
    assert "a zorp blob by the sea" in str(
        page.locator(".ck-form textarea").get_attribute("placeholder")
    )
    page.click(".ck-pick .rb-go")
    page.wait_for_selector(".ck-answer >> text=of the full grid")
    page.wait_for_selector(".ck-details")
    page.wait_for_function("document.querySelector('.ck-reason').textContent.match(/^(Step|None)/)")
    assert "/curves" in page.evaluate("location.hash")
    plot = page.locator(".ck-frame").first
    plot.focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".ck-readout").first.inner_text().startswith("step 2 · at 0.5: ")
    page.keyboard.press("End")
    assert page.locator(".ck-readout").first.inner_text().startswith("step 4 · ")
    page.click(".ck-details summary")
    assert page.locator(".ck-table tbody tr").count() == 4
    page.click("[aria-label='Use step 2 at 0.5 as the run’s file']")
    page.wait_for_selector("text=The file of “picked” is now that of step 2 with the strength 0.5")
    page.wait_for_selector(".ck-answer >> text=Written as the run’s file: step 2 at 0.5.")
    kept = {path.name for path in served.workspace.adapters.iterdir()}
    assert {"picked.safetensors", "picked-4.safetensors"} <= kept
    page.reload()
    page.wait_for_selector(".ck-answer >> text=Written as the run’s file")
    page.click("#cs-compare-part-images")
    page.wait_for_selector(".cm-view img")
