"""The loss of each image comes back to the Caption tab, and a dataset is exported from there."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from studio.core import atomic
from studio.formats.dataset import read_dataset
from studio.runs import dataset_record, image_losses
from studio.runs.image_losses import ImageLossRecord, LearntRow
from studio.runs.records import RunState
from tests.web.conftest import until

pytestmark = pytest.mark.browser
CARD = "section[aria-label='What a run learnt']"
SHOWN = ".cs-caption-cell .cs-caption-name"


@pytest.fixture
def learnt(served: Any) -> Path:
    """A dataset with a run that measured it: the caption of 2.png tells nothing of it."""
    folder: Path = served.dataset("learnt", [f"a zibbo cat {k}" for k in range(8)])
    info = read_dataset(folder)
    run = served.workspace.new_run_folder("measured")
    state = RunState(
        run=run.name, name="measured", method="lora", base="tiny", state="finished", step=80,
        steps=80, created_at=1.0,
    )  # fmt: skip
    atomic.write_json(run / "state.json", state.as_json())
    dataset_record.write(run, dataset_record.of(info))
    rows = [
        LearntRow(
            file=item.path.name, caption=item.caption or "", base=(1.0, 1.0),
            own=(0.6 + 0.01 * k, 0.6), others=(0.8, 0.6 if item.path.stem == "2" else 0.8),
        )
        for k, item in enumerate(info.items)
    ]  # fmt: skip
    record = ImageLossRecord(
        run=run.name, name="measured", step=80, timesteps=(0.3, 0.9), images=8, rows=tuple(rows)
    )
    image_losses.write(run, record)
    return folder


def test_the_image_that_was_never_learnt_is_marked_and_first(learnt: Path, open_page: Any) -> None:
    page = open_page("caption")
    page.click(".cs-dataset:has-text('learnt')")
    page.wait_for_selector(f"{CARD} >> text=By “measured”, step 80: 8 images")
    marked = page.locator(".cs-caption-cell:has(.cs-learnt-mark) .cs-caption-name")
    assert marked.all_text_contents() == ["2.png"]
    assert page.locator(SHOWN).first.text_content() == "1.png"
    page.click(f"{CARD} button:has-text('Least learnt first')")
    until(lambda: page.locator(SHOWN).count() == 8)
    page.wait_for_function(
        "() => [...document.querySelectorAll('.cs-caption-cell')]"
        ".find((cell) => cell.style.transform === 'translate(0px, 0px)')"
        ".textContent.includes('2.png')"
    )
    page.click(f"{CARD} .cs-finding")
    page.wait_for_selector(".cs-only >> text=1 image shown")
    assert page.locator(SHOWN).all_text_contents() == ["2.png"]
    page.fill(".cs-caption-cell textarea", "a tower in the snow")
    page.locator(".cs-caption-cell textarea").blur()
    until(lambda: (learnt / "2.txt").read_text().strip() == "a tower in the snow")
    page.reload()
    page.wait_for_selector(f"{CARD} >> text=By “measured”")
    assert page.locator(".cs-learnt-mark").count() == 0, "it was mended since"


def test_a_dataset_is_exported_from_the_page(served: Any, open_page: Any) -> None:
    served.dataset("hand on", ["a zibbo cat 0", "a zibbo cat 1", "a zibbo cat 2"])
    page = open_page("caption")
    page.click(".cs-dataset:has-text('hand on')")
    page.click(".cs-caption-head button:has-text('Export')")
    dialog = "dialog[aria-label='Export']"
    page.wait_for_selector(f"{dialog} >> text=dataset_config.toml")
    page.click(f"{dialog} [data-kind=metadata]")
    page.wait_for_selector(f"{dialog} >> text=metadata.jsonl")
    page.click(f"{dialog} [data-kind=zip]")
    page.wait_for_selector(f"{dialog} >> text=One file")
    page.click(f"{dialog} button.cs-primary")
    page.wait_for_selector(f"{dialog} >> text=Written to")
    with page.expect_download() as got:
        page.click(f"{dialog} a:has-text('Download')")
    with zipfile.ZipFile(got.value.path()) as archive:
        names = sorted(Path(name).name for name in archive.namelist())
    assert names == sorted(f"{k}.{end}" for k in (1, 2, 3) for end in ("png", "txt")) + [
        "dataset.toml"
    ]
    page.click(f"{dialog} button:has-text('Close')")
    page.wait_for_selector(dialog, state="detached")
