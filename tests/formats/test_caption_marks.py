"""What other trainers write into captions is read as they mean it, and said."""

from __future__ import annotations

import pytest

from studio.caption.tag_words import insert_trigger
from studio.formats.caption_marks import as_trained
from studio.formats.captions import fill_template, unknown_places
from studio.formats.dataset import read_dataset
from studio.settings.training import DataSettings
from studio.train.data import held_out_items, read_items
from tests.formats.test_dataset import save_images


@pytest.mark.parametrize(
    "written, trained",
    [
        ("[trigger] on a sofa", "zibbo on a sofa"),
        ("a photo of [Trigger], a [trigger]", "a photo of zibbo, a zibbo"),
        (r"hatsune miku \(vocaloid\), \[x\]", "hatsune miku (vocaloid), [x]"),
        ("one\ntwo\r\n\r\nthree\n", "one two three"),
        ("a, b,\nc", "a, b, c"),
        ("plain (as it is) [here]", "plain (as it is) [here]"),
        (r"a \ backslash \n", r"a \ backslash \n"),
        ("", ""),
    ],
)
def test_captions_as_training_reads_them(written, trained):
    assert as_trained(written, "zibbo") == trained


def test_a_trigger_with_a_backslash_is_taken_as_it_is():
    assert as_trained("[trigger] cat", r"\1 \g<0>") == r"\1 \g<0> cat"


def test_without_a_trigger_word_its_place_stays_and_that_is_said(tmp_path):
    save_images(tmp_path, "1.png")
    (tmp_path / "1.txt").write_text("[trigger] on a sofa")
    info = read_dataset(tmp_path).called("")
    assert info.items[0].caption == "[trigger] on a sofa"
    assert any("no trigger word is set" in note for note in info.notes)


def test_training_and_held_out_images_have_them_and_notes_count_them(tmp_path):
    save_images(tmp_path, "1.png", "2.png", "3.png")
    save_images(tmp_path / "held_out", "h.png")
    for name, text in {
        "1": "[trigger]\non a sofa",
        "2": r"zibbo \(cat\)",
        "3": "zibbo",
        "held_out/h": "[trigger] asleep",
    }.items():
        (tmp_path / f"{name}.txt").write_text(text)
    info = read_dataset(tmp_path)
    assert info.items[0].caption == "[trigger]\non a sofa", "what is shown and edited is the file"
    called = info.called("zibbo")
    settings = DataSettings(folder=str(tmp_path), trigger="zibbo")
    items = read_items(called, settings, 64, 8)
    assert [item.caption for item in items] == ["zibbo on a sofa", "zibbo (cat)", "zibbo"]
    assert held_out_items(called, settings, 64, 8)[0].caption == "zibbo asleep"
    notes = " ".join(called.notes)
    for said in ("“[trigger]” in 1 caption is read as “zibbo”", "plain brackets", "Several lines"):
        assert said in notes


def test_images_of_two_concepts_take_their_own_word(tmp_path):
    save_images(tmp_path / "1_sks dog", "1.png")
    save_images(tmp_path / "1_zwx cat", "2.png")
    (tmp_path / "1_sks dog" / "1.txt").write_text("[trigger] runs")
    (tmp_path / "1_zwx cat" / "2.txt").write_text("[trigger] sleeps")
    called = read_dataset(tmp_path).called("other")
    assert [item.caption for item in called.items] == ["sks runs", "zwx sleeps"]


def test_templates_know_the_word_and_a_bulk_edit_sees_it():
    assert fill_template("a photo of [trigger], [filewords]", "sks", "on a sofa") == (
        "a photo of sks, on a sofa"
    )
    assert unknown_places("[trigger] [filewords] [huh]") == ["[huh]"]
    assert insert_trigger("[trigger] on a sofa", "sks") == "[trigger] on a sofa"
