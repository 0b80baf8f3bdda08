"""Class images in a real browser: made, seen, handed over to Train; what a run left, copied and deleted."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from studio.runs.class_cache import kept
from tests.web.conftest import until

pytestmark = pytest.mark.browser


def test_made_seen_handed_over_copied_and_deleted(page: Any, served: Any) -> None:
    served.dataset("things", ["a zorp blob, red", None])
    page.reload()
    page.click(".cs-dataset:has-text('things')")
    page.wait_for_selector(".cs-caption-title:has-text('things')")
    page.click("button:has-text('Class images…')")
    dialog = page.locator("dialog.cs-class-images")
    dialog.wait_for()
    prompts = dialog.locator("textarea")
    assert prompts.input_value() == "a blob, red", "what a run on this dataset would generate"
    dialog.locator("select").select_option("tiny")
    dialog.locator("input[type=number]").fill("0")
    dialog.locator("button:has-text('Generate')").click()
    dialog.locator(".cs-notice >> text=at least 1").wait_for()
    prompts.fill("a blob\na cat")
    dialog.locator("input[type=number]").fill("4")
    assert dialog.locator("input[maxlength='60']").input_value() == "things-class"
    dialog.locator("button:has-text('Generate')").click()
    dialog.locator("text=4 of 4 class images are in the dataset “things-class”").wait_for()
    page.wait_for_selector(".cs-dataset[aria-current=true]:has-text('class images')")
    page.wait_for_selector(".cs-caption-cell img >> nth=3")
    texts = page.locator(".cs-caption-cell textarea").evaluate_all("all => all.map(t => t.value)")
    assert texts == ["a blob", "a cat", "a blob", "a cat"]

    folder = served.workspace.datasets / "things-class"
    cached = served.workspace.cache / "class" / "0123" / "abcd"
    shutil.copytree(folder, cached, ignore=shutil.ignore_patterns("*.t*"))
    dialog.locator("button:has-text('Close')").click()
    page.click("button:has-text('Class images…')")
    row = dialog.locator(".cs-kept li")
    row.locator("img >> nth=3").wait_for()
    assert "4 images" in row.inner_text() and "0123" in row.inner_text()
    row.locator("button:has-text('Make a dataset of them')").click()
    dialog.locator("text=in the dataset “class-a-blob”").wait_for()
    assert len(list((served.workspace.datasets / "class-a-blob").glob("*.txt"))) == 4
    row.locator("button:has-text('Delete')").click()
    until(lambda: not kept(served.workspace.cache))
    row.wait_for(state="detached")

    dialog.locator("button:has-text('Use in Train')").click()
    copy = served.workspace.datasets / "class-a-blob"
    page.wait_for_function(
        "path => document.querySelector('#cs-field-prior-folder textarea').value === path",
        arg=str(copy),
    )
    assert page.input_value("#cs-field-prior-images input") == "4"
    assert page.input_value("#cs-field-prior-weight input") != "0"
    page.wait_for_selector(".cs-form:not(.is-filling)")
    page.select_option("select[aria-label='Datasets of class images']", str(folder))
    page.wait_for_function(
        "() => document.querySelector('#cs-field-prior-prompts textarea').value === 'a blob\\na cat'"
    )
    assert page.input_value("#cs-field-prior-folder textarea") == str(folder)
