"""Beside a DoRA: a file that programs without DoRA apply alike, and what is said where it is chosen."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from studio.families.base import Base
from studio.formats import safetensors_file
from studio.formats.inspect import inspect
from tests.methods.conftest import (
    FACTS,
    predict,
    predicted_from,
    predicted_with,
    prepare,
    stir,
    warnings,
)

OPTIONS: dict[str, Any] = {
    "rank": 4, "dora": True, "text_encoder": True, "target": "attention + MLP + conv"
}  # fmt: skip


@pytest.mark.parametrize("family", ["sd1", "sdxl"])
@pytest.mark.parametrize("kind", ["LoRA", "weights"])
def test_the_copy_acts_as_the_dora_does(
    family: str, kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    base: Base = request.getfixturevalue(family)
    trained = stir(prepare(base, "lora", dora_copy=kind, dora_copy_rank=24, **OPTIONS))
    dora, copy = trained.export(tmp_path, FACTS)
    assert (dora.name, copy.name) == ("mine.safetensors", f"mine-{kind.lower()}.safetensors")
    names = safetensors_file.read_header(copy).tensors
    assert not any(name.endswith("dora_scale") for name in names)
    change = (predicted_with(base, trained) - predict(base)).abs().max()
    off = (predicted_from(base, copy) - predicted_with(base, trained)).abs().max()
    assert off < change * (5e-3 if kind == "weights" else 0.25)
    report = inspect(copy)
    assert (report.kind, report.problems) == ("lora", [])
    (said,) = report.notes
    stated = float(re.search(r"differs from that by (\S+) %", said)[1])  # type: ignore[index]
    assert stated < 0.1 if kind == "weights" else 0.1 < stated < 30
    assert inspect(dora).notes == []


def test_a_higher_rank_comes_nearer(sd1: Base, tmp_path: Path) -> None:
    stated = []
    for rank in (2, 8, 0, 32):  # 0 is four times the rank: 16
        trained = stir(prepare(sd1, "lora", dora_copy="LoRA", dora_copy_rank=rank, **OPTIONS))
        report = inspect(trained.export(tmp_path / str(rank), FACTS)[1])
        assert report.rank == (rank or 16)
        stated.append(float(report.notes[0].rpartition(" by ")[2].split()[0]))
    assert stated == sorted(stated, reverse=True) and stated[0] > 2 * stated[-1]


def test_the_same_run_gives_the_same_copy(sd1: Base, tmp_path: Path) -> None:
    one, two = (
        stir(prepare(sd1, "lora", dora_copy="LoRA", **OPTIONS)).export(tmp_path / name, FACTS)[1]
        for name in "ab"
    )
    first, second = (safetensors_file.read_tensors(path)[0] for path in (one, two))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_where_it_is_chosen_it_is_said_who_reads_it_wrong() -> None:
    said = [text for text in warnings("lora", dora=True) if "DoRA" in text]
    assert len(said) == 1
    for word in ("A1111", "InvokeAI", "ComfyUI", "Forge", "diffusers", "compatible copy"):
        assert word in said[0]
    assert not any("A1111" in text for text in warnings("lora", dora=True, dora_copy="LoRA"))
    assert any("DoRA is off" in text for text in warnings("lora", dora_copy="LoRA"))
    assert not any("DoRA" in text for text in warnings("lora"))


def test_without_dora_there_is_no_copy(sd1: Base, tmp_path: Path) -> None:
    trained = prepare(sd1, "lora", rank=4, dora_copy="weights")
    assert len(trained.export(tmp_path, FACTS)) == 1


def test_going_on_from_a_dora_may_have_a_copy(sd1: Base, tmp_path: Path) -> None:
    first = stir(prepare(sd1, "lora", rank=4, dora=True)).export(tmp_path, FACTS)[0]
    second = prepare(sd1, "lora", continue_from=str(first), dora_copy="LoRA")
    assert len(second.export(tmp_path / "again", FACTS)) == 2
    assert not warnings("lora", continue_from=str(first), dora_copy="LoRA")


def test_both_files_of_a_run_are_kept_under_one_name_and_replaced_together(tmp_path: Path) -> None:
    """A run that goes on writes again; what it noted may list the copy first."""
    from studio.library import keeping

    adapters, run = tmp_path / "adapters", tmp_path / "run"
    adapters.mkdir()
    run.mkdir()
    written = [run / "mine.safetensors", run / "mine-lora.safetensors"]
    noted: dict[str, list[str]] = {}
    for turn in ("first", "second"):
        for path in written:
            path.write_text(f"{turn} {path.name}")
        mine = dict(sorted(noted.items()))
        kept = keeping.keep(adapters, written, mine, noted.update)
        assert [path.name for path in kept] == [path.name for path in written]
    assert sorted(path.name for path in adapters.iterdir()) == sorted(p.name for p in written)
    assert all((adapters / p.name).read_text() == f"second {p.name}" for p in written)
