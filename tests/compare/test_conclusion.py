"""What a comparison keeps to be measured again, and what it says of odd input."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import normalize

from studio.compare import columns, conclusion, features
from studio.compare.column_record import StackFile
from studio.compare.comparison import compare, keep_nearest, measure_again
from studio.compare.features import KeptFeatures
from studio.compare.record import Cell, ComparedColumn, Comparison, NearestPair, read_comparison
from studio.core.errors import DatasetError, FileError, MissingError, SettingsError, StorageError
from studio.settings.training import CompareSettings
from tests import failpoint

MakeLora = Callable[..., Path]


def images(folder: Path, count: int, seed: int = 0) -> Path:
    """A folder of noise images."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    for index in range(count):
        pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
    return folder


def settings(*columns: dict, **different) -> CompareSettings:
    """One prompt, two seeds, one step; three ordinary images."""
    values = {
        "columns": list(columns), "prompts": ["a cat"], "seeds": [1, 2], "steps": 1, "images": 5,
        "ordinary_images": 3, **different,
    }  # fmt: skip
    return CompareSettings.parse(values)


@pytest.fixture(scope="module")
def made(base, tmp_path_factory) -> tuple[Path, Comparison]:
    """A comparison of the base, a LoRA, the same again, and images from elsewhere; with everything."""
    from safetensors.torch import save_file

    root = tmp_path_factory.mktemp("made")
    layer = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q"
    weights = {"lora_down.weight": torch.randn(2, 64), "lora_up.weight": torch.randn(64, 2)}
    save_file(
        {f"{layer}.{name}": 5 * rows for name, rows in weights.items()}, root / "l.safetensors"
    )
    stack = [{"path": str(root / "l.safetensors")}]
    chosen = settings(
        {"name": "base"},
        {
            "name": "one",
            "stack": stack,
            "method": "lora",
            "trainable_parameters": 256,
            "seconds": 9,
        },
        {"name": "again", "stack": stack},
        {"name": "elsewhere", "folder": str(images(root / "elsewhere", 7, seed=5))},
        reference=str(images(root / "references", 4, seed=1)),
        training=str(images(root / "training", 3, seed=2)),
    )
    return root, compare(base, chosen, root / "c")


def test_the_interval_of_a_share_stays_between_none_and_all() -> None:
    found = conclusion._possible(
        {"attributes": (0.94, 1.02), "drift": (-0.1, 1.2), "memorised": None}
    )
    assert found == {"attributes": (0.94, 1.0), "drift": (-0.1, 1.2), "memorised": None}


def test_everything_is_measured_and_what_is_not_has_a_reason(made):
    _, comparison = made
    plain, one, again, elsewhere = comparison.columns
    assert plain.measures["drift"] == pytest.approx(0, abs=1e-6)
    assert (one.measures["drift"] or 0) > 1e-6 and one.measures == again.measures
    missing = {key for key, value in elsewhere.measures.items() if value is None}
    assert missing == {"image_image_dino", "image_text", "drift", "attributes"}
    assert elsewhere.images == 7 and elsewhere.counts == (7, 4)
    assert (one.method, one.trainable_parameters, one.seconds) == ("lora", 256, 9)
    assert {cell.seed for cell in comparison.cells if cell.column == 3} == {1, 2}
    assert all((Path(comparison.folder) / cell.file).is_file() for cell in comparison.cells)
    pairs = {(one.a, one.b): one for one in comparison.differences if one.measure == "image_image"}
    assert len(pairs) == 6 and not pairs[0, 3].paired and pairs[0, 1].paired
    assert not pairs[1, 2].told_apart and pairs[1, 2].value == 0
    assert "one and again have the same images, so nothing can tell them apart." in comparison.notes
    assert one.nearest and (Path(comparison.folder) / one.nearest.training).is_file()
    assert one.nearest.name in {"0.png", "1.png", "2.png"} and one.nearest.held_out is not None


def test_it_is_measured_again_from_what_it_kept(made):
    _, comparison = made
    folder = Path(comparison.folder)
    kept = features.read(folder)
    assert kept.tensors["c1"].shape[0] == 5 and kept.tensors["c3"].shape[0] == 7
    assert kept.tensors["ordinary/c1"].shape[0] == kept.tensors["ordinary/base"].shape[0] == 3
    assert torch.equal(kept.tensors["ordinary/c0"], kept.tensors["ordinary/base"])
    assert kept.tensors["at/seeds"].tolist()[:2] == [1, 2]
    assert kept.names == {
        "references": ("0.png", "1.png", "2.png", "3.png"), "training": ("0.png", "1.png", "2.png"),
    }  # fmt: skip
    before = json.loads((folder / "comparison.json").read_text())
    measure_again(folder)
    assert json.loads((folder / "comparison.json").read_text()) == before
    (folder / "comparison.json").unlink()  # it was killed before the end
    assert read_comparison(folder).differences == ()
    again = measure_again(folder)
    after = json.loads(json.dumps(again.as_json()))
    assert after["differences"] == before["differences"] and not again.complete
    assert again.verdict == tuple(before["verdict"])


