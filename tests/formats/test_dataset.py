"""A folder of images as people have them: what counts, in which order, with which caption."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from PIL import Image

from studio.core.errors import DatasetError
from studio.formats.dataset import (
    image_files,
    read_caption,
    read_captions,
    read_dataset,
    write_caption,
)
from studio.formats.dataset_list import DatasetList
from studio.formats.masks import Masks


def save_images(folder: Path, *names: str) -> Path:
    """Small images of these names."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.new("RGB", (8, 6), "teal").save(folder / name)
    return folder


def test_images_come_in_the_order_people_count(tmp_path):
    save_images(tmp_path, "10.png", "2.png", "1.JPG", "b.webp", "A.bmp")
    assert [file.name for file in image_files(tmp_path)] == [
        "1.JPG", "2.png", "10.png", "A.bmp", "b.webp",
    ]  # fmt: skip


def test_masks_hidden_files_and_held_out_images_are_not_trained_on(tmp_path):
    save_images(tmp_path, "a.png", "a-masklabel.png", ".secret.png", "the_mask.png")
    save_images(tmp_path / "held_out", "b.png")
    save_images(tmp_path / "masks", "a.png")
    save_images(tmp_path / ".thumbs", "a.png")
    (tmp_path / "notes.md").write_text("not an image")
    info = read_dataset(tmp_path)
    assert [item.path.name for item in info.items] == ["a.png", "the_mask.png"]
    assert info.held_out == tmp_path / "held_out"


def test_kohyas_folder_names_say_repeats_trigger_and_class(tmp_path):
    save_images(tmp_path / "10_sks dog", "1.png", "2.png")
    (tmp_path / "10_sks dog" / "1.txt").write_text("sks dog on a sofa")
    info = read_dataset(tmp_path)
    assert (info.trigger, info.class_word, info.repeats) == ("sks", "dog", 10)
    assert [item.caption for item in info.items] == ["sks dog on a sofa", "sks dog"]
    assert info.captioned == 1


def test_folders_of_two_concepts_keep_their_own_repeats(tmp_path):
    save_images(tmp_path / "10_sks dog", "1.png")
    save_images(tmp_path / "2_zwx cat", "1.png")
    info = read_dataset(tmp_path)
    assert info.trigger == ""
    assert {item.caption: item.repeats for item in info.items} == {"sks dog": 10, "zwx cat": 2}


def test_a_caption_goes_back_as_it_came_and_the_image_stays_byte_equal(tmp_path):
    image = save_images(tmp_path, "my cat.v2.png") / "my cat.v2.png"
    before = hashlib.sha256(image.read_bytes()).digest(), image.stat().st_mtime_ns
    write_caption(image, "  ein schöner Kater, 猫  ")
    assert read_caption(image) == "ein schöner Kater, 猫"
    assert (tmp_path / "my cat.v2.txt").is_file()
    assert (hashlib.sha256(image.read_bytes()).digest(), image.stat().st_mtime_ns) == before


def test_a_text_file_wins_even_when_it_was_emptied(tmp_path):
    image = save_images(tmp_path, "a.png") / "a.png"
    (tmp_path / "a.caption").write_text("the old one")
    (tmp_path / "metadata.jsonl").write_text(json.dumps({"file_name": "a.png", "text": "meta"}))
    assert read_caption(image) == "the old one"
    write_caption(image, "")
    assert read_caption(image) == ""
    assert not (tmp_path / "a.txt").exists(), "the file that was there is the one that is written"
    (tmp_path / "a.txt").write_text("")
    (tmp_path / "a.caption").write_text("again the old one")
    assert read_caption(image) == ""
    assert read_dataset(tmp_path).captioned == 0


