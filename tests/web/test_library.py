"""The library in a real browser: star, notes, names, folders, the trash, the run behind a file, and a
run's checkpoint as a file of the library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from studio.library import presets
from tests.tiny import write_tiny_lora
from tests.web.test_caption_train import until, wait_state

pytestmark = pytest.mark.browser
ROW = "#cs-library-generate .sh-row"


@pytest.fixture(scope="module")
def base(served: Any) -> Any:
    from studio.families.loading import load_base

    return load_base(served.workspace.bases / "tiny", "cpu")


@pytest.fixture
def lora(served: Any, base: Any) -> Any:
    """`lora(name)` → a new LoRA file of the tiny base, below `adapters/`."""
    made: list[Path] = []

    def write(name: str) -> Path:
        path = served.workspace.adapters / f"{name}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        made.append(write_tiny_lora(path, base, seed=len(list(path.parent.iterdir()))))
        return path

    yield write
    for path in served.workspace.adapters.rglob("*"):
        if path.is_file():
            path.unlink()


def row(page: Any, text: str) -> Any:
    """The row of an entry, in a library that shows all bases' files."""
    found = page.locator(ROW).filter(has=page.locator("b", has_text=text))
    found.first.wait_for()
    return found


def opened(open_page: Any) -> Any:
    page = open_page("generate")
    switch = page.locator("#cs-library-generate .cs-switch")
    switch.wait_for()
    if switch.get_attribute("aria-checked") == "true":
        switch.click()
    return page


def menu(page: Any, title: str, label: str) -> None:
    page.get_by_role("button", name=f"What can be done with {title}").first.click()
    page.get_by_role("menuitem", name=label).click()


def titles(page: Any) -> list[str]:
    return sorted(page.locator(f"{ROW} b").all_inner_texts())


def test_a_star_and_notes_are_kept(open_page: Any, served: Any, lora: Any) -> None:
    path, _ = lora("starred"), lora("plain")
    page = opened(open_page)
    row(page, "starred").get_by_role("button", name="starred is a favourite").click()
    page.wait_for_selector(f"{ROW} .sh-star[aria-pressed=true]")
    page.get_by_role("button", name="Only favourites").click()
    until(lambda: titles(page) == ["starred"])
    menu(page, "starred", "Name, notes")
    hostile = "${alert(1)} <img src=x onerror=alert(2)>"
    page.get_by_role("textbox", name="Notes").fill(hostile)
    page.keyboard.press("Tab")
    until(lambda: served.studio.library.notes.of(path).notes == hostile)
    page.reload()
    page.click("#cs-tab-generate-button")
    assert row(page, "starred").locator(".sh-star").get_attribute("aria-pressed") == "true"
    menu(page, "starred", "Name, notes")
    assert page.get_by_role("textbox", name="Notes").input_value() == hostile
    assert str(path) in page.inner_text("dialog.se")


def test_a_menu_stays_open_while_the_list_changes(open_page: Any, lora: Any) -> None:
    lora("steady")
    page = opened(open_page)
    row(page, "steady")
    page.get_by_role("button", name="What can be done with steady").click()
    item = page.get_by_role("menuitem", name="Name, notes")
    item.wait_for()
    lora("steady")  # with other weights: its row is made anew
    lora("second")
    page.evaluate("document.dispatchEvent(new CustomEvent('studio:library'))")
    page.wait_for_timeout(3000)
    assert item.is_visible() and page.locator(ROW).count() == 1
    page.keyboard.press("Escape")
    row(page, "second")


def test_a_renamed_file_stays_on_the_stack(open_page: Any, served: Any, lora: Any) -> None:
    path, other = lora("before"), lora("taken")
    page = opened(open_page)
    row(page, "before").get_by_role("button", name="Add before to the stack").click()
    page.wait_for_selector("#cs-stack-generate .st-card >> text=before")
    menu(page, "before", "Name, notes")
    page.get_by_role("textbox", name="Name", exact=True).fill("taken")
    page.click(".se-rename")
    page.wait_for_selector(".cs-notices >> text=There is a file “taken.safetensors” already")
    page.get_by_role("textbox", name="Name", exact=True).fill("after all")
    page.locator("input[aria-label=Folder]").fill("by the/sea")
    page.click(".se-rename")
    row(page, "after all")
    page.wait_for_selector("#cs-stack-generate .st-card >> text=after all")
    assert page.locator("#cs-stack-generate .st-card").count() == 1
    moved = served.workspace.adapters / "by the" / "sea" / "after all.safetensors"
    assert moved.is_file() and not path.exists() and other.is_file()
    page.select_option("#cs-library-generate .sh-folder", "by the")
    until(lambda: titles(page) == ["after all"])