def test_what_kept_no_features_or_damaged_ones_says_so_and_stays_as_it_is(made, tmp_path):
    _, comparison = made
    for content, error in ((None, MissingError), (b"broken", FileError)):
        folder = tmp_path / str(content)
        folder.mkdir()
        text = json.dumps(comparison.as_json())
        (folder / "comparison.json").write_text(text)
        if content:
            (folder / "features.safetensors").write_bytes(content)
        with pytest.raises(error):
            measure_again(folder)
        assert (folder / "comparison.json").read_text() == text


def test_a_full_disk_in_the_middle_loses_nothing(base, make_lora: MakeLora, tmp_path, monkeypatch):
    writes = []

    def full(operation: str, path: Path) -> None:
        if operation == "write" and path.name == "features.safetensors":
            writes.append(path)
            if len(writes) == 3:  # what columns share, the first column, now the second
                raise OSError(28, "No space left on device")

    chosen = settings({"name": "base"}, {"stack": [{"path": str(make_lora())}]})
    monkeypatch.setattr(failpoint, "reached", full)
    with pytest.raises(StorageError):
        compare(base, chosen, tmp_path / "c")
    monkeypatch.setattr(failpoint, "reached", None)
    left = read_comparison(tmp_path / "c")
    assert len(left.cells) == 4 and left.columns[0].measures["image_text"] is not None
    assert set(features.read(tmp_path / "c").tensors) >= {"c0", "texts", "ordinary/base"}
    again = measure_again(tmp_path / "c")
    assert again.columns[0].intervals["image_text"] and not again.complete


def test_reference_images_that_are_training_images_are_said(base, tmp_path):
    folder = str(images(tmp_path / "both", 5))
    found = compare(base, settings({}, reference=folder, training=folder), tmp_path / "c")
    assert found.reference.trained == 5
    assert any("5 of 5 reference images are training images" in note for note in found.notes)
    assert found.columns[0].measures["memorised"] is not None, "against each other"
    assert found.columns[0].nearest and found.columns[0].nearest.held_out is None


@pytest.mark.parametrize(("caption", "said"), [("A  CAT\n", False), ("a dog", True), (None, False)])
def test_prompts_that_lead_to_no_training_image_are_said(base, tmp_path, caption, said):
    folder = images(tmp_path / "seen", 2)
    for file in folder.glob("*.png") if caption else ():
        file.with_suffix(".txt").write_text(caption, encoding="utf-8")
    chosen = settings({}, training=str(folder), prompts=["a cat", "a (fox\\)"])
    found = compare(base, chosen, tmp_path / "c")
    assert any("caption of a training image" in note for note in found.notes) == said


def test_one_reference_image_is_said(base, tmp_path):
    folder = str(images(tmp_path / "one", 1))
    found = compare(base, settings({}, reference=folder), tmp_path / "c")
    assert any("one reference image" in note for note in found.notes)
    assert found.columns[0].measures["kid"] is None
    assert found.columns[0].measures["image_image"] is not None


def test_a_folder_column_without_images_or_with_a_stack_is_refused(base, tmp_path):
    (tmp_path / "empty").mkdir()
    empty = {"name": "empty", "folder": str(tmp_path / "empty")}
    found = compare(base, settings({}, empty), tmp_path / "c")
    assert found.columns[1].error and found.columns[1].error.kind == "DatasetError"
    assert found.columns[0].measures["image_text"] is not None
    with pytest.raises(DatasetError):
        compare(base, settings(empty), tmp_path / "d")
    with pytest.raises(SettingsError, match="folder of images and files"):
        compare(base, settings({**empty, "stack": [{"path": "x"}]}), tmp_path / "e")


def test_damaged_images_of_a_folder_column_are_named(base, tmp_path):
    folder = images(tmp_path / "some", 3)
    (folder / "9.png").write_bytes(b"broken")
    found = compare(base, settings({"name": "mine", "folder": str(folder)}), tmp_path / "c")
    assert found.columns[0].images == 4 and len(found.cells) == 2
    assert any(note.startswith("mine: 9.png was left out") for note in found.notes)