def test_captions_of_an_image_folder_are_found_by_name(tmp_path):
    save_images(tmp_path, "a.png", "b.png")
    save_images(tmp_path / "3_x", "c.png")
    rows = [{"file_name": "b.png", "text": "of b"}, {"file_name": "3_x/c.png", "caption": "of c"}]
    text = "\n".join([json.dumps(rows[0]), "not json", json.dumps(rows[1]), '["list"]'])
    (tmp_path / "metadata.jsonl").write_text(text)
    captions = {path.name: caption for path, caption in read_captions(tmp_path).items()}
    assert captions == {"a.png": None, "b.png": "of b", "c.png": "of c"}
    assert read_caption(tmp_path / "3_x" / "c.png") == "of c"
    assert any("line 2" in problem for problem in read_dataset(tmp_path).problems)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_captions_from_other_editors_are_read(tmp_path, encoding):
    image = save_images(tmp_path, "a.png") / "a.png"
    (tmp_path / "a.txt").write_bytes("café\r\n".encode(encoding))
    assert read_caption(image) == "café"


def test_something_huge_or_binary_beside_an_image_is_a_problem_not_a_caption(tmp_path):
    save_images(tmp_path, "a.png", "b.png", "c.png")
    (tmp_path / "a.txt").write_bytes(b"\0" * 100)
    (tmp_path / "b.txt").write_bytes(b"x" * 200_000)
    (tmp_path / "c.txt").write_text("good")
    info = read_dataset(tmp_path)
    assert (info.images, info.captioned, len(info.problems)) == (3, 1, 2)


def test_a_broken_image_among_good_ones_is_named_and_left_out(tmp_path):
    save_images(tmp_path, "good.png")
    (tmp_path / "broken.png").write_bytes(b"this is no image")
    info = read_dataset(tmp_path)
    assert [item.path.name for item in info.items] == ["good.png"]
    assert info.images == 1
    assert any("broken.png" in problem for problem in info.problems)


def test_only_broken_images_are_an_error(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"this is no image")
    with pytest.raises(DatasetError, match="The only image in this folder cannot be read"):
        read_dataset(tmp_path)


def test_an_empty_folder_says_what_is_looked_for(tmp_path):
    with pytest.raises(DatasetError, match=r"\.webp"):
        read_dataset(tmp_path)


@pytest.mark.parametrize("name", ["nowhere", "file.txt", ""])
def test_what_is_no_folder_is_an_error(tmp_path, name):
    (tmp_path / "file.txt").write_text("x")
    with pytest.raises(DatasetError, match="folder"):
        read_dataset(tmp_path / name if name else "")


def test_the_dataset_file_is_read_and_a_misspelt_key_names_the_nearest(tmp_path):
    save_images(tmp_path, "a.png")
    save_images(tmp_path / "later", "b.png")
    (tmp_path / "dataset.toml").write_text(
        'name = "Zibbo"\ntrigger = "zibbo"\nclass_word = "cat"\nkind = "style"\nrepeats = 4\n'
        'held_out = "later"\n'
    )
    info = read_dataset(tmp_path)
    assert (info.name, info.trigger, info.class_word, info.kind, info.repeats) == (
        "Zibbo", "zibbo", "cat", "style", 4,
    )  # fmt: skip
    assert info.held_out == tmp_path / "later"
    assert info.items[0].repeats == 4

    (tmp_path / "dataset.toml").write_text('triger = "zibbo"\n')
    with pytest.raises(DatasetError, match="“trigger”"):
        read_dataset(tmp_path)
    for nonsense in (b"trigger = \n", b"\xff\xfe\0", b"a = " + b"[" * 100_000):
        (tmp_path / "dataset.toml").write_bytes(nonsense)
        with pytest.raises(DatasetError, match=r"dataset\.toml cannot be read"):
            read_dataset(tmp_path)


def test_held_out_images_of_somewhere_else_are_refused(tmp_path):
    save_images(tmp_path / "set", "a.png")
    save_images(tmp_path / "other", "b.png")
    (tmp_path / "set" / "dataset.toml").write_text('held_out = "../other"\n')
    with pytest.raises(DatasetError, match="inside the dataset"):
        read_dataset(tmp_path / "set")


