"""Starting a training in a real browser: what is wrong is said at its field and beside the button."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.browser
NAME = "#cs-field-name :is(textarea, input)"
TRIGGER = "#cs-field-data-trigger :is(textarea, input)"
STEPS = "#cs-field-train-steps input"
SEARCH = ".cs-tools input[type=search]"
ANSWER = ".cs-start-answer .cs-notice"
DATASET = "[aria-label=Dataset]"


@pytest.fixture(autouse=True)
def as_a_newcomer(served: Any) -> None:
    (served.workspace.cache / "train-form.json").unlink(missing_ok=True)


def opened(open_page: Any, served: Any, *names: str) -> Any:
    """The Train tab with datasets of these names, the first one chosen."""
    for name in names:
        if not (served.workspace.datasets / name).exists():
            served.dataset(name, ["a zorp blob", "a zorp blob in snow"])
    page = open_page("train")
    choose(page, names[0])
    page.select_option("[aria-label='Base model']", "tiny")
    page.wait_for_selector(".cs-form:not(.is-filling)")
    return page


def choose(page: Any, name: str) -> None:
    page.wait_for_selector(f"{DATASET} option:has-text('{name} ·')", state="attached")
    value = page.get_attribute(f"{DATASET} option:has-text('{name} ·')", "value")
    page.select_option(DATASET, value)
    page.wait_for_selector(".cs-form:not(.is-filling)")


def test_errors_stand_at_their_field_and_lead_there(open_page: Any, served: Any) -> None:
    page = opened(open_page, served, "errors")
    page.fill(STEPS, "0")
    page.wait_for_selector("#cs-field-train-steps .cs-field-error >> text=must be at least 1")
    assert page.get_attribute(STEPS, "aria-invalid") == "true"
    page.fill(".cs-tools input[type=search]", "guidance")
    page.fill("#cs-field-sample-guidance input", "99")
    page.wait_for_selector("#cs-field-sample-guidance .cs-field-error", state="attached")
    page.fill(".cs-tools input[type=search]", "")
    page.fill(STEPS, "3")
    page.wait_for_selector("#cs-field-train-steps .cs-field-error", state="detached")
    page.wait_for_selector("#cs-field-sample-guidance", state="hidden")
    page.click("#cs-train-start")
    page.wait_for_selector(f"{ANSWER} >> text=Nothing was started")
    page.wait_for_selector("#cs-field-sample-guidance input:focus")
    assert "should be" not in page.inner_text(ANSWER)
    page.fill("#cs-field-sample-guidance input", "4")
    page.click("#cs-train-start")
    page.wait_for_selector(f"{ANSWER} >> text=Training has started")
    page.wait_for_selector("#cs-train-start:has-text('Queue another')")


def test_name_and_trigger_follow_the_dataset(open_page: Any, served: Any) -> None:
    page = opened(open_page, served, "first", "second")
    draft = served.workspace.cache / "train-form.json"
    page.fill(NAME, "mine")
    page.fill(TRIGGER, "blorp")
    page.wait_for_selector(".cs-preflight >> text=The trigger word “blorp” is absent")
    choose(page, "second")
    page.wait_for_function(f"document.querySelector('{TRIGGER}').value === ''")
    assert page.input_value(NAME) == ""
    page.wait_for_selector(".cs-preflight dd:has-text('zorp')")
    choose(page, "first")
    page.wait_for_function(f"document.querySelector('{TRIGGER}').value === 'blorp'")
    assert page.input_value(NAME) == "mine"
    page.fill(TRIGGER, "")  # an emptied field is a change like any other
    page.wait_for_selector(".cs-preflight dd:has-text('zorp')")
    choose(page, "second")
    choose(page, "first")
    assert page.input_value(TRIGGER) == ""
    for field, typed, said in (
        ("options-lora-only", "nothing_like_it", "nothing_like_it"),
        ("prior-folder", "my-own", "class images have no effect"),
    ):  # of a text and of a folder, too
        page.fill(SEARCH, field.split("-")[-1])
        box = f"#cs-field-{field} :is(textarea, input)"
        page.fill(box, typed)
        page.wait_for_selector(f".cs-preflight >> text={said}")
        page.fill(box, "")
        page.wait_for_selector(f".cs-preflight >> text={said}", state="detached")
        assert typed not in draft.read_text("utf-8"), "the form is kept as it is"


def test_time_memory_and_disk_are_said_without_measuring(open_page: Any, served: Any) -> None:
    page = opened(open_page, served, "costs")
    for label in ("Time", "Memory", "Disk"):
        page.wait_for_selector(f".cs-preflight dt:text-is('{label}')")
    assert "about" in page.inner_text(".cs-preflight")


def test_what_a_dataset_does_not_say_is_asked_where_it_is_missed(
    open_page: Any, served: Any
) -> None:
    page = opened(open_page, served, "bare")
    (served.workspace.datasets / "bare" / "dataset.toml").unlink()
    for number in (1, 2):
        (served.workspace.datasets / "bare" / f"{number}.txt").unlink()
    page.fill(".cs-tools input[type=search]", "prior preservation")
    page.fill("#cs-field-prior-weight input", "1")
    page.wait_for_selector(".cs-preflight >> text=No class images are used")
    page.click(".cs-preflight li:has-text('No class images') .cs-link")
    page.wait_for_selector("form[aria-label='What the images show']", state="visible")