def test_to_the_trash_and_back(open_page: Any, served: Any, lora: Any) -> None:
    path = lora("unwanted")
    page = opened(open_page)
    row(page, "unwanted")
    menu(page, "unwanted", "Move to the trash")
    page.wait_for_selector("#cs-notices >> text=unwanted is in the workspace’s trash")
    until(lambda: "unwanted" not in titles(page))
    assert not path.exists()
    lora("unwanted")  # its name is taken meanwhile
    page.get_by_role("button", name="Trash of the library").click()
    page.locator("dialog.se").get_by_role("button", name="Restore").click()
    page.wait_for_selector("dialog.se .cs-notices >> text=Its file is called “unwanted-2”")
    page.wait_for_selector("dialog.se >> text=Nothing of the library is in the trash")
    assert path.with_name("unwanted-2.safetensors").is_file()


def test_two_files_of_one_name_are_told_apart(open_page: Any, lora: Any) -> None:
    lora("style"), lora("deep/style")
    page = opened(open_page)
    expected = ["style deep/style", "style style"]
    until(lambda: titles(page) == expected)
    row(page, "deep/style").get_by_role("button", name="Add style to the stack").click()
    page.wait_for_selector(
        "#cs-stack-generate .st-card >> text=style (adapters/deep/style.safetensors)"
    )
    page.click("#cs-tab-compare-button")
    page.click("#cs-columns .co-add")
    sources = page.locator("#cs-columns .co-source b")
    sources.filter(has_text="deep/style").wait_for()
    names = [name for name in sources.all_inner_texts() if name.startswith("style")]
    assert sorted(names) == [
        "style (adapters/deep/style.safetensors)", "style (adapters/style.safetensors)"
    ]  # fmt: skip


def trained(served: Any, name: str) -> str:
    """A finished run with checkpoints and samples of steps 2 and 4."""
    folder = served.dataset(name.replace(" ", "-"), ["a zorp blob"] * 2)
    values = {
        "name": name, "base": "tiny", "device": "cpu", "data": {"folder": str(folder)},
        "train": {"steps": 6, "batch_size": 1}, "save": {"every": 2, "keep": 9},
        "sample": {"every": 2, "steps": 1, "prompts": ["a zorp blob"]}, "validation": {"every": 0},
    }  # fmt: skip
    run = served.studio.runs.start(presets.config_from(None, values))
    assert served.studio.runs.wait(run).state == "finished"
    return str(run)


def test_a_file_leads_to_its_run_and_a_checkpoint_of_it_to_a_file(
    open_page: Any, served: Any, lora: Any
) -> None:
    run = trained(served, "my blob")
    page = opened(open_page)
    row(page, "my blob").locator("img.st-thumb").wait_for()  # the run's sample
    menu(page, "my blob", "Open the run it came from")
    page.wait_for_selector(".cs-run-name >> text=my blob")
    wait_state(page, "finished")
    page.get_by_role("button", name="Use the checkpoint of step 2 in Generate").first.click()
    page.wait_for_selector("#cs-stack-generate .st-card >> text=my blob, step 2")
    entry = served.studio.library.entries.entry("my-blob-2")
    assert (entry.note.run, entry.info.preview is not None) == (run, True)
    page.click("#cs-tab-train-button")
    plot = page.locator(".cs-plot canvas")
    plot.focus()
    for key in ("Home", "Home", *["ArrowRight"] * 3):  # the first key begins at the end
        page.keyboard.press(key)
    page.wait_for_selector("text=use checkpoint 4 in Generate")
    box = plot.bounding_box()
    page.mouse.click(box["x"] + 50 + (box["width"] - 62) * 4 / 10, box["y"] + 60)
    page.wait_for_selector("#cs-stack-generate .st-card >> text=my blob, step 4")
    menu(page, "my blob, step 4", "Name, notes")
    page.get_by_role("button", name="Use sample 1 as the thumbnail").click()
    until(lambda: served.studio.library.entries.entry("my-blob-4").info.preview is not None)
