"""Datasets as other programs lay them out: read, or named, never passed over in silence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from studio.core.errors import DatasetError
from studio.formats.dataset import DatasetInfo, read_caption, read_captions, read_dataset
from tests.formats.test_dataset import save_images


def counts(info: DatasetInfo) -> dict[str, tuple[int, str | None]]:
    """Relative name → (repeats, caption)."""
    return {
        item.path.relative_to(info.path).as_posix(): (item.repeats, item.caption)
        for item in info.items
    }


def said(info: DatasetInfo) -> str:
    return " ".join([*info.notes, info.unused.sentence() or "", *info.problems])


# Names of folders.


@pytest.mark.parametrize(
    "name, repeats, caption",
    [
        ("10_sks dog", 10, "sks dog"),
        ("3_", 3, None),
        ("200_x", 200, "x"),
        ("01_first", 1, "first"),
        ("2023_summer", 1, None),
        ("20230714_party", 1, None),
        ("1999_old", 1, None),
        ("201_x", 1, None),
    ],
)
def test_a_number_in_front_counts_only_where_it_can_be_meant(tmp_path, name, repeats, caption):
    save_images(tmp_path, "a.png")
    save_images(tmp_path / name, "b.png")
    info = read_dataset(tmp_path)
    assert counts(info)[f"{name}/b.png"] == (repeats, caption)
    assert name in said(info), "what was taken is told"


def test_what_a_person_says_of_a_folder_goes_before_its_name(tmp_path):
    save_images(tmp_path / "2023_summer", "b.png")
    (tmp_path / "dataset.toml").write_text('[folders]\n"2023_summer" = 500\n')
    info = read_dataset(tmp_path)
    assert counts(info) == {"2023_summer/b.png": (500, None)}
    assert "year" not in said(info)


@pytest.mark.parametrize("name", ["0_none", "00_none"])
def test_a_folder_that_counts_never_is_left_out_and_said(tmp_path, name):
    save_images(tmp_path, "a.png")
    save_images(tmp_path / name, "b.png")
    info = read_dataset(tmp_path)
    assert list(counts(info)) == ["a.png"]
    assert f"“{name}” is left out" in said(info)


def test_plain_sub_folders_are_used_where_there_is_nothing_else_and_named_where_there_is(tmp_path):
    save_images(tmp_path / "cam-a", "1.png")
    save_images(tmp_path / "cam-b", "1.png")
    save_images(tmp_path / "masks", "1.png")
    save_images(tmp_path / "held_out", "1.png")
    info = read_dataset(tmp_path)
    assert counts(info) == {"cam-a/1.png": (1, None), "cam-b/1.png": (1, None)}
    assert "“cam-a”, “cam-b” count once each" in said(info)
    save_images(tmp_path, "top.png")
    info = read_dataset(tmp_path)
    assert list(counts(info)) == ["top.png"]
    assert "2 sub-folders (cam-a, cam-b)" in said(info)


# Files of other programs.


def kohya(folder: Path, *, name: str = "dataset.toml", root: str = "") -> None:
    (folder / name).write_text(
        "[general]\nshuffle_caption = true\nkeep_tokens = 1\ncaption_extension = '.txt'\n"
        "[[datasets]]\nresolution = 512\nbatch_size = 4\n"
        f"  [[datasets.subsets]]\n  image_dir = '{root}dog'\n  num_repeats = 4\n"
        "  class_tokens = 'sks dog'\n"
        f"  [[datasets.subsets]]\n  image_dir = '{root}cats'\n  class_tokens = 'zwx cat'\n"
        f"  [[datasets.subsets]]\n  is_reg = true\n  image_dir = '{root}reg'\n"
        "  class_tokens = 'dog'\n"
    )


@pytest.mark.parametrize("name", ["dataset.toml", "my config.toml"])
@pytest.mark.parametrize("root", ["", "./", "/home/me/training/", "C:\\\\training\\\\"])
def test_a_dataset_config_of_kohyas_is_read(tmp_path, name, root):
    save_images(tmp_path / "dog", "1.png")
    (tmp_path / "dog" / "1.txt").write_text("sks dog on a sofa")
    save_images(tmp_path / "cats", "2.png")
    save_images(tmp_path / "reg", "3.png")
    kohya(tmp_path, name=name, root=root)
    info = read_dataset(tmp_path)
    assert counts(info) == {"dog/1.png": (4, "sks dog on a sofa"), "cats/2.png": (1, "zwx cat")}
    assert {item.trigger for item in info.items} == {"sks", "zwx"}
    text = said(info)
    assert f"Read from {name}" in text
    assert "class (regularization) images" in text and "reg" in text
    assert "shuffle_caption = True" in text and "resolution = 512" in text
    assert "other file" not in text and "settings file" not in text


def test_a_config_beside_its_images_means_the_folder_itself(tmp_path):
    folder = save_images(tmp_path / "my dog", "1.png", "2.png")
    (folder / "dataset.toml").write_text(
        "[[datasets]]\n[[datasets.subsets]]\nimage_dir = '/workspace/train/my dog'\n"
        "num_repeats = 7\nclass_tokens = 'sks dog'\n"
    )
    info = read_dataset(folder)
    assert [item.repeats for item in info.items] == [7, 7]
    assert (info.trigger, info.class_word, info.repeats) == ("sks", "dog", 7)


def test_a_config_that_names_other_places_reads_nothing_there(tmp_path):
    save_images(tmp_path / "elsewhere", "secret.png")
    folder = save_images(tmp_path / "set", "1.png")
    place = (tmp_path / "elsewhere").as_posix()
    for path in (place, "../elsewhere"):
        (folder / "dataset.toml").write_text(
            f"[general]\n[[datasets]]\n[[datasets.subsets]]\nimage_dir = '{path}'\n"
        )
        info = read_dataset(folder)
        assert list(counts(info)) == ["1.png"]
        assert "not inside this one" in said(info) and path in said(info)


def test_our_own_file_with_a_misspelt_key_is_still_refused(tmp_path):
    save_images(tmp_path, "a.png")
    (tmp_path / "dataset.toml").write_text('generel = "x"\n')
    with pytest.raises(DatasetError, match="generel"):
        read_dataset(tmp_path)


def test_a_captions_ending_of_kohyas_is_said(tmp_path):
    save_images(tmp_path / "dog", "1.png")
    (tmp_path / "dog" / "1.wd14").write_text("tags")
    (tmp_path / "c.toml").write_text(
        "[[datasets]]\ncaption_extension = '.wd14'\n[[datasets.subsets]]\nimage_dir = 'dog'\n"
    )
    info = read_dataset(tmp_path)
    assert "captions end in “.wd14”" in said(info) and "rename them" in said(info)


def test_kohyas_project_folder(tmp_path):
    save_images(tmp_path / "img" / "10_sks dog", "1.png")
    save_images(tmp_path / "img" / "2023_trip", "2.png")
    save_images(tmp_path / "reg" / "1_dog", "3.png")
    (tmp_path / "log").mkdir()
    (tmp_path / "model").mkdir()
    info = read_dataset(tmp_path)
    assert counts(info) == {
        "img/10_sks dog/1.png": (10, "sks dog"),
        "img/2023_trip/2.png": (1, None),
    }
    assert "“reg” holds class (regularization) images" in said(info)
    assert "log" not in said(info).replace("kohya", "")


def test_onetrainers_concepts(tmp_path):
    save_images(tmp_path / "dog", "a red dog.png")
    save_images(tmp_path / "cat" / "inner", "2.png")
    save_images(tmp_path / "off", "3.png")
    save_images(tmp_path / "val", "4.png")
    rows = [
        {"path": "D:\\train\\dog", "balancing": 3.0, "text": {"prompt_source": "filename"}},
        {"path": "cat", "include_subdirectories": True, "balancing": 1.0,
         "text": {"prompt_source": "concept", "prompt_path": "x.txt"}},
        {"path": "off", "enabled": False},
        {"path": "val", "type": "VALIDATION"},
        {"path": "/etc"},
    ]  # fmt: skip
    (tmp_path / "concepts.json").write_text(json.dumps(rows))
    info = read_dataset(tmp_path)
    assert counts(info) == {
        "dog/a red dog.png": (3, "a red dog"),
        "cat/inner/2.png": (1, None),
    }
    text = said(info)
    for part in ("switched off", "VALIDATION", "“/etc”, which is not inside", "one file for all"):
        assert part in text


def test_condlabel_images_are_no_images(tmp_path):
    save_images(tmp_path, "a.png", "a-condlabel.png", "a-masklabel.png", "b.png")
    info = read_dataset(tmp_path)
    assert list(counts(info)) == ["a.png", "b.png"]
    assert "1 “-condlabel” image" in said(info)
    assert "1 file taken for the mask of an image (a-masklabel.png)" in said(info)


def test_hugging_faces_train_folder(tmp_path):
    save_images(tmp_path / "train", "1.png")
    save_images(tmp_path / "train" / "close", "2.png")
    save_images(tmp_path / "validation", "3.png")
    (tmp_path / "README.md").write_text("a card")
    (tmp_path / "train" / "metadata.jsonl").write_text(
        '{"file_name": "1.png", "text": "one"}\n{"file_name": "close/2.png", "text": "two"}\n'
    )
    info = read_dataset(tmp_path)
    assert counts(info) == {"train/1.png": (1, "one"), "train/close/2.png": (1, "two")}
    assert "“validation” is not trained on" in said(info)
    assert read_caption(tmp_path / "train" / "close" / "2.png") == "two"


def test_the_names_that_a_table_tells_belong_to_the_dataset(tmp_path):
    save_images(tmp_path, "top.png")
    save_images(tmp_path / "deep" / "er", "1.png")
    (tmp_path / "metadata.jsonl").write_text(
        '{"file_name": "deep/er/1.png", "text": "one"}\n{"file_name": "top.png", "text": "t"}\n'
        '{"file_name": "gone/2.png", "text": "two"}\n'
    )
    info = read_dataset(tmp_path)
    assert counts(info) == {"top.png": (1, "t"), "deep/er/1.png": (1, "one")}
    assert "1 image that is not there (gone/2.png)" in said(info)
    assert read_caption(tmp_path / "deep" / "er" / "1.png") == "one"


@pytest.mark.parametrize("name", ["", ".", "/", "x" * 5000 + "/1.png", "a\0b/1.png", "../1.png", 7])
def test_odd_names_in_a_table_do_no_harm(tmp_path, name):
    save_images(tmp_path, "1.png")
    rows = [{"file_name": name, "text": "odd"}, {"file_name": "1.png", "text": "one"}]
    (tmp_path / "metadata.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    assert counts(read_dataset(tmp_path))["1.png"][1] in ("one", "odd")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_csv_of_hugging_faces(tmp_path, delimiter):
    save_images(tmp_path, "1.png", "2.png", "3.png")
    rows = [
        ["file_name", "text", "more"],
        ["1.png", '"one, with a comma; and ""quotes"""', "x"],
        ["2.png", "zwei Kätzchen", "y"],
    ]
    text = "\ufeff" + "\r\n".join(delimiter.join(row) for row in rows)
    (tmp_path / "metadata.csv").write_bytes(text.encode())
    captions = {path.name: caption for path, caption in read_captions(tmp_path).items()}
    wanted = {"1.png": 'one, with a comma; and "quotes"', "2.png": "zwei Kätzchen", "3.png": None}
    assert captions == wanted
    assert read_caption(tmp_path / "1.png") == wanted["1.png"]


