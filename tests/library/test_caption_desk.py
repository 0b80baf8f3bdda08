"""Captions that two people edit, filters and quick tags that are kept."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from PIL import Image

from studio.app import Studio
from studio.caption.filter_words import FilterError
from studio.core.errors import FileError, InputError, MissingError
from studio.core.paths import Workspace
from studio.formats.captions import read_caption
from studio.library.caption_desk import QUICK_TAGS, RECENT, CaptionDesk
from studio.library.captions import CaptionChanged, image_stamp


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six images; the first has a caption in an older encoding."""
    place = tmp_path / "workspace" / "datasets" / "six"
    place.mkdir(parents=True)
    for number in range(6):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(place / f"{number}.png")
        (place / f"{number}.txt").write_text(f"old {number}")
    (place / "0.txt").write_bytes("café, übermütig, déjà vu".encode("cp1252"))
    return place


@pytest.fixture
def opened(folder: Path) -> Studio:
    return Studio(Workspace(folder.parent.parent))


def test_a_caption_that_was_changed_meanwhile_is_not_overwritten(
    opened: Studio, folder: Path
) -> None:
    captions = opened.library.captions
    captions.save(folder, "1.png", "mine", before="old 1")
    (folder / "1.txt").write_text("theirs")
    with pytest.raises(CaptionChanged) as caught:
        captions.save(folder, "1.png", "mine again", before="mine")
    assert caught.value.now == "theirs" and (folder / "1.txt").read_text() == "theirs"
    captions.save(folder, "1.png", "theirs", before="mine")  # both meant the same
    captions.save(folder, "1.png", "mine again", before="theirs")
    assert read_caption(folder / "1.png") == "mine again"
    captions.save(folder, "0.png", "new", before="café, übermütig, déjà vu")
    captions.save(folder, "2.png", "over")  # without having looked, as a script does


def test_an_image_that_went_away_or_came_is_known(opened: Studio, folder: Path) -> None:
    captions = opened.library.captions
    captions.save(folder, "1.png", "a")
    (folder / "1.png").unlink()
    with pytest.raises(InputError, match="no such image"):
        captions.save(folder, "1.png", "b")
    Image.new("RGB", (8, 8)).save(folder / "new.png")
    captions.save(folder, "new.png", "c")
    for name in ("../six/2.png", "0.txt", "nothing.png", ""):
        with pytest.raises(InputError):
            captions.save(folder, name, "d")


def test_two_people_on_different_images_lose_nothing(opened: Studio, folder: Path) -> None:
    texts = {f"{number}.png": f"new {number}" for number in range(1, 6)}

    def write(name: str) -> None:
        before = f"old {name[0]}"
        for step in range(8):
            text = f"{texts[name]} {step}"
            opened.library.captions.save(folder, name, text, before)
            before = text

    threads = [threading.Thread(target=write, args=(name,)) for name in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: read_caption(folder / name) for name in texts} == {
        name: f"{text} 7" for name, text in texts.items()
    }


def test_what_is_otherwise_by_now_is_found_again(opened: Studio, folder: Path) -> None:
    look = opened.library.captions.look_again
    seen = {f"{n}.png": (f"old {n}", image_stamp(folder / f"{n}.png")) for n in range(1, 6)}
    assert look(folder, seen) == {}
    (folder / "1.txt").write_text("other")
    (folder / "2.png").unlink()
    os.utime(folder / "3.png", ns=(1, 1))
    (folder / "4.txt").unlink()
    found = look(folder, seen)
    assert sorted(found) == ["1.png", "2.png", "3.png", "4.png"]
    assert found["1.png"].caption == "other" and found["1.png"].stamp == seen["1.png"][1]
    assert found["2.png"].gone
    assert found["3.png"].caption == "old 3" and found["3.png"].stamp != seen["3.png"][1]
    assert found["4.png"].caption == ""
    assert look(folder, {"3.png": ("old 3", "")}) == {}, "a stamp nobody has seen"


def test_filters_are_kept_by_name_and_recent_ones_in_order(tmp_path: Path) -> None:
    desk = CaptionDesk(Workspace(tmp_path))
    desk.save_filter("Reds ", " tag:red ")
    desk.save_filter("blues", "blue")
    desk.save_filter("REDS", "red")
    again = CaptionDesk(Workspace(tmp_path))
    assert [(one.name, one.text) for one in again.read().filters] == [
        ("blues", "blue"),
        ("REDS", "red"),
    ]
    assert again.filter_text("@reds") == "red" and again.filter_text("red") == "red"
    with pytest.raises(MissingError, match="@REDS"):
        again.filter_text("@redz")
    with pytest.raises(FilterError, match="A bracket is not closed"):
        desk.save_filter("wrong", "(red")
    for name, text in (("", "red"), ("name", " "), ("n" * 99, "red")):
        with pytest.raises(InputError):
            desk.save_filter(name, text)
    for number in range(RECENT + 3):
        desk.used(f"word{number}")
    desk.used("word5")
    desk.used("red")  # it has a name already
    assert desk.read().recent[:3] == ["word5", "word10", "word9"]
    assert len(desk.read().recent) == RECENT
    assert [one.name for one in desk.remove_filter("REDS").filters] == ["blues"]


def test_quick_tags_belong_to_a_dataset(tmp_path: Path) -> None:
    desk = CaptionDesk(Workspace(tmp_path))
    one, other = tmp_path / "one", tmp_path / "other"
    assert desk.pin(one, ["red", "", " two  dogs ", "a,b", ""]) == ["red", "", "two dogs", "a b"]
    desk.pin(other, [str(number) for number in range(20)])
    assert CaptionDesk(Workspace(tmp_path)).quick_tags(one) == ["red", "", "two dogs", "a b"]
    assert len(desk.quick_tags(other)) == QUICK_TAGS
    desk.pin(one, [""])
    assert list(desk.read().quick_tags) == [str(other.resolve())]


def test_a_damaged_desk_is_said_and_not_overwritten(tmp_path: Path) -> None:
    desk = CaptionDesk(Workspace(tmp_path))
    for text in ("", "[1]", '{"filters": [1], "recent": [], "quick_tags": {}}'):
        desk.path.write_text(text)
        for ask in (desk.read, lambda: desk.used("red"), lambda: desk.save_filter("a", "b")):
            with pytest.raises(FileError, match="cannot be read"):
                ask()
        assert desk.path.read_text() == text
