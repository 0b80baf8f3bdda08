"""Several captions of an image: read from lists and lines, edited without losing the others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from studio.caption.changes import Change
from studio.caption.history import History
from studio.core.text import read_json
from studio.formats.captions import read_caption, write_caption
from studio.formats.dataset import read_captions, read_dataset
from studio.formats.several import Listed, as_list, captions_of, from_list, text_of, weights_of
from tests.formats.test_dataset import save_images

LISTED = {"captions": ["a cat", {"text": "a zibbo cat", "weight": 2}]}


@pytest.mark.parametrize(
    "rows, text",
    [
        (["a", "b"], "a\nb"),
        ([{"text": "a", "weight": 0.5}, {"text": "b", "weight": 0.25}], "a\na\nb"),
        ([{"text": "a", "weight": 3}, {"caption": "b"}], "a\na\na\nb"),
        (["two\nlines", " of  one "], "two lines\nof one"),
        ([{"text": "never", "weight": 0}, "b", "", "b"], "b"),
        (["ÄÖ 猫, 🦊", "ñ"], "ÄÖ 猫, 🦊\nñ"),
        ([], ""),
    ],
)
def test_a_list_becomes_lines_that_stand_there_as_often_as_they_count(rows, text):
    found = from_list(rows)
    assert found == text and isinstance(found, Listed)
    assert from_list(as_list(found)) == found, "written and read again"


@pytest.mark.parametrize(
    "rows",
    [
        "a",
        [1],
        [["a"]],
        [{"weight": 1}],
        [{"text": "a", "weight": -1}],
        [{"text": "a", "weight": "2"}],
        [{"text": "a", "weight": float("nan")}],
        [{"text": "a", "weight": True}],
    ],
)
def test_what_is_no_list_of_captions_is_none(rows):
    with pytest.raises(ValueError):
        from_list(rows)


def test_odd_weights_stay_a_text_that_can_be_read():
    found = from_list([{"text": "a", "weight": 0.333}, {"text": "b", "weight": 1e-9}])
    assert weights_of(found) == {"a": 100, "b": 1}
    assert text_of([("x", 2), ("y", 1)]) == "x\nx\ny"


def test_lines_are_alternatives_only_where_the_dataset_says_so(tmp_path: Path):
    save_images(tmp_path, "1.png", "2.png")
    (tmp_path / "1.txt").write_text("a [trigger] cat\n\n a zibbo\\(x\\)\na [trigger] cat\n")
    (tmp_path / "2.txt").write_text("one line")
    plain = read_dataset(tmp_path).called("zibbo")
    assert plain.items[0].captions == () and plain.items[0].caption == (
        "a zibbo cat a zibbo(x) a zibbo cat"
    )
    assert any("Several lines" in note for note in plain.notes)

    (tmp_path / "dataset.toml").write_text('captions = "lines"\n')
    info = read_dataset(tmp_path).called("zibbo")
    assert info.items[0].captions == ("a zibbo cat", "a zibbo(x)", "a zibbo cat")
    assert info.items[0].caption == "a zibbo cat" and info.items[1].captions == ("one line",)
    assert not any("Several lines" in note for note in info.notes)
    assert [captions_of(text) for text in read_captions(tmp_path).values()] == [
        ("a [trigger] cat", "a zibbo\\(x\\)", "a [trigger] cat"),
        ("one line",),
    ]


def test_kohyas_wildcard_files_are_several_captions_of_that_subset(tmp_path: Path):
    save_images(tmp_path / "a", "1.png")
    save_images(tmp_path / "b", "2.png")
    for name in ("a/1", "b/2"):
        (tmp_path / f"{name}.txt").write_text("one\ntwo")
    (tmp_path / "dataset.toml").write_text(
        "[[datasets]]\n[[datasets.subsets]]\nimage_dir = 'a'\nenable_wildcard = true\n"
        "[[datasets.subsets]]\nimage_dir = 'b'\n"
    )
    info = read_dataset(tmp_path)
    assert [item.captions for item in info.items] == [("one", "two"), ()]
    assert not any("enable_wildcard" in note for note in info.notes)


def test_lists_are_read_from_a_table_and_from_a_json_beside_the_image(tmp_path: Path):
    save_images(tmp_path, "1.png", "2.png", "3.png")
    rows = [{"file_name": "1.png", "text": ["x", "y"]}, {"file_name": "3.png", "text": "plain"}]
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "2.json").write_text(json.dumps({**LISTED, "other": 1}))
    items = read_dataset(tmp_path).items
    assert [item.captions for item in items] == [
        ("x", "y"),
        ("a cat", "a zibbo cat", "a zibbo cat"),
        (),
    ]
    assert items[2].caption == "plain"


def test_editing_one_keeps_the_others_and_undoing_brings_the_list_back(tmp_path: Path):
    folder, history = tmp_path / "set", History(tmp_path / "undo")
    save_images(folder, "1.png", "2.png")
    (folder / "metadata.jsonl").write_text(json.dumps({"file_name": "1.png", "text": ["x", "y"]}))
    (folder / "2.json").write_text(json.dumps({**LISTED, "seed": 7}))
    one, two = folder / "1.png", folder / "2.png"

    changes = [
        Change(one, read_caption(one), "x\nedited"),
        Change(two, read_caption(two), "a dog\na dog\na dog\na zibbo cat"),
    ]
    history.begin(folder, "edited").write(changes)
    assert not list(folder.glob("*.txt")), "a list stays a list"
    assert read_json(folder / "1.json") == {"captions": ["x", "edited"]}
    assert read_json(folder / "2.json") == {
        "captions": [{"text": "a dog", "weight": 3}, "a zibbo cat"],
        "seed": 7,
    }
    assert [captions_of(text) for text in read_captions(folder).values()] == [
        ("x", "edited"),
        ("a dog", "a dog", "a dog", "a zibbo cat"),
    ]
    assert len(history.undo(folder).changed) == 2
    assert not (folder / "1.json").exists() and read_caption(one) == "x\ny"
    assert read_caption(two) == "a cat\na zibbo cat\na zibbo cat"


def test_emptying_a_list_leaves_no_caption_rather_than_the_tables(tmp_path: Path):
    save_images(tmp_path, "1.png")
    (tmp_path / "metadata.jsonl").write_text(json.dumps({"file_name": "1.png", "text": ["x"]}))
    write_caption(tmp_path / "1.png", "")
    assert read_caption(tmp_path / "1.png") == ""
    assert read_dataset(tmp_path).captioned == 0
