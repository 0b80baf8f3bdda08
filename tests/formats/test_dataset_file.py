"""`dataset.toml` as the page writes it: what a person wrote by hand stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.core.errors import DatasetError, SettingsError
from studio.formats.dataset_file import DATASET_FILE, read_dataset_file, write_dataset_file

SAID = {"kind": "style", "trigger": "zorp", "class_word": ""}


def test_a_folder_without_a_file_gets_one(tmp_path: Path) -> None:
    assert write_dataset_file(tmp_path, SAID).trigger == "zorp"
    found = read_dataset_file(tmp_path)
    assert (found.kind, found.trigger, found.class_word) == ("style", "zorp", "")


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        ('# mine\ntrigger = "old" # why\nrepeats = 3\n', ["# mine", "repeats = 3"]),
        ('[folders]\n"close ups" = 3 # near\n', ['"close ups" = 3 # near']),
        ('name = "A"\r\ntrigger="x"\r\n[folders]\r\ntrigger = 2\r\n', ['name = "A"', "trigger = 2"]),
        ('class_word = "dog"', []),
        ('# trigger = "no"\n', ['# trigger = "no"']),
    ],
)  # fmt: skip
def test_all_other_lines_stay(tmp_path: Path, before: str, kept: list[str]) -> None:
    (tmp_path / DATASET_FILE).write_bytes(before.encode())
    unchanged = read_dataset_file(tmp_path)
    write_dataset_file(tmp_path, SAID)
    lines = (tmp_path / DATASET_FILE).read_text().splitlines()
    assert [line for line in kept if line not in lines] == []
    assert read_dataset_file(tmp_path) == unchanged.model_copy(update=SAID)


def test_a_value_over_several_lines_is_replaced_whole(tmp_path: Path) -> None:
    (tmp_path / DATASET_FILE).write_text('trigger = """\nold"""\nrepeats = 2\n')
    write_dataset_file(tmp_path, {"trigger": 'a "b"'})
    found = read_dataset_file(tmp_path)
    assert (found.trigger, found.repeats) == ('a "b"', 2)


def test_what_cannot_be_written_leaves_the_file_alone(tmp_path: Path) -> None:
    file = tmp_path / DATASET_FILE
    file.write_text("[[datasets]]\nresolution = 512\n")
    with pytest.raises(DatasetError, match="Another program's settings"):
        write_dataset_file(tmp_path, SAID)
    assert file.read_text() == "[[datasets]]\nresolution = 512\n"
    file.write_text("trigger = ")
    with pytest.raises(DatasetError, match="cannot be read"):
        write_dataset_file(tmp_path, SAID)
    file.write_text("")
    with pytest.raises(SettingsError, match="kind"):
        write_dataset_file(tmp_path, {"kind": "thing"})
    assert file.read_text() == ""