def test_two_images_that_would_share_a_caption_are_reported(tmp_path):
    save_images(tmp_path, "a.png", "a.jpg")
    assert any("a.jpg and a.png" in problem for problem in read_dataset(tmp_path).problems)


def test_a_caption_for_an_image_that_is_gone_writes_nothing(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    for name in ("a.png", "a.txt"):
        with pytest.raises(DatasetError):
            write_caption(tmp_path / name, "new")
    assert (tmp_path / "a.txt").read_text() == "old"


def test_the_list_shows_good_datasets_and_those_that_need_repair(tmp_path):
    save_images(tmp_path / "set 10", "a.png")
    save_images(tmp_path / "set 2", "a.png")
    save_images(tmp_path / "wrong", "a.png")
    (tmp_path / "wrong" / "dataset.toml").write_text("nonsense = 1\n")
    (tmp_path / "empty").mkdir()
    found = DatasetList().below([tmp_path, tmp_path, tmp_path / "nowhere"])
    assert [info.name for info in found] == ["set 2", "set 10", "wrong"]
    assert found[2].images == 0 and "nonsense" in found[2].problems[0]


def test_masks_belong_to_their_images_by_name(tmp_path):
    save_images(tmp_path, "a.jpg", "a.mask.png", "b.png", "b_mask.png", "c.png", "lone.mask.png")
    save_images(tmp_path / "masks", "c.webp")
    save_images(tmp_path / "mask", "lone.mask.png")
    found = {path.name: Masks().of(path) for path in image_files(tmp_path)}
    assert found == {
        "a.jpg": tmp_path / "a.mask.png",
        "b.png": tmp_path / "b_mask.png",
        "c.png": tmp_path / "masks" / "c.webp",
        "lone.mask.png": tmp_path / "mask" / "lone.mask.png",
    }


def test_folders_of_any_name_count_when_the_dataset_file_weighs_them(tmp_path):
    save_images(tmp_path, "a.png")
    save_images(tmp_path / "close-ups", "b.png")
    save_images(tmp_path / "10_sks dog", "c.png")
    save_images(tmp_path / "other", "d.png")
    (tmp_path / "dataset.toml").write_text(
        'repeats = 2\ntrigger = "sks"\n[folders]\nclose-ups = 5\n"10_sks dog" = 3\n'
    )
    found = {item.path.name: (item.repeats, item.caption) for item in read_dataset(tmp_path).items}
    assert found == {"a.png": (2, None), "c.png": (3, "sks dog"), "b.png": (5, None)}
    for wrong, said in (("nowhere = 2", "“nowhere” is not there"), ("other = 0", "folders.other")):
        (tmp_path / "dataset.toml").write_text(f"[folders]\n{wrong}\n")
        with pytest.raises(DatasetError, match=said):
            read_dataset(tmp_path)


def test_images_of_two_concepts_know_their_word(tmp_path):
    save_images(tmp_path / "1_sks dog", "1.png")
    save_images(tmp_path / "1_zwx cat", "1.png")
    assert [item.trigger for item in read_dataset(tmp_path).items] == ["sks", "zwx"]


def test_the_phrase_is_what_most_captions_say(tmp_path):
    save_images(tmp_path, "0.png", "1.png", "2.png")
    (tmp_path / "dataset.toml").write_text('trigger = "zibbo"\nclass_word = "cat"\n')
    for k, text in enumerate(("a zibbo cat on a chair", "a small zibbo cat", "zibbo")):
        (tmp_path / f"{k}.txt").write_text(text)
    assert read_dataset(tmp_path).phrase("zibbo") == "zibbo cat"
    (tmp_path / "1.txt").write_text("zibbo asleep")
    assert read_dataset(tmp_path).phrase("zibbo") == "zibbo"