def test_kohyas_table_of_captions_and_tags(tmp_path):
    save_images(tmp_path, "1.png", "2.png", "3.png", "4.png")
    (tmp_path / "meta_cap.json").write_text(
        json.dumps(
            {
                "1.png": {"caption": "by its name"},
                "2": {"tags": "by, its, stem"},
                "/home/me/set/3.png": {"caption": "from another machine", "tags": "x"},
                "C:\\set\\4.png": {"caption": "from Windows"},
            }
        )
    )
    found = {path.name: caption for path, caption in read_captions(tmp_path).items()}
    assert found == {
        "1.png": "by its name",
        "2.png": "by, its, stem",
        "3.png": "from another machine",
        "4.png": "from Windows",
    }


@pytest.mark.parametrize(
    "row, caption",
    [
        ({"caption": "a dog"}, "a dog"),
        ({"text": "a dog"}, "a dog"),
        ({"tags": ["1girl", "dog"]}, "1girl, dog"),
        ({"tags": "1girl, dog", "id": 7}, "1girl, dog"),
        ({"width": 7}, None),
        (["a"], None),
    ],
)
def test_a_json_beside_an_image(tmp_path, row, caption):
    save_images(tmp_path, "1.png")
    (tmp_path / "1.json").write_text(json.dumps(row))
    assert read_caption(tmp_path / "1.png") == caption
    assert list(read_captions(tmp_path).values()) == [caption]


