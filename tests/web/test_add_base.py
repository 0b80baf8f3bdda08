"""“Add a model …” in every select of bases: by its path, sent as a file, from the hub."""

from __future__ import annotations

import base64
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.hub_server import NAME, HubServer, serving_hub
from tests.web.test_caption_train import until

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore")]
DIALOG = ".cs-add-model"
TRAIN = "#cs-train-pick select[aria-label='Base model']"


@pytest.fixture(scope="module")
def elsewhere(served: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder outside of the workspace with a base in it, as a folder and as one file."""
    from studio.families import saving
    from studio.families.loading import load_base

    place = tmp_path_factory.mktemp("elsewhere")
    shutil.copytree(served.workspace.bases / "tiny", place / "mine")
    base = load_base(place / "mine", "cpu")
    saving.save_single(base, place / "solo.safetensors", {}, torch.float32)
    data = (place / "solo.safetensors").read_bytes()
    (place / "damaged.safetensors").write_bytes(data[: len(data) // 2])
    return place


@pytest.fixture
def hub(served: Any, tmp_path: Path) -> Iterator[HubServer]:
    with serving_hub(served.workspace.bases / "tiny", tmp_path / "hub") as server:
        yield server


def dialog_of(page: Any, tab: str) -> Any:
    if tab == "train":
        page.locator(TRAIN).select_option(label="Add a model …")
    else:
        page.locator(f"#cs-tab-{tab}").get_by_role("button", name="Add a model …").click()
    dialog = page.locator(DIALOG)
    dialog.get_by_role("group", name="Where it comes from").wait_for()
    return dialog


def chosen(page: Any, tab: str) -> str:
    if tab == "train":
        return str(page.locator(TRAIN).input_value())
    return str(page.input_value(f"#cs-{tab}-base input")).split(" · ")[0]


def test_a_path_is_added_chosen_where_it_was_asked_and_used(
    open_page: Any, served: Any, elsewhere: Path
) -> None:
    page = open_page("generate")
    dialog = dialog_of(page, "generate")
    assert str(served.workspace.bases) in dialog.inner_text()
    dialog.get_by_label("Folder or file").fill(str(elsewhere / "nothing"))
    dialog.get_by_role("button", name="Add", exact=True).click()
    dialog.get_by_text("There is no base model").wait_for()
    dialog.get_by_label("Folder or file").fill(str(elsewhere / "mine"))
    dialog.get_by_role("button", name="Add", exact=True).click()
    page.locator(DIALOG).wait_for(state="detached")
    until(lambda: chosen(page, "generate") == "mine")
    assert page.locator("#cs-notices [data-kind=error]").count() == 0
    page.fill("#cs-generate-prompt textarea", "a red cat")
    page.fill("#cs-field-generate-steps input", "1")
    page.fill("#cs-field-generate-count input", "1")
    page.get_by_role("button", name="Generate", exact=True).click()
    until(lambda: any("Model: mine" in text for text in generated(served)))
    for tab in ("compare", "train"):
        page.click(f"#cs-tab-{tab}-button")
        page.wait_for_timeout(300)
        assert chosen(page, tab) != "mine", "who did not ask keeps their choice"
    page.locator(TRAIN).locator("option", has_text="mine · ").wait_for(state="attached")
    dialog = dialog_of(page, "train")
    dialog.get_by_text("Added from elsewhere").click()
    dialog.get_by_role("button", name="Take mine off the list").click()
    until(lambda: "mine" not in [info.name for info in served.studio.library.bases()])


def generated(served: Any) -> list[str]:
    from studio.formats.images import read_texts

    files = served.workspace.outputs.rglob("*.png")
    return [read_texts(path).get("parameters", "") for path in files]


def test_a_damaged_file_is_refused_and_a_whole_one_is_chosen(
    open_page: Any, served: Any, elsewhere: Path
) -> None:
    page = open_page("compare")
    before = sorted(served.workspace.bases.iterdir())
    dialog = dialog_of(page, "compare")
    dialog.get_by_role("button", name="A file").click()
    dialog.get_by_text("there is room for").wait_for()
    picker = dialog.get_by_label("Model file")
    picker.set_input_files(str(elsewhere / "damaged.safetensors"))
    dialog.locator(".cs-notice", has_text="damaged").wait_for()
    assert sorted(served.workspace.bases.iterdir()) == before
    drop(page, DIALOG + " .ba-zone", elsewhere / "solo.safetensors")
    page.locator(DIALOG).wait_for(state="detached")
    until(lambda: chosen(page, "compare") == "solo")
    assert (served.workspace.bases / "solo.safetensors").is_file()
    page.get_by_role("radio", name="Shootout", exact=True).click()
    bases = page.get_by_label("Base model of the shootout")
    bases.locator("option", has_text="solo · ").wait_for(state="attached")
    before = bases.input_value()
    bases.select_option(label="Add a model …")
    dialog.get_by_label("Folder or file").fill(str(elsewhere / "mine"))
    assert bases.input_value() == before, "the choice stays"
    dialog.get_by_role("button", name="Add", exact=True).click()
    until(lambda: bases.input_value() == "mine")
    assert chosen(page, "compare") == "solo", "who did not ask keeps their choice"
    served.studio.library.forget("mine")


def drop(page: Any, zone: str, file: Path) -> None:
    """Drops a file of this machine onto an element."""
    given = {"name": file.name, "data": base64.b64encode(file.read_bytes()).decode()}
    data = page.evaluate_handle(
        """({name, data}) => {
          const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
          const brought = new DataTransfer();
          brought.items.add(new File([bytes], name));
          return brought;
        }""",
        given,
    )
    page.dispatch_event(zone, "dragover", {"dataTransfer": data})
    assert "is-over" in page.get_attribute(zone, "class")
    page.dispatch_event(zone, "drop", {"dataTransfer": data})


def test_the_hub_refuses_tells_and_downloads(open_page: Any, served: Any, hub: HubServer) -> None:
    page = open_page("train")
    page.locator(TRAIN).locator("option", has_text="tiny · ").wait_for(state="attached")
    dialog = dialog_of(page, "train")
    dialog.get_by_role("button", name="The hub").click()
    name, look = dialog.get_by_label("Name on the Hugging Face hub"), "Look it up"
    for status, typed, words in (
        (200, "no name", "This is no name on the hub"),
        (404, "somebody/nothing", "does not know this name or revision"),
        (500, NAME, "could not be reached"),
    ):
        hub.status = status
        name.fill(typed)
        dialog.get_by_role("button", name=look).click()
        dialog.locator(".cs-notice", has_text=words).wait_for()
        assert dialog.locator(".cs-notice").count() == 1
    hub.status = 200
    dialog.get_by_role("button", name=look).click()
    dialog.get_by_text("Licence: openrail++").wait_for()
    assert dialog.locator(".cs-notice").count() == 0
    hub.slow = threading.Event()
    dialog.get_by_role("button", name="Download").click()
    dialog.get_by_text("(0 %)").or_(dialog.get_by_text(" MB (")).first.wait_for()
    dialog.get_by_role("button", name="Cancel").click()
    hub.slow.set()
    dialog.get_by_text("The download was stopped").wait_for()
    dialog.get_by_role("button", name="Download").click()
    page.locator(DIALOG).wait_for(state="detached")
    until(lambda: chosen(page, "train") == NAME)
    assert NAME in [info.name for info in served.studio.library.bases()]
    served.studio.library.forget(NAME)