def test_reading_a_folder_column_is_told_yields_and_stops(base, tmp_path):
    folder = str(images(tmp_path / "some", 6))
    told: list[str] = []

    class Wanted:
        wanted, yielded = True, 0

        def yield_to_others(self) -> None:
            self.yielded += 1

    device = Wanted()

    def cancelled() -> bool:
        return "mine: 3 of 6 images read" in told

    found = compare(
        base, settings({"name": "mine", "folder": folder}), tmp_path / "c", device=device,
        on_progress=lambda done, total, text: told.append(text), cancelled=cancelled,
    )  # fmt: skip
    assert found.cancelled and told[-1] == "mine: 3 of 6 images read"
    assert device.yielded == 2 + 4


def kept(count: int = 12, seed: int = 0, **more: torch.Tensor) -> KeptFeatures:
    generator = torch.Generator().manual_seed(seed)
    rows = {name: normalize(torch.randn(count, 8, generator=generator), dim=1) for name in
            ("c0", "c1", "texts", "references", "training")}  # fmt: skip
    places = {"at/prompts": torch.arange(count) % 4, "at/seeds": torch.arange(count) // 4}
    return KeptFeatures({**rows, **places, **more})


def comparison_of(*names: str, **more) -> Comparison:
    columns = tuple(ComparedColumn(name=name) for name in names)
    return Comparison(prompts=("a",), seeds=(1,), columns=columns, **more)


def test_features_that_are_no_numbers_are_left_out_and_said():
    some = kept()
    some.tensors["c0"][2] = torch.nan
    found = conclusion.conclude(comparison_of("A", "B"), some)
    assert found.notes == ("A: 1 of 12 images has features that are no numbers, and is left out.",)
    assert {one.n for one in found.differences} == {11}
    assert all(value is None or value == value for value in found.columns[0].measures.values())
    nothing = kept(c0=torch.full((12, 8), torch.nan))
    found = conclusion.conclude(comparison_of("A", "B"), nothing)
    assert set(found.columns[0].measures.values()) == {None} and found.differences == ()
    assert found.columns[1].measures["image_text"] is not None
    json.dumps(found.as_json(), allow_nan=False)


def test_copies_of_training_images_raise_the_alarm():
    plain = kept(24)
    copies = normalize(plain.tensors["training"] + 0.02, dim=1)
    copied = plain.having({"c1": copies})
    found = conclusion.conclude(comparison_of("A", "B"), copied)
    assert [column.memorised for column in found.columns] == [False, True]
    assert found.verdict[0].startswith("B repeats training images: 100% of its images")
    assert "memorised" in found.columns[0].told_apart


def test_the_base_alone_is_the_control_and_raises_no_alarm():
    """Images that a caption alone makes like training images: the base makes them as well as the file does."""
    plain = kept(24)
    alike = {
        name: normalize(plain.tensors["training"] + scale * plain.tensors[name], dim=1)
        for name, scale in (("c0", 0.3), ("c1", 0.35))
    }
    rows = plain.having(alike)
    acting = comparison_of("Base", "A").columns[1].changed(stack=(StackFile(path="a.safetensors"),))
    both = acting.changed(name="B"), acting
    without = conclusion.conclude(comparison_of().changed(columns=both), rows)
    assert all(column.memorised for column in without.columns), "without the base nobody can know"
    base = ComparedColumn(name="Base")
    found = conclusion.conclude(comparison_of().changed(columns=(base, acting)), rows)
    assert not any(column.memorised for column in found.columns)
    copied = rows.having({"c1": normalize(plain.tensors["training"] + 0.01, dim=1)})
    found = conclusion.conclude(comparison_of().changed(columns=(base, acting)), copied)
    assert [column.memorised for column in found.columns] == [False, True]


@pytest.mark.parametrize("lacking", [0.0, torch.nan])
def test_one_image_that_is_missing_does_not_silence_the_alarm(lacking):
    copied = kept(24)
    copied = copied.having({"c1": normalize(copied.tensors["training"] + 0.02, dim=1)})
    copied.tensors["c1"][0] = lacking
    whole = comparison_of("A", "B").changed(
        prompts=("a", "b", "c", "d"),
        seeds=(0, 1),
        cells=tuple(
            Cell(column=1, prompt=p, seed=s, file=f"cells/c1-p{p}-s{s}.png")
            for p in range(4)
            for s in (0, 1)
        ),
    )
    found = conclusion.conclude(whole, copied)
    assert [column.memorised for column in found.columns] == [False, True]
    nearest = found.columns[1].nearest
    assert nearest is not None and nearest.cell != "cells/c1-p0-s0.png"
    place = next(at for at, cell in enumerate(whole.cells) if cell.file == nearest.cell)
    row, training = copied.tensors["c1"][place], copied.tensors["training"]
    assert nearest.cosine == pytest.approx(float((row @ training.T).max()), abs=1e-4)


def nearest_to(name: str, copy: str = "nearest/c0.png") -> ComparedColumn:
    pair = NearestPair(cell="cells/c0-p0-s1.png", training=copy, name=name, cosine=0.9)
    return ComparedColumn(name="A", nearest=pair)


def test_only_images_of_the_training_folder_are_copied_and_only_to_their_own_place(tmp_path):
    training, secret = images(tmp_path / "training", 1), images(tmp_path / "secret", 1) / "0.png"
    folder = tmp_path / "c"
    folder.mkdir()
    for name, copy in (
        (str(secret), "nearest/c0.png"), ("../secret/0.png", "nearest/c0.png"),
        ("a/../../secret/0.png", "nearest/c0.png"), ("0.png", "../c0.png"),
        ("0.png", "cells/c0-p0-s1.png"), ("0\0.png", "nearest/c0.png"),
    ):  # fmt: skip
        columns = (nearest_to(name, copy),)
        keep_nearest(Comparison(prompts=(), seeds=(), columns=columns, folder=str(folder)), str(training))  # fmt: skip
    assert [*folder.rglob("*")] == [] and not (tmp_path / "c0.png").exists()


def test_a_training_image_that_was_damaged_meanwhile_is_left_out(tmp_path):
    training = images(tmp_path / "training", 2)
    (training / "0.png").write_bytes(b"damaged")
    columns = (nearest_to("0.png"), nearest_to("1.png", "nearest/c1.png"))
    found = Comparison(prompts=(), seeds=(), columns=columns, folder=str(tmp_path / "c"))
    keep_nearest(found, str(training))
    assert [path.name for path in (tmp_path / "c" / "nearest").iterdir()] == ["c1.png"]


def test_columns_of_one_group_are_compared_over_their_runs():
    names = ("LoRA 1", "LoRA 2", "base")
    rows = kept(
        24, c2=normalize(torch.randn(24, 8, generator=torch.Generator().manual_seed(9)), dim=1)
    )
    whole = comparison_of(*names)
    grouped = whole.changed(
        columns=tuple(
            column.changed(group="LoRA" if column.name != "base" else "", training_seed=place)
            for place, column in enumerate(whole.columns)
        )
    )
    found = conclusion.conclude(grouped, rows)
    assert {(one.a, one.b, one.runs) for one in found.group_differences} == {
        ("LoRA", "base", (2, 1))
    }
    assert found.verdict[0].startswith("Each entry was trained 2 times")
    assert all("LoRA" in sentence for sentence in found.verdict[1:])
    assert conclusion.conclude(whole, rows).group_differences == ()


def test_columns_of_no_group_stand_for_themselves_whatever_they_are_called():
    rows = kept(24)
    generator = torch.Generator().manual_seed(3)
    more = {f"c{k}": normalize(torch.randn(24, 8, generator=generator), dim=1) for k in (2, 3, 4)}
    whole = comparison_of("LoRA 1", "LoRA 2", "mine", "mine", "LoRA")
    columns = [one.changed(group="LoRA" if k < 2 else "") for k, one in enumerate(whole.columns)]
    found = conclusion.conclude(whole.changed(columns=tuple(columns)), rows.having(more))
    pairs = {(one.a, one.b): one.runs for one in found.group_differences}
    names = ["LoRA", "mine", "mine 2", "LoRA 2"]
    assert pairs == {
        (a, b): (2 if a == "LoRA" else 1, 1) for at, a in enumerate(names) for b in names[at + 1 :]
    }


def test_one_image_per_column_has_values_and_claims_nothing():
    found = conclusion.conclude(comparison_of("A", "B"), kept(1))
    assert found.columns[0].measures["image_text"] is not None
    assert found.differences == () and found.verdict == () and found.columns[0].intervals == {}


def test_a_batch_that_others_interrupt_is_looked_at_in_the_order_of_jobs():
    rows = {1: {"c0": torch.ones(2)}, 0: {"c0": torch.zeros(2), "extra": torch.ones(1)}}
    assert columns._joined(rows, 2)["c0"].tolist() == [[0, 0], [1, 1]]
    assert set(columns._joined(rows, 2)) == {"c0"} and columns._joined({}, 0) == {}
