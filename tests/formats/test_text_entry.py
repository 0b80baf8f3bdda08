"""Texts that editors and other programs save: marks, encodings, line ends, Windows' paths."""

from __future__ import annotations

import codecs
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from studio.compare.record import list_comparisons
from studio.core.errors import DatasetError
from studio.formats import lora
from studio.formats.captions import ORIGINALS, write_caption
from studio.formats.dataset import read_captions, read_dataset
from studio.library import presets
from studio.runs.events import read_events, read_state
from studio.runs.records import Message, RunState
from studio.settings import grid
from studio.ui.form import Field, _plain
from tests.odd_names import HALF, ODD, save_image

BOM = codecs.BOM_UTF8
CHINESE = ["一只穿着红色衣服的猫坐在椅子上", "狗", "zibbo 猫, 窗边"]


def captioned(folder: Path, captions: list[str], encoding: str, mark: bytes = b"") -> Path:
    for number, caption in enumerate(captions):
        save_image(folder / f"{number}.png", number)
        (folder / f"{number}.txt").write_bytes(mark + caption.encode(encoding))
    return folder


@pytest.mark.parametrize(
    ("captions", "encoding", "title"),
    [
        (CHINESE, "gbk", "GBK"),
        (["白い猫、青い目", "ネコ", "桜"], "cp932", "Shift-JIS"),
        (["白色的貓，藍色的眼睛", "貓"], "big5", "Big5"),
        (["рыжий кот сидит на стуле", "кот", "дом"], "cp1251", "Windows-1251"),
        (["하얀 고양이가 의자에 앉아 있다", "개"], "euc_kr", "EUC-KR"),
        (["un café très noir", "über"], "cp1252", "Windows-1252"),
    ],
)
def test_captions_in_old_encodings_are_read_and_said(
    tmp_path: Path, captions: list[str], encoding: str, title: str
) -> None:
    info = read_dataset(captioned(tmp_path, captions, encoding))
    assert [item.caption for item in info.items] == captions
    (problem,) = info.problems
    assert title in problem
    assert "0.txt" in problem


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [("utf-8", BOM), ("utf-16", b""), ("utf-32", b""), ("utf-16-le", b""), ("utf-32-be", b"")],
)
def test_captions_in_unicode_need_no_word(tmp_path: Path, encoding: str, mark: bytes) -> None:
    captions = ["a zibbo cat by the window", "a zibbo – 猫 🎉"]
    info = read_dataset(captioned(tmp_path, captions, encoding, mark))
    assert [item.caption for item in info.items] == captions
    assert not info.problems


def test_a_caption_cut_inside_a_character_is_said(tmp_path: Path) -> None:
    captioned(tmp_path, ["plain"], "utf-8")
    (tmp_path / "0.txt").write_bytes("зелёный дом".encode()[:-1])
    info = read_dataset(tmp_path)
    assert info.items[0].caption == "зелёный до\ufffdD0"
    assert "damaged" in info.problems[0]


def test_editing_a_caption_keeps_the_bytes_that_were_guessed_at(tmp_path: Path) -> None:
    captioned(tmp_path, CHINESE, "gbk")
    write_caption(tmp_path / "0.png", "new 猫")
    assert (tmp_path / "0.txt").read_text("utf-8") == "new 猫\n"
    assert (tmp_path / ORIGINALS / "0.txt").read_bytes() == CHINESE[0].encode("gbk")
    write_caption(tmp_path / "0.png", "newer")
    assert (tmp_path / ORIGINALS / "0.txt").read_bytes() == CHINESE[0].encode("gbk")
    assert list(read_captions(tmp_path).values()) == ["newer", *CHINESE[1:]]


def test_binary_beside_an_image_is_no_caption(tmp_path: Path) -> None:
    captioned(tmp_path, ["one", "two"], "utf-8")
    (tmp_path / "0.txt").write_bytes(b"PK\3\4\0\0\0" + bytes(range(256)))
    info = read_dataset(tmp_path)
    assert [item.caption for item in info.items] == [None, "two"]
    assert "not text a person wrote" in info.problems[0]


