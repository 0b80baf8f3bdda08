"""The loss of each image at fixed noise: the same every time, and no part of the training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from studio.app import Studio
from studio.core.errors import MissingError, UnavailableError
from studio.formats import safetensors_file
from studio.runs import image_losses
from studio.runs.image_losses import ImageLossRecord, LearntRow
from studio.runs.measuring_images import measure_checkpoint
from studio.runs.records import ImagesMeasured, only
from studio.settings.training import RunConfig
from studio.train.image_losses import OTHERS, PAIRS, other_captions

Config = Callable[..., RunConfig]


def finished(studio: Studio, config: RunConfig) -> Path:
    run = studio.runs.start(config)
    state = studio.runs.wait(run)
    assert state.state == "finished", state.reason
    return studio.runs.folder(run)


def trained(folder: Path) -> dict[str, object]:
    from studio.train.state import latest_checkpoint

    tensors, _ = safetensors_file.read_tensors(latest_checkpoint(folder) / "trainable.safetensors")
    return {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}


def test_a_run_learns_the_same_bit_for_bit_whether_its_images_are_measured_or_not(
    studio: Studio, config: Config
) -> None:
    changes = ("options.text_encoder=true", "options.dropout=0.1", "data.caption_dropout=0.5")
    with_it = finished(studio, config("image_loss.every=1", *changes))
    without = finished(studio, config("image_loss.every=never", *changes))
    assert image_losses.steps(with_it) == [1, 2, 3, 4]
    assert image_losses.steps(without) == []
    assert trained(with_it) == trained(without)


def test_a_checkpoint_measured_afterwards_gives_what_the_run_measured(
    studio: Studio, config: Config
) -> None:
    folder = finished(studio, config("image_loss.every=2"))
    events = only(studio.runs.view(folder.name).events, ImagesMeasured)
    assert [(one.step, one.file) for one in events] == [
        (2, "image-losses/step-000002.json"),
        (4, "image-losses/step-000004.json"),
    ]
    for step in (2, 4):
        before = image_losses.read(folder, step)
        (folder / image_losses.FOLDER / f"step-{step:06d}.json").unlink()
        with studio.runtime.turn("measuring", "anything"):
            after = measure_checkpoint(
                folder, studio.runs.config(folder.name), studio.runtime, step
            )
        assert after == before == image_losses.read(folder, step)
        assert before is not None
        assert [row.file for row in before.rows] == ["0.png", "1.png", "2.png", "3.png"]
        assert before.images == 4 and before.timesteps == PAIRS
        assert all(len(row.base) == len(row.own) == len(PAIRS) for row in before.rows)
    early, late = (image_losses.read(folder, step) for step in (2, 4))
    assert early is not None and late is not None
    assert [row.base for row in early.rows] == [row.base for row in late.rows]
    assert all(a.own != b.own for a, b in zip(early.rows, late.rows, strict=True))
    with pytest.raises(MissingError, match="no checkpoint of step 3"):
        measure_checkpoint(folder, studio.runs.config(folder.name), studio.runtime, 3)


def test_noise_follows_the_image_not_its_name_or_its_place(studio: Studio, config: Config) -> None:
    one = image_losses.read(finished(studio, config("image_loss.every=4")))
    data = studio.workspace.datasets / "zibbo"
    for ending in ("png", "txt"):
        (data / f"0.{ending}").rename(data / f"9.{ending}")
    other = image_losses.read(finished(studio, config("image_loss.every=4")))
    assert one is not None and other is not None
    assert {row.base for row in one.rows} == {row.base for row in other.rows}


def test_of_many_images_a_fair_few_are_measured_and_it_is_said(
    studio: Studio, config: Config
) -> None:
    changes = "image_loss.every=4", "image_loss.images=2", "data.flip=true"
    record = image_losses.read(finished(studio, config(*changes)))
    assert record is not None
    assert [row.file for row in record.rows] == ["0.png", "2.png"]
    assert (record.images, record.as_shown()["measured"]) == (4, 2)


def test_a_method_that_does_not_denoise_says_so(studio: Studio, config: Config) -> None:
    folder = finished(studio, config(method="aesthetic"))
    assert image_losses.steps(folder) == []
    with pytest.raises(UnavailableError, match="no loss per image"):
        measure_checkpoint(folder, studio.runs.config(folder.name), studio.runtime)


def row(file: str, base: float, own: float, others: float | None) -> LearntRow:
    pair = None if others is None else (others,) * 2
    return LearntRow(file=file, base=(base, base), own=(own, own), others=pair)


def test_an_image_learnt_by_heart_with_another_ones_caption_is_last() -> None:
    rows = [row(f"{k}.png", 1.0, 0.6, 0.8 + 0.01 * k) for k in range(7)]
    rows.insert(3, row("wrong.png", 1.4, 0.5, 0.5))  # the one of which most was learnt
    record = ImageLossRecord(rows=tuple(rows))
    assert record.ordered()[0].file == "wrong.png"
    assert [one.file for one in record.never()] == ["wrong.png"]
    assert record.ordered()[0].learnt == pytest.approx(0.9 / 1.4)


def test_where_captions_are_all_alike_the_least_learnt_is_last_and_none_is_accused() -> None:
    rows = [row(f"{k}.png", 1.0, 0.5 + 0.1 * (k == 2), None) for k in range(8)]
    record = ImageLossRecord(rows=tuple(rows))
    assert record.ordered()[0].file == "2.png"
    assert record.never() == []


def test_a_caption_is_judged_where_there_is_much_noise() -> None:
    row = LearntRow(file="a", base=(1.0, 1.0), own=(0.5, 0.9), others=(0.9, 0.9))
    assert ImageLossRecord(timesteps=(0.2, 0.9), rows=(row,)).worth(row) == 0
    assert ImageLossRecord(timesteps=(0.9, 0.2), rows=(row,)).worth(row) == pytest.approx(4 / 9)


def test_captions_that_all_tell_little_accuse_no_image() -> None:
    worth = (0.01, -0.02, 0.03, 0.0, 0.02, -0.01, 0.04, 0.015)
    rows = tuple(row(f"{k}.png", 1.0, 0.5, 0.5 / (1 - one)) for k, one in enumerate(worth))
    assert ImageLossRecord(rows=rows).never() == []


def test_each_timestep_counts_alike() -> None:
    loud = LearntRow(file="a", base=(10.0, 0.1), own=(10.0, 0.05))
    assert loud.learnt == pytest.approx(0.25)


def test_other_captions_are_those_that_share_the_fewest_words() -> None:
    captions = [
        "a red cat",
        "a red dog",
        "a blue boat",
        "the green sea",
        "the old sea",
        "a red cat",
    ]
    found = other_captions(captions, "a red cat", 1, 5)
    assert len(found) == OTHERS
    assert set(found) == {"the green sea", "the old sea", "a blue boat"}
    assert found == other_captions(list(reversed(captions)), "a red cat", 1, 5)


def test_a_record_of_a_newer_version_keeps_what_it_says(tmp_path: Path) -> None:
    value = {"version": 9, "step": 3, "rows": [{"file": "a.png", "glow": 1}, 7], "new": True}
    record = ImageLossRecord.read(value)
    assert [one.file for one in record.rows] == ["a.png"]
    assert record.as_json()["new"] is True
    assert image_losses.read(tmp_path) is None
