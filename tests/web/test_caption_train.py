"""A person's walk through the Caption and Train tabs, in a real browser on the real page."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.web.conftest import TIMEOUT, until

pytestmark = pytest.mark.browser
EVIL = "a ${alert(1)} <img src=x onerror=alert(2)> {{value}}"


def open_dataset(page: Any, name: str) -> None:
    page.click(f".cs-dataset:has-text('{name}')")
    page.wait_for_selector(f".cs-caption-title:has-text('{name}')")


def steps_plotted(page: Any) -> int:
    """How many steps the plot shows, as it tells a screen reader."""
    label = page.get_attribute(".cs-plot canvas", "aria-label")
    found = re.search(r"over (\d+) steps", label)
    return int(found[1]) if found else 0


def sample_columns(page: Any) -> int:
    return int(page.locator(".cs-samples-row:first-child .cs-samples-step").count())


def state(page: Any) -> str:
    return str(page.get_attribute(".cs-run-head .cs-badge", "data-state"))


def wait_state(page: Any, *states: str) -> None:
    selector = ", ".join(f".cs-run-head .cs-badge[data-state={name}]" for name in states)
    page.wait_for_selector(selector, timeout=2 * TIMEOUT)


def choose(page: Any, dataset: Path, base: str = "tiny") -> None:
    """Picks dataset and base in the Train tab."""
    page.wait_for_selector(
        f"select[aria-label=Dataset] option[value='{dataset}']", state="attached"
    )
    page.select_option("select[aria-label=Dataset]", value=str(dataset))
    page.select_option("select[aria-label='Base model']", value=base)
    page.wait_for_selector(".cs-preflight dl")
    number(page, "data-resolution", 32)  # the family's preset is for bases of another size


def number(page: Any, key: str, value: object) -> None:
    page.wait_for_selector(".cs-form:not(.is-filling)")  # as the fields themselves do
    page.fill(f"#cs-field-{key} :is(input, textarea)", str(value))


def test_captions_are_shown_edited_and_kept(page: Any, served: Any) -> None:
    folder = served.dataset("words", ["a round thing", EVIL, None])
    (folder / "4.png").write_bytes(b"\x89PNG\r\n\x1a\nnot an image")
    page.reload()
    open_dataset(page, "words")
    page.wait_for_selector(".cs-caption-cell img >> nth=2")
    texts = page.locator(".cs-caption-cell textarea")
    assert texts.nth(1).input_value() == EVIL
    assert page.locator(".cs-caption-broken").inner_text().startswith("Left out")
    assert "2 of 3 captioned" in page.inner_text(".cs-caption-head")
    texts.nth(2).fill("typed by hand")
    until(lambda: (folder / "3.txt").is_file())
    assert (folder / "3.txt").read_text().strip() == "typed by hand"
    page.wait_for_selector(".cs-caption-head >> text=3 of 3 captioned")
    page.reload()
    page.wait_for_selector(".cs-caption-title:has-text('words')")
    page.wait_for_function(
        "[...document.querySelectorAll('.cs-caption-cell textarea')]"
        ".some((area) => area.value === 'typed by hand')"
    )


def test_the_captioner_describes_what_has_no_caption(page: Any, served: Any, starter: Path) -> None:
    sample = next((starter.parent / "datasets").iterdir())
    folder = served.workspace.datasets / "described"
    folder.mkdir()
    for image in sorted(sample.glob("*.png"))[:3]:
        shutil.copy(image, folder / image.name)
    (folder / "0001.txt").write_text("my own words")
    page.reload()
    open_dataset(page, "described")
    page.fill("input[aria-label='Text in front of every caption']", "seen:")
    page.click("button:has-text('Describe images')")
    page.wait_for_selector(".cs-notice >> text=2 captions written")
    assert (folder / "0001.txt").read_text() == "my own words"
    assert (folder / "0002.txt").read_text().startswith("seen:, a")
    page.wait_for_selector(".cs-caption-head >> text=3 of 3 captioned")


def test_replacing_captions_asks_and_one_click_brings_them_back(
    open_page: Any, served: Any, starter: Path
) -> None:
    samples = sorted(next((starter.parent / "datasets").iterdir()).glob("*.png"))[:3]
    folder = served.dataset("replaced", [f"right {k}" for k in range(4)])
    for number, sample in enumerate(samples, 1):
        shutil.copy(sample, folder / f"{number}.png")
    Image.new("RGB", (64, 64), (216, 44, 22)).save(folder / "4.png")  # words fail the starter here

    def captions() -> list[str]:
        return [(folder / f"{k}.txt").read_text().strip() for k in range(1, 5)]

    page, asked = open_page(answers=[False, True]), []
    page.on("dialog", lambda dialog: asked.append(dialog.message))
    open_dataset(page, "replaced")
    page.select_option("select[aria-label='Which images']", "all")
    page.click("button:has-text('Describe images')")
    until(lambda: page.evaluate("1") and asked)  # the browser is heard while it is asked
    assert "Replace 4 captions?" in asked[0] and captions() == [f"right {k}" for k in range(4)]
    page.click("button:has-text('Describe images')")
    outcome = page.wait_for_selector(".cs-notice >> text=3 captions written, 1 needs a look")
    assert outcome and captions()[3] == "right 3" and "right" not in "".join(captions()[:3])
    page.wait_for_selector(".cs-caption-cell.is-look >> text=Needs a look")
    page.click(".cs-segment:has-text('Needs a look')")
    assert page.locator(".cs-caption-name").all_inner_texts() == ["4.png"]
    page.close()

    page = open_page()  # as after a restart: nothing is known but what lies in the workspace
    open_dataset(page, "replaced")
    page.wait_for_selector(".cs-caption-head >> text=1 to look at")
    page.click("button:has-text('Bring the earlier captions back')")
    page.wait_for_selector("#cs-notices >> text=3 captions are back as they were")
    assert captions() == [f"right {k}" for k in range(4)]
    page.wait_for_selector("button:has-text('Bring the earlier captions back')", state="hidden")


def test_a_sample_is_copied_before_it_is_changed(page: Any, served: Any, starter: Path) -> None:
    page.wait_for_selector(".cs-dataset:has-text('sample')")
    name = page.inner_text(".cs-dataset:has-text('sample') b >> nth=0")
    page.click(".cs-dataset:has-text('sample') >> nth=0")
    page.wait_for_selector(".cs-caption-cell textarea[readonly] >> nth=0")
    page.click("button:has-text('Make my own copy')")
    page.wait_for_selector(".cs-caption-cell textarea:not([readonly]) >> nth=0")
    copy = served.workspace.datasets / name
    page.locator(".cs-caption-cell textarea").nth(0).fill("mine now")
    until(lambda: any(f.read_text().strip() == "mine now" for f in copy.glob("*.txt")))
    assert (copy / "held_out").is_dir()


def test_many_captions_change_at_once_and_back(page: Any, served: Any) -> None:
    folder = served.dataset("bulk", ["a blob, round", "a blob, round", "a blob, flat"])
    page.reload()
    open_dataset(page, "bulk")
    page.click("summary:has-text('Edit many at once')")
    page.select_option("select[aria-label='Add an edit']", "remove")
    page.fill(".cs-fold input[placeholder='tag, another tag']", "round")
    page.click("button:has-text('Change 2 captions')")
    until(lambda: (folder / "1.txt").read_text().strip() == "a blob")
    assert (folder / "3.txt").read_text().strip() == "a blob, flat"
    page.click(".cs-fold button:has-text('Undo')")
    until(lambda: (folder / "1.txt").read_text().strip() == "a blob, round")


def test_images_from_the_desktop_become_a_dataset(page: Any, served: Any, tmp_path: Path) -> None:
    from PIL import Image

    files = []
    for name in ("10.png", "2.png"):
        Image.new("RGB", (24, 24), "teal").save(tmp_path / name)
        files.append(str(tmp_path / name))
    page.wait_for_selector(".cs-empty >> text=Start with a few images")
    page.set_input_files("input[aria-label='Images to add']", files)
    page.wait_for_selector(".cs-caption-title:has-text('my-images')")
    assert page.locator(".cs-caption-name").all_inner_texts() == ["2.png", "10.png"]


def test_a_folder_without_images_says_so(page: Any, tmp_path: Path) -> None:
    page.fill("input[aria-label='Folder on this machine']", str(tmp_path))
    page.click(".cs-path button")
    notice = page.wait_for_selector("#cs-notices .cs-notice")
    assert "There are no images in this folder" in notice.inner_text()
    assert "Put the images directly into the folder" in notice.inner_text()


def test_a_run_is_watched_reloaded_paused_and_stopped(open_page: Any, served: Any) -> None:
    folder = served.dataset("trainable", [f"a zorp blob, number {n}" for n in range(6)])
    page = open_page("train")
    choose(page, folder)
    number(page, "train-steps", 5000)
    number(page, "sample-every", 10)
    page.fill("#cs-field-sample-prompts textarea", "a zorp blob")
    page.locator("#cs-field-name input, #cs-field-name textarea").press_sequentially("watched")
    page.click("#cs-train-start")
    wait_state(page, "running")
    assert page.inner_text(".cs-run-name") == "watched"
    page.wait_for_function("document.querySelectorAll('.cs-sample img').length >= 2")
    assert page.inner_text(".cs-samples-step >> nth=0") == "before"
    early = until(lambda: steps_plotted(page))
    until(lambda: steps_plotted(page) > early)
    columns = sample_columns(page)
    page.wait_for_function(
        f"document.querySelectorAll('.cs-samples-row:first-child .cs-samples-step').length > {columns}"
    )

    page.reload()
    page.click("#cs-tab-train-button")
    wait_state(page, "running")
    until(lambda: steps_plotted(page) > early)
    assert sample_columns(page) > columns
    page.wait_for_selector(".cs-form:not(.is-filling)")
    assert page.input_value("#cs-field-train-steps input") == "5000", "the form was lost"

    page.click(".cs-run-head button:has-text('Pause')")
    wait_state(page, "paused")
    other = open_page("train")
    wait_state(other, "paused")
    until(lambda: steps_plotted(other) == steps_plotted(page) > 0)
    assert other.inner_text(".cs-run-name") == "watched"
    assert sample_columns(other) == sample_columns(page)
    other.click(".cs-run-head button:has-text('Continue')")
    wait_state(page, "running")

    page.click(".cs-run-head button:has-text('Stop')")
    wait_state(page, "stopped")
    wait_state(other, "stopped")
    assert "watched" in page.inner_text(".cs-run-head .cs-notice")
    assert list(served.workspace.adapters.glob("watched*.safetensors"))
    page.click("button:has-text('Try it in Generate')")
    page.wait_for_selector("#cs-tab-generate-button[aria-selected=true]")
    page.wait_for_selector("#cs-stack-generate >> text=watched")


def test_a_wrong_setting_is_named_before_start(open_page: Any, served: Any) -> None:
    folder = served.dataset("refused", ["a zorp blob"] * 2)
    page = open_page("train")
    choose(page, folder)
    number(page, "train-steps", 0)
    notice = page.wait_for_selector(".cs-preflight .cs-notice[data-kind=error]")
    assert "Train steps" in notice.inner_text()
    before = len(served.studio.runs.all())
    page.click("#cs-train-start")
    page.wait_for_selector(".cs-start-answer >> text=Train steps")
    assert len(served.studio.runs.all()) == before
