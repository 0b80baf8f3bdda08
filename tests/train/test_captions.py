"""Captions that change from step to step: picked, with fewer tags, and resumed bit for bit."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest
import torch

from studio.families.base import Base
from studio.settings.training import DataSettings
from studio.train import cache
from studio.train.cache import TextCache
from studio.train.captions import item_caption, training_caption
from studio.train.data import Item
from studio.train.loop import Trainer
from studio.train.state import Progress, latest_checkpoint, load_checkpoint, save_checkpoint
from tests.matrix.conftest import make_trainer
from tests.train.conftest import weights

PLAIN = DataSettings(caption_dropout=0)


def item(*captions: str) -> Item:
    return Item(Path("1.png"), captions[0], (32, 32), False, 1, captions=captions)


def test_one_of_several_captions_is_picked_as_often_as_it_counts() -> None:
    own = item("a", "b", "b", "b")
    found = [item_caption(own, PLAIN, 1, step, 0) for step in range(2000)]
    assert found == [item_caption(own, PLAIN, 1, step, 0) for step in range(2000)]
    counts = Counter(found)
    assert set(counts) == {"a", "b"} and 0.7 < counts["b"] / 2000 < 0.8
    assert found != [item_caption(own, PLAIN, 2, step, 0) for step in range(2000)]
    assert found != [item_caption(own, PLAIN, 1, step, 1) for step in range(2000)]
    assert item_caption(item("only"), PLAIN, 1, 1, 0) == "only"


def test_which_caption_comes_says_nothing_of_what_is_dropped_from_it() -> None:
    """Each chance has a purpose of its own: no two move together."""
    settings = DataSettings(caption_dropout=0.5)
    texts = [item_caption(item("a", "b"), settings, 1, step, 0) for step in range(2000)]
    counts = Counter(texts)
    assert abs(counts["a"] - counts["b"]) < 150 and 900 < counts[""] < 1100


@pytest.mark.parametrize("shuffle", [False, True])
def test_each_tag_is_left_out_by_itself_and_the_first_stay(shuffle: bool) -> None:
    settings = DataSettings(caption_dropout=0, tag_dropout=0.25, keep_tags=2, shuffle_tags=shuffle)
    tags = [f"t{k}" for k in range(8)]
    found = [
        training_caption(", ".join(tags), settings, 3, step, 0).split(", ") for step in range(1500)
    ]
    assert all(one[:2] == tags[:2] for one in found)
    assert all(len(set(one)) == len(one) and set(one) <= set(tags) for one in found)
    counts = Counter(tag for one in found for tag in one[2:])
    assert all(0.7 < counts[tag] / 1500 < 0.8 for tag in tags[2:])
    in_order = [one == [tag for tag in tags if tag in one] for one in found]
    assert all(in_order) is not shuffle


@pytest.mark.parametrize(
    "caption",
    ["", ",", ", ,", "one tag", "trailing, commas, ,", "猫, 🦊, ñandú,", "a sentence. With a dot"],
)
def test_odd_captions_lose_nothing_but_tags(caption: str) -> None:
    settings = DataSettings(caption_dropout=0, tag_dropout=0.5, keep_tags=0)
    tags = {tag.strip() for tag in caption.split(",")}
    for step in range(50):
        made = training_caption(caption, settings, 1, step, 0)
        assert set(made.split(", ")) <= tags | {""}
    if "," not in caption:
        assert made == caption


def test_five_thousand_tags_are_handled_at_once() -> None:
    settings = DataSettings(caption_dropout=0, tag_dropout=0.5, shuffle_tags=True)
    made = training_caption(", ".join(f"t{k}" for k in range(5000)), settings, 1, 1, 0)
    assert 2300 < made.count(", ") + 1 < 2700


def test_all_tags_may_go() -> None:
    settings = DataSettings(caption_dropout=0, tag_dropout=1, keep_tags=0)
    assert training_caption("a, b, c", settings, 1, 1, 0) == ""
    kept = settings.model_copy(update={"keep_tags": 1})
    assert training_caption("a, b, c", kept, 1, 1, 0) == "a"


CHANGING = (
    "data.caption_dropout=0.2", "data.tag_dropout=0.3", "data.shuffle_tags=true", "data.keep_tags=1",
    "options.text_encoder=false", "options.dropout=0",
)  # fmt: skip


@pytest.fixture
def several(images: Path, tmp_path: Path) -> Path:
    """The images of the matrix with two to four captions each, all of them lists of tags."""
    folder = tmp_path / "several"
    shutil.copytree(images, folder)
    for k in range(5):
        lines = [f"zibbo, cat {k}, red, big, far {n}" for n in range(2 + k % 3)]
        (folder / f"{k}.txt").write_text("\n".join(lines))
    file = folder / "dataset.toml"
    file.write_text('captions = "lines"\n' + file.read_text())
    return folder


def test_a_resumed_run_sees_the_same_captions_and_ends_bit_equal(
    tiny: Base, several: Path, tmp_path: Path
) -> None:
    def fresh(seen: list[str]) -> Trainer:
        trainer = make_trainer(tiny, "lora", several, tmp_path, *CHANGING)
        own = trainer.trainable.caption

        def noted(caption: str) -> str:
            seen.append(caption)
            return own(caption)

        trainer.trainable.caption = noted  # type: ignore[method-assign]
        return trainer

    seen: list[str] = []
    whole = fresh(seen)
    whole.run()
    parts: list[str] = []
    first = fresh(parts)
    run = tmp_path / "run"

    def save(progress: Progress) -> None:
        save_checkpoint(run, progress, first.trainable.state(), first.optimizer)

    first.hooks.save = save
    first.hooks.step = lambda facts: setattr(first.commands, "stop", facts.step == 4)
    assert first.run() is False
    second = fresh(parts)
    second.progress, state = load_checkpoint(latest_checkpoint(run), second.optimizer)
    second.load_state(state)
    second.run()
    trained = [text for text in parts if "," in text or not text]
    assert Counter(trained) >= Counter(text for text in seen if "," in text or not text)
    assert len(set(seen)) > 10, "the captions really change"
    assert torch.equal(weights(whole), weights(second))


def test_encoded_texts_have_a_bound_and_what_was_let_go_comes_back_the_same(
    tiny: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = TextCache(tiny)
    first = texts.get(["a cat"]).embeds.clone()
    monkeypatch.setattr(cache, "TEXT_BYTES", 3 * tiny.encode(["a cat"]).bytes)
    for k in range(10):
        texts.get([f"a dog {k}"])
        texts.get(["a cat"])
    assert texts.encoded == 11, "what is used again and again stays"
    for k in range(10):
        texts.get([f"a bird {k}"])
    assert texts.encoded == 21 and texts._bytes <= cache.TEXT_BYTES
    assert torch.equal(texts.get(["a cat"]).embeds, first) and texts.encoded == 22
    both = texts.get(["a cat", "a dog 1"]).embeds
    assert torch.equal(both[:1], first)
