"""Taggers: the image they see, the tags that are written, and files that are no tagger."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from studio import cli
from studio.caption.captioner import load_captioner
from studio.caption.source import Means
from studio.caption.tagger import is_face, prepare
from studio.core.errors import FileError, MissingError, UnavailableError
from studio.formats.dataset import read_captions
from studio.settings.caption import CaptionerSettings
from tests.caption.tiny_tagger import TAGS, make_tagger

BLUE, RED = Image.new("RGB", (20, 20), "blue"), Image.new("RGB", (20, 20), "red")


def tags(folder: Path, images: list[Image.Image], **values: Any) -> list[str]:
    settings = CaptionerSettings.parse({"kind": "tagger", "model": str(folder), **values})
    return load_captioner(settings, Means("cpu")).caption(images)


def test_an_image_stands_on_a_white_square_in_bgr():
    tall = Image.new("RGB", (2, 4), (10, 20, 30))
    seen = prepare(tall, 4)
    assert seen.shape == (4, 4, 3) and seen.dtype == np.float32
    assert seen[0, 0].tolist() == [255, 255, 255] and seen[0, 1].tolist() == [30, 20, 10]
    assert prepare(Image.new("RGBA", (8, 8), (255, 0, 0, 0)), 4).min() == 255
    assert prepare(tall, 16).shape == (16, 16, 3)


def test_tags_come_by_probability_a_character_first_without_rating(tmp_path: Path):
    make_tagger(tmp_path)
    assert tags(tmp_path, [BLUE, RED]) == [
        "some character (series), blue hair, ^_^, cat (animal)",
        "red hat, ^_^, cat (animal)",
    ]
    assert tags(tmp_path, [BLUE], threshold=0.5, character_threshold=0.95) == ["blue hair"]
    assert tags(tmp_path, [RED], threshold=0.99) == [""]


def test_how_tags_are_written(tmp_path: Path):
    make_tagger(tmp_path)
    assert tags(tmp_path, [RED], spaces=False, escape=True) == [r"red_hat, ^_^, cat_\(animal\)"]
    left_out = {"exclude": ["RED_HAT", "cat (animal)"], "ratings": True}
    assert tags(tmp_path, [RED], **left_out) == ["rating:general, ^_^"]


@pytest.mark.parametrize("tag", ["^_^", "o_o", ">_<", "|_|", "3_3", "(o)_(o)", "._."])
def test_faces_keep_their_lines(tag: str):
    assert is_face(tag) and not is_face("red_hat") and not is_face("long_hair")


def test_a_network_for_one_image_at_a_time_gets_one(tmp_path: Path):
    make_tagger(tmp_path, shape=(1, 16, 16, 3))
    assert [text.split(", ")[0] for text in tags(tmp_path, [RED, BLUE, RED])] == [
        "red hat", "some character (series)", "red hat",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("made", "what"),
    [
        ({"shape": ("n", 3, 16, 16)}, "wants another input"),
        ({"shape": ("n", 16, 8, 3)}, "wants another input"),
        ({"shape": ("n", "h", "w", 3)}, "wants another input"),
        ({"dtype": "UINT8"}, "wants another input"),
        ({"outputs": 9}, "does not belong to this model.*9 probabilities.*7 tags"),
        ({"sigmoid": False}, "gives no probabilities"),
    ],
)
def test_a_network_that_is_no_tagger(tmp_path: Path, made: dict[str, Any], what: str):
    make_tagger(tmp_path, **made)
    with pytest.raises(FileError, match=what) as caught:
        tags(tmp_path, [BLUE])
    assert caught.value.where and caught.value.why and caught.value.remedy


@pytest.mark.parametrize(
    ("label", "what"),
    [
        (None, "has no selected_tags.csv"),
        ("tag_id,name,category,count\n", "is empty"),
        ("id;tag\n1;x\n", "no list of tags"),
        ("tag_id,name,category,count\n1,x,many,2\n", "no list of tags"),
    ],
)
def test_a_list_of_tags_that_is_none(tmp_path: Path, label: str | None, what: str):
    make_tagger(tmp_path)
    file = tmp_path / "selected_tags.csv"
    if label is None:
        file.unlink()
    else:
        file.write_text(label)
    with pytest.raises(FileError, match=what) as caught:
        tags(tmp_path, [BLUE])
    assert caught.value.remedy


def test_a_folder_without_model_and_damaged_bytes(tmp_path: Path):
    with pytest.raises(FileError, match=r"It has no model\.onnx"):
        tags(tmp_path, [BLUE])
    with pytest.raises(MissingError, match="not there"):
        tags(tmp_path / "nowhere", [BLUE])
    make_tagger(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"\x08\x07" + b"x" * 100)
    with pytest.raises(FileError, match="no ONNX model"):
        tags(tmp_path, [BLUE])


def test_without_onnxruntime_the_line_that_installs_it_is_said(tmp_path: Path, monkeypatch):
    make_tagger(tmp_path)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UnavailableError, match="pip install onnxruntime"):
        tags(tmp_path, [BLUE])


def test_the_command_writes_tags_a_single_one_too(images: Path, tmp_path: Path, capsys):
    make_tagger(tmp_path / "wd")
    place = ["--workspace", str(tmp_path / "workspace")]
    command = ["caption", str(images), "--tagger", str(tmp_path / "wd"), "--threshold", "0.6"]
    assert cli.main([*command, "--answer", "{trigger}, {caption}", *place]) == 0
    found = {path.name: text for path, text in read_captions(images).items()}
    assert found["1.png"] == "red hat" and found["3.png"] == "some character (series), blue hair"
    assert found["10.png"] is None
    assert "10.png. The model found no words for it" in capsys.readouterr().err
    assert len(TAGS) == 7