@pytest.mark.parametrize(
    "name, caption",
    [
        ("00012-0-a red dog", "a red dog"),
        ("00003-1234567890-a cat, sitting", "a cat, sitting"),
        ("00012-0", None),
        ("00012-0-17", None),
        ("2024-01-15-beach", None),  # a date
        ("12-0-a dog", None),
    ],
)
def test_a_caption_in_a_name_as_a1111_writes_it(tmp_path, name, caption):
    save_images(tmp_path, f"{name}.png")
    assert list(read_captions(tmp_path).values()) == [caption]
    (tmp_path / f"{name}.txt").write_text("its own")
    assert list(read_captions(tmp_path).values()) == ["its own"]


def test_a_table_that_is_none_is_named_and_ends_nothing(tmp_path):
    save_images(tmp_path, "1.png")
    (tmp_path / "meta_cap.json").write_text("{nonsense")
    (tmp_path / "metadata.csv").write_bytes(b"a,b\n" + b"\0" * 100)
    assert "meta_cap.json" in said(read_dataset(tmp_path))


def test_settings_of_ai_toolkit_are_named(tmp_path):
    save_images(tmp_path, "1.png")
    (tmp_path / "train.yaml").write_text("job: extension\nconfig:\n  datasets:\n  - folder_path: x")
    assert "1 settings file of another program (train.yaml)" in said(read_dataset(tmp_path))