def test_rows_of_a_table_end_at_line_ends_only_and_name_files_in_any_way(tmp_path: Path) -> None:
    for place in ("1.png", "sub/2.png", f"{ODD}.png", "4.png"):
        save_image(tmp_path / place, 1)
    rows = [
        {"file_name": "1.png", "text": "one\u2028still one\x85and\u2029on"},
        {"file_name": "sub\\2.png", "text": "two"},
        {"file_name": f"{ODD}.png", "text": f"three {HALF}"},
        {"file_name": "", "text": "nothing"},
        {"file_name": "4.png", "text": "four"},
    ]
    lines = [json.dumps(row, ensure_ascii=row["text"].startswith("three")) for row in rows]
    (tmp_path / "metadata.jsonl").write_bytes(BOM + "\r\n".join(lines).encode())
    captions = {path.name: text for path, text in read_captions(tmp_path).items()}
    assert captions["1.png"] == "one\u2028still one\x85and\u2029on"
    assert captions["2.png"] == "two"
    assert captions[f"{ODD}.png"] == "three \ufffduD83C"
    assert captions["4.png"] == "four"


def test_notepads_mark_is_no_error(tmp_path: Path) -> None:
    captioned(tmp_path / "data", ["a zibbo cat"], "utf-8")
    (tmp_path / "data" / "dataset.toml").write_bytes(BOM + b'trigger = "zibbo"\r\n')
    assert read_dataset(tmp_path / "data").trigger == "zibbo"
    preset = tmp_path / "mine.toml"
    preset.write_bytes(BOM + (presets.PRESETS / "starter-lora.toml").read_bytes())
    assert presets.find_preset(str(preset)).method == "lora"
    for bad in (b"trigger = 'caf\xe9'", b"\xff\xfe\0"):
        (tmp_path / "data" / "dataset.toml").write_bytes(bad)
        with pytest.raises(DatasetError, match=r"dataset\.toml"):
            read_dataset(tmp_path / "data")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_pefts_settings_count_whatever_saved_them(tmp_path: Path, encoding: str) -> None:
    name = "base_model.model.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
    tensors = {f"{name}.lora_A.weight": torch.ones(8, 4), f"{name}.lora_B.weight": torch.ones(4, 8)}
    save_file(tensors, tmp_path / "adapter_model.safetensors")
    config = json.dumps({"peft_type": "LORA", "r": 8, "lora_alpha": 2})
    (tmp_path / "adapter_config.json").write_bytes(config.encode(encoding))
    file = lora.read(tmp_path / "adapter_model.safetensors")
    alphas = {module.alpha for module in file.modules.values()}
    assert alphas == {2.0}


def test_prompts_in_a_form_and_on_an_axis_end_at_line_ends_only() -> None:
    prompts = "a cat\u2028by the sea\na dog\x85asleep\r\n\n"
    item = Field("prompts", "Prompts", "", "lines", [])
    assert _plain(item, prompts) == ["a cat\u2028by the sea", "a dog\x85asleep"]
    assert grid.read("prompt", prompts, "").values == ["a cat\u2028by the sea", "a dog\x85asleep"]


def test_a_runs_state_and_events_survive_any_text(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("[" * 100_000)
    assert read_state(tmp_path) == RunState()
    lines = [
        json.dumps({"kind": "message", "text": f"{HALF}\u2028x"}),
        "[" * 5000,
        '{"kind": "end"}',
    ]
    (tmp_path / "events.jsonl").write_text("\n".join(lines) + "\n")
    events, _ = read_events(tmp_path)
    assert [event.kind for event in events] == ["message", "end"]
    assert isinstance(events[0], Message) and events[0].text == "\ufffduD83C\u2028x"


def test_one_odd_comparison_keeps_no_other_from_view(tmp_path: Path) -> None:
    good = {"columns": [], "cells": [], "prompts": [], "seeds": [], "created": 1.0}
    for name, text in {
        "good": json.dumps(good),
        "later": json.dumps({**good, "created": "yesterday"}),
        "list": "[]",
        "deep": "[" * 100_000,
        "strange": json.dumps({**good, "columns": 5}),
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "comparison.json").write_text(text)
    assert [found.id for found in list_comparisons(tmp_path)] == ["good", "later"]
