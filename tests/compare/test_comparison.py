"""Comparisons: fair between columns, complete on disk, and honest when something goes wrong."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from studio.clip import folder
from studio.clip.encoders import load_clip
from studio.compare import metrics
from studio.compare.comparison import compare
from studio.compare.record import Comparison, list_comparisons, read_comparison
from studio.core.errors import DatasetError, MissingError, SettingsError, StorageError
from studio.formats.images import read_parameters
from studio.infer import infotext
from studio.infer.engine import generate
from studio.runtime.device_lock import DeviceLock
from studio.settings.training import CompareSettings, GenerateSettings
from tests import failpoint


def settings_for(*stacks: list[dict], **different) -> CompareSettings:
    """Two prompts, two seeds, two steps; one column per stack."""
    columns = [{"name": f"column {i}", "stack": stack} for i, stack in enumerate(stacks)]
    values = {
        "columns": columns, "prompts": ["a cat", "a red dog"], "seeds": [1, 2], "steps": 2,
        "images": 0, "ordinary_images": 0, "batch_size": 3, **different,
    }  # fmt: skip
    return CompareSettings.parse(values)


def pixels(folder: Path, comparison: Comparison, column: int) -> dict[tuple[int, int], np.ndarray]:
    """(prompt, seed) → pixels of a column, read back from disk."""
    found = {}
    for cell in comparison.cells:
        if cell.column == column:
            with Image.open(folder / cell.file) as image:
                found[cell.prompt, cell.seed] = np.array(image)
    return found


@pytest.fixture
def references(tmp_path) -> Path:
    """Twelve images, one of them broken."""
    folder = tmp_path / "references"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(12):
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(
            folder / f"{index}.png"
        )
    (folder / "3.png").write_bytes(b"broken")
    return folder


def test_columns_differ_by_their_stacks_alone(base, make_lora, tmp_path):
    lora = [{"path": str(make_lora())}]
    off = [{"path": str(make_lora("off")), "enabled": False}]
    settings = settings_for([], lora, off)
    comparison = compare(base, settings, tmp_path / "c")
    plain, changed, again = (pixels(tmp_path / "c", comparison, column) for column in range(3))
    assert set(plain) == {(prompt, seed) for prompt in (0, 1) for seed in (1, 2)}
    assert all(np.array_equal(plain[key], again[key]) for key in plain)
    assert all(not np.array_equal(plain[key], changed[key]) for key in plain)
    # generating as the Generate tab does gives the same image
    own = {"prompt": "a red dog", "seed": 2, "count": 1, "steps": 2, "stack": lora}
    alone = generate(base, GenerateSettings.parse(own))
    difference = np.array(alone[0].image).astype(int) - changed[1, 2]
    assert abs(difference).max() <= 1  # another batch size: rounding only


def test_brackets_mean_what_they_mean_in_generate(base, tmp_path):
    prompts = ["a (red:1.6) dog", "a [cat:dog:1] [red|blue]"]
    settings = settings_for([], prompts=prompts, batch_size=1)
    comparison = compare(base, settings, tmp_path / "c")
    generated = pixels(tmp_path / "c", comparison, 0)
    literal = settings_for([], prompts=["a red dog", "a cat red"], batch_size=1)
    plain = pixels(tmp_path / "d", compare(base, literal, tmp_path / "d"), 0)
    for cell in comparison.cells:
        place = cell.prompt, cell.seed
        assert not np.array_equal(generated[place], plain[place])
        told = infotext.read(read_parameters(tmp_path / "c" / cell.file) or "")
        again = generate(base, GenerateSettings.parse({**told, "count": 1}))
        assert np.array_equal(np.array(again[0].image), generated[place])


def test_what_is_on_disk_is_what_is_returned(base, make_lora, tmp_path):
    lora = make_lora()
    settings = settings_for([], [{"path": str(lora), "strength": 0.5}], name="shapes")
    comparison = compare(base, settings, tmp_path / "c")
    written = json.loads((tmp_path / "c" / "comparison.json").read_text())
    assert written == json.loads(json.dumps(comparison.as_json())) and written["version"] == 1
    assert read_comparison(tmp_path / "c") == comparison
    assert (comparison.id, comparison.name, comparison.complete) == ("c", "shapes", True)
    assert [column.bytes for column in comparison.columns] == [0, lora.stat().st_size]
    assert len(comparison.cells) == 2 * 2 * 2
    text = read_parameters(tmp_path / "c" / comparison.cells[-1].file)
    assert text is not None and "a red dog" in text and "Seed: 2" in text and "lora" in text


def test_measures_are_those_of_the_images_generated(base, references, tmp_path):
    settings = settings_for([], [], reference=str(references))
    comparison = compare(base, settings, tmp_path / "c")
    first, second = (column.measures for column in comparison.columns)
    assert first == second and comparison.columns[0].counts == (4, 11)
    assert any("3.png" in note for note in comparison.notes)

    scorer = load_clip(base.path)
    cells = pixels(tmp_path / "c", comparison, 0)
    order = [(prompt, seed) for prompt in (0, 1) for seed in (1, 2)]
    images = scorer.image_features(np.stack([cells[key] for key in order]))
    texts = scorer.text_features([comparison.prompts[prompt] for prompt, _ in order])
    following = float(metrics.own_prompt(images, texts).mean())
    assert first["image_text"] == pytest.approx(following, abs=1e-5)
    good = [path for path in sorted(references.iterdir()) if path.name != "3.png"]
    truth = scorer.image_features([Image.open(path) for path in good])
    assert first["kid"] == pytest.approx(metrics.kid(images, truth), abs=1e-5)
    likeness = float(metrics.to_references(images, truth).mean())
    assert first["image_image"] == pytest.approx(likeness, abs=1e-5)


def test_more_images_than_the_grid_are_measured_but_not_shown(base, references, tmp_path):
    settings = settings_for([], reference=str(references), images=9)
    comparison = compare(base, settings, tmp_path / "c")
    column = comparison.columns[0]
    assert column.counts is not None and column.counts[0] == column.images == 9
    low, high = column.intervals["kid"] or (0, 0)
    assert low < (column.measures["kid"] or 0) < high
    assert len(list((tmp_path / "c" / "cells").iterdir())) == 4


def test_without_a_clip_the_grid_is_generated_and_a_note_says_how_to_measure(
    base, references, tmp_path, monkeypatch
):
    monkeypatch.setattr(folder, "_describe", lambda folder: None)
    settings = settings_for([], reference=str(references), images=50)
    comparison = compare(base, settings, tmp_path / "c")
    column = comparison.columns[0]
    assert set(column.measures.values()) == {None}
    assert column.images == 4  # nothing is generated that nobody measures
    assert any(folder.PUBLISHED[768] in note for note in comparison.notes)


def test_a_column_that_cannot_be_generated_does_not_take_the_others_along(
    base, make_lora, tmp_path
):
    wide = [{"path": str(make_lora("wide", width=96))}]
    gone = [{"path": str(tmp_path / "gone.safetensors")}]
    huge = [{"path": str(make_lora("huge", scale=1e30))}]
    before = {key: value.clone() for key, value in base.denoiser.state_dict().items()}
    comparison = compare(base, settings_for(wide, [], gone, huge), tmp_path / "c")
    errors = [column.error for column in comparison.columns]
    assert [error and error.kind for error in errors] == [
        "MismatchError", None, "MissingError", "NonFiniteError",
    ]  # fmt: skip
    assert {cell.column for cell in comparison.cells} == {1}
    assert all(torch.equal(before[k], value) for k, value in base.denoiser.state_dict().items())
    with pytest.raises(MissingError):
        compare(base, settings_for(gone, gone), tmp_path / "d")


def test_cancelling_keeps_what_was_generated(base, tmp_path):
    seen: list[tuple[int, int, str]] = []
    comparison = compare(
        base,
        settings_for([], [], batch_size=2),
        tmp_path / "c",
        on_progress=lambda *step: seen.append(step),
        cancelled=lambda: bool(seen) and seen[-1][0] >= 8 + 4,
    )
    assert comparison.cancelled and not comparison.complete
    assert len(pixels(tmp_path / "c", comparison, 0)) == 4
    assert len(pixels(tmp_path / "c", comparison, 1)) == 2
    assert comparison.columns[0].measures["image_text"] is not None
    assert comparison.columns[1].measures["image_text"] is None
    assert read_comparison(tmp_path / "c") == comparison


def test_cancelling_works_while_reference_images_are_read(base, references, tmp_path):
    asked: list[None] = []

    def cancelled() -> bool:
        asked.append(None)
        return len(asked) == 3

    settings = settings_for([], reference=str(references))
    comparison = compare(base, settings, tmp_path / "c", cancelled=cancelled)
    assert comparison.cancelled and comparison.cells == () and len(asked) == 3


def test_between_batches_others_go_first_and_nothing_changes(base, make_lora, tmp_path):
    """Whoever waits gets the base as it is, and the comparison goes on as if nobody had been there."""
    lora = {"path": str(make_lora())}
    settings = settings_for([lora], [], images=0, batch_size=2)
    own = GenerateSettings(prompt="a dog", seed=9, count=1, steps=2, device="cpu")
    (alone,) = generate(base, own)
    expected = compare(base, settings, tmp_path / "alone")

    lock, others, turns = DeviceLock(), [], []

    def other() -> None:
        with lock.hold("generating"):
            turns.append(len(seen))
            others.append(generate(base, own)[0].image.tobytes())

    seen: list[int] = []
    threads = [threading.Thread(target=other) for _ in range(2)]

    def on_progress(done: int, total: int, text: str) -> None:
        seen.append(done)
        if len(seen) in (1, 3):  # during the first batch and the second
            threads[len(seen) // 2].start()
            while not lock.wanted:
                time.sleep(0.001)

    with lock.hold("comparing"):
        found = compare(base, settings, tmp_path / "c", on_progress=on_progress, device=lock)
    for thread in threads:
        thread.join(20)
    assert turns == [2, 4], "each after the batch, of two steps, in which it began to wait"
    assert others == [alone.image.tobytes()] * 2, "no stack is on the base meanwhile"
    assert not found.cancelled and len(found.cells) == 8
    for cell in found.cells:
        files = [tmp_path / name / cell.file for name in ("alone", "c")]
        assert files[0].read_bytes() == files[1].read_bytes()
    assert [column.messages for column in found.columns] == [c.messages for c in expected.columns]


def test_progress_counts_up_to_the_whole(base, tmp_path):
    seen: list[tuple[int, int, str]] = []
    compare(
        base,
        settings_for([], [], images=5),
        tmp_path / "c",
        on_progress=lambda *step: seen.append(step),
    )
    done = [step[0] for step in seen]
    assert done == sorted(done) and done[-1] == seen[-1][1] == 2 * 5 * 2
    assert seen[-1][2] == "column 1: 5 of 5 images"


def test_a_killed_comparison_shows_what_it_had_and_that_it_is_not_whole(
    base, tmp_path, monkeypatch
):
    def full(operation: str, path: Path) -> None:
        if operation == "write" and path.name == "c1-p1-s2.png":
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(failpoint, "reached", full)
    with pytest.raises(StorageError):
        compare(base, settings_for([], []), tmp_path / "all" / "killed")
    monkeypatch.setattr(failpoint, "reached", None)
    log = tmp_path / "all" / "killed" / "progress.jsonl"
    with open(log, "ab") as file:
        file.write(b'{"kind": "cell", "cell": {"col')  # the line that was being written
    found = read_comparison(log.parent)
    assert not found.complete and len(found.cells) == 7
    assert found.columns[0].measures["image_text"] is not None
    assert all((log.parent / cell.file).is_file() for cell in found.cells)

    whole = compare(base, settings_for([]), tmp_path / "all" / "whole")
    (tmp_path / "all" / "other folder").mkdir()
    assert [c.id for c in list_comparisons(tmp_path / "all")] == [whole.id, "killed"]
    with pytest.raises(MissingError):
        read_comparison(tmp_path / "all" / "other folder")


@pytest.mark.parametrize(
    ("different", "word"),
    [({"prompts": [" "]}, "prompt"), ({"seeds": []}, "seed"), ({"columns": []}, "column"),
     ({"prompts": ["a cat", "a dog <lora:x:1>"]}, "names a file")],
)  # fmt: skip
def test_what_cannot_be_compared_is_said_before_anything_is_generated(
    base, tmp_path, different, word
):
    with pytest.raises(SettingsError, match=word):
        compare(base, settings_for([], **different), tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_a_reference_that_is_no_folder_is_said_before_anything_is_generated(base, tmp_path):
    with pytest.raises(DatasetError):
        compare(base, settings_for([], reference=str(tmp_path / "none")), tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_prompts_of_different_length_get_the_image_they_get_alone(base, tmp_path):
    long = "a cat " * 60
    settings = settings_for([], prompts=["a cat", long], seeds=[1], batch_size=8)
    together = pixels(tmp_path / "c", compare(base, settings, tmp_path / "c"), 0)
    settings = settings_for([], prompts=["a cat"], seeds=[1], batch_size=8)
    alone = pixels(tmp_path / "d", compare(base, settings, tmp_path / "d"), 0)
    assert np.array_equal(together[0, 1], alone[0, 1])