def test_people_who_wear_masks_are_told_what_their_images_were_taken_for(tmp_path):
    save_images(tmp_path, "woman.png", "woman_mask.png", "woman-mask.png", "other.png")
    info = read_dataset(tmp_path)
    assert list(counts(info)) == ["other.png", "woman.png"]
    assert "2 files taken for masks of images (woman-mask.png, woman_mask.png)" in said(info)


def test_a_folder_of_masks_is_counted_by_its_masks(tmp_path):
    save_images(tmp_path, "a.png", "b.png")
    save_images(tmp_path / "masks", "a.png", "b.png")
    unused = read_dataset(tmp_path).unused
    assert "2 files taken for masks of images (masks/a.png, masks/b.png)" in str(unused.sentence())
    assert unused.sentence(masks_used=True) is None


def test_endings_that_cannot_be_read_and_images_without_an_ending(tmp_path):
    save_images(tmp_path, "a.png", "noending.png")
    (tmp_path / "noending.png").rename(tmp_path / "noending")
    for name in ("x.heic", "x.jxl", "y.CR2", "clip.mp4"):
        (tmp_path / name).write_bytes(b"?")
    (tmp_path / "x.txt").write_text("of x")
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._a.png"):
        (tmp_path / name).write_bytes(b"?")
    line = read_dataset(tmp_path).unused.sentence() or ""
    assert "4 images of kinds that cannot be read here (clip.mp4, x.heic, x.jxl and 1 more)" in line
    assert "1 image without an image's ending (noending)" in line
    assert "caption" not in line, "its image is named already"
    assert "Thumbs" not in line and "DS_Store" not in line and "._a" not in line


def test_a_folder_of_nothing_readable_says_what_it_saw(tmp_path):
    (tmp_path / "x.heic").write_bytes(b"?")
    with pytest.raises(DatasetError, match=r"x\.heic"):
        read_dataset(tmp_path)


def test_every_ending_that_the_library_reads_is_an_image(tmp_path):
    image = Image.new("RGB", (8, 6), "teal")
    image.save(tmp_path / "a.png")
    for name, kind in {
        "b.JPG": "JPEG", "d.jfif": "JPEG", "e.avif": "AVIF", "f.gif": "GIF", "g.tif": "TIFF",
        "g2.TIFF": "TIFF", "h.jpe": "JPEG", "k.png.jpg_large": "JPEG", "l.jpg_orig": "JPEG",
        "m.jpg-1": "JPEG", "n.apng": "PNG", "o.bmp": "BMP", "p.webp": "WEBP",
    }.items():  # fmt: skip
        image.save(tmp_path / name, format=kind)
        (tmp_path / name).with_suffix(".txt").write_text(f"of {name}")
    info = read_dataset(tmp_path)
    assert info.images == 14 and info.captioned == 13
    assert dict(read_captions(tmp_path))[tmp_path / "k.png.jpg_large"] == "of k.png.jpg_large"
