"""Folders and files brought into the page, by its inputs and by a drop: everything stays itself."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest

from tests.web.conftest import save_image
from tests.web.test_caption_train import open_dataset, until

pytestmark = pytest.mark.browser


def tree(root: Path, captions: str = "") -> Path:
    """A folder with masks, held-out images, kohya's folders and tables."""
    for place in (".", "masks", "held_out", "10_dog", "30_cat", "30_cat/masks"):
        (root / place).mkdir(parents=True, exist_ok=True)
        for k in (1, 2):
            save_image(root / place / f"{k}.png", hash_of(f"{root.name}/{place}/{k}"))
    for k in (1, 2):
        (root / f"{k}.txt").write_text(f"{captions}number {k}")
    (root / "30_cat" / "1.caption").write_text("a cat of its own")
    (root / "10_dog" / "2.txt").write_text("")
    (root / "metadata.jsonl").write_text('{"file_name": "10_dog/1.png", "text": "by the table"}\n')
    (root / "dataset.toml").write_text('trigger = "zorp"\n')
    (root / "clip.mp4").write_bytes(b"\0\0\0 ftyp")
    return root


def hash_of(text: str) -> int:
    return sum(ord(letter) * 31**k for k, letter in enumerate(text)) % 100_003


def files(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def drop(page: Any, selector: str, paths: list[Path]) -> None:
    """Drops files and folders of the desktop on a part of the page."""
    box = page.locator(selector).first.bounding_box()
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    where = {"x": box["x"] + box["width"] / 2, "y": box["y"] + min(200, box["height"] / 2)}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "data": data, **where})


def expected(root: Path) -> dict[str, bytes]:
    return {name: data for name, data in files(root).items() if not name.endswith(".mp4")}


def test_a_chosen_folder_keeps_its_folders(page: Any, served: Any, tmp_path: Path) -> None:
    root = tree(tmp_path / "chosen")
    page.set_input_files("input[aria-label='Folder to add']", str(root))
    page.wait_for_selector(".cs-caption-title:has-text('chosen')")
    assert files(served.workspace.datasets / "chosen") == expected(root)
    account = page.inner_text(".cs-caption-main .cs-notice[data-kind=warning]")
    assert "1 file is left out" in account and "clip.mp4" in account and "video" in account
    names = page.locator(".cs-caption-name").all_inner_texts()
    assert names == [
        "1.png",
        "2.png",
        "10_dog/1.png",
        "10_dog/2.png",
        "30_cat/1.png",
        "30_cat/2.png",
    ]
    texts = page.locator(".cs-caption-cell textarea")
    assert [texts.nth(k).input_value() for k in (0, 2, 4)] == [
        "number 1", "by the table", "a cat of its own",
    ]  # fmt: skip


def test_a_dropped_folder_keeps_its_folders(page: Any, served: Any, tmp_path: Path) -> None:
    root = tree(tmp_path / "dropped")
    odd = root / "${alert(1)} <img src=x onerror=alert(2)>.png"
    save_image(odd, 3)
    os.symlink(tmp_path / "nowhere", root / "broken.png")
    page.wait_for_selector(".cs-dataset")
    drop(page, ".cs-caption-main", [root])
    page.wait_for_selector(".cs-caption-title:has-text('dropped')")
    here = files(served.workspace.datasets / "dropped")
    assert here == {n: data for n, data in expected(root).items() if n != "broken.png"}


def test_two_dropped_folders_stay_apart(page: Any, served: Any, tmp_path: Path) -> None:
    for camera in ("cam-a", "cam-b"):
        (tmp_path / camera).mkdir()
        save_image(tmp_path / camera / "IMG_1.png", hash_of(camera))
        (tmp_path / camera / "IMG_1.txt").write_text(f"by {camera}")
    page.wait_for_selector(".cs-dataset")
    drop(page, ".cs-caption-main", [tmp_path / "cam-a", tmp_path / "cam-b"])
    page.wait_for_selector(".cs-caption-title:has-text('cam-a')")
    page.wait_for_selector(".cs-caption-name >> nth=1")
    assert page.locator(".cs-caption-name").all_inner_texts() == [
        "cam-a/IMG_1.png",
        "cam-b/IMG_1.png",
    ]
    texts = page.locator(".cs-caption-cell textarea")
    assert [texts.nth(k).input_value() for k in (0, 1)] == ["by cam-a", "by cam-b"]


def test_images_join_an_open_dataset(page: Any, served: Any, tmp_path: Path) -> None:
    folder = served.dataset("joined", ["first", "second"])
    before = files(folder)
    page.reload()
    open_dataset(page, "joined")
    same, other = tmp_path / "a" / "1.png", tmp_path / "b" / "2.png"
    for path in (same, other):
        path.parent.mkdir()
    same.write_bytes((folder / "1.png").read_bytes())
    save_image(other, 77)
    (tmp_path / "b" / "2.txt").write_text("another second")
    page.set_input_files(
        "input[aria-label='Images to add to this dataset']",
        [str(same), str(other), str(tmp_path / "b" / "2.txt")],
    )
    notice = page.wait_for_selector(".cs-caption-main .cs-notice >> text=1 image added")
    until(lambda: (folder / "2-2.txt").is_file())
    assert before.items() <= files(folder).items()
    assert (folder / "2-2.txt").read_text() == "another second"
    account = page.inner_text(".cs-caption-main .cs-notice")
    assert "1 file was here already" in account and "is now 2-2.png" in account and notice


def test_a_folder_without_an_image_says_what_it_holds(page: Any, tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "clip.mp4").write_bytes(b"x")
    page.wait_for_selector(".cs-dataset")
    drop(page, ".cs-caption-main", [tmp_path / "films"])
    notice = page.wait_for_selector("#cs-notices .cs-notice")
    assert "no images" in notice.inner_text() and "clip.mp4: a video" in notice.inner_text()


PASTE = """([data, where]) => {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File([bytes], 'image.png', {type: 'image/png'}));
    document.querySelector(where).dispatchEvent(
        new ClipboardEvent('paste', {clipboardData, bubbles: true, cancelable: true}));
}"""


def test_a_pasted_image_joins_the_open_dataset(page: Any, served: Any, tmp_path: Path) -> None:
    folder = served.dataset("pasted into", ["one"])
    before = files(folder)
    page.reload()
    open_dataset(page, folder.name)
    for number, shown in (
        (1, "image.png"),
        (2, "image-2.png"),
    ):  # a browser calls all of them alike
        save_image(tmp_path / "new.png", 70 + number)
        data = base64.b64encode((tmp_path / "new.png").read_bytes()).decode()
        page.evaluate(PASTE, [data, "textarea"])  # inside of a text it is the text's
        page.evaluate(PASTE, [data, "body"])
        page.locator(".cs-caption-name", has_text=shown).wait_for()
        assert (folder / shown).read_bytes() == (tmp_path / "new.png").read_bytes()
    kept = files(folder)
    assert set(kept) - set(before) == {"image.png", "image-2.png"}
    assert {name: kept[name] for name in before} == before
