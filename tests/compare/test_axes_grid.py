"""A grid on disk: the same noise everywhere, the rarest changes of stack, goes on where it stopped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studio.adapters import stack
from studio.compare import axes_grid
from studio.core.errors import InputError, MismatchError, MissingError
from studio.families.base import Base
from studio.formats.images import open_image, read_parameters
from studio.infer import engine, infotext
from studio.settings.grid import ALONE, GridSettings, read
from studio.settings.training import GenerateSettings, StackItem

MakeLora = Callable[..., Path]


def settings(lora: Path, **more: Any) -> GridSettings:
    common = GenerateSettings(
        prompt="a red cat", steps=2, seed=3, batch_size=2, stack=[StackItem(path=str(lora))]
    )
    values: dict[str, Any] = {
        "generation": common, "x": read("strength", "0,1"), "y": read("seed", "3,4"), "baseline": True,
    }  # fmt: skip
    return GridSettings(**{**values, **more})


def pixels(path: Path) -> np.ndarray:
    return np.asarray(open_image(path)).astype(int)


def test_cells_sheets_and_what_each_image_says(
    base: Base, make_lora: MakeLora, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = settings(make_lora(scale=30.0))
    applied: list[list[float]] = []
    own = engine.applied

    def watched(on: Base, items: list[StackItem], cache: Any) -> Any:
        applied.append([item.strength for item in items])
        return own(on, items, cache)

    monkeypatch.setattr(engine, "applied", watched)
    seen: list[tuple[int, int]] = []
    grid = axes_grid.generate(base, wanted, tmp_path / "g",
                          on_progress=lambda done, total, text: seen.append((done, total)))  # fmt: skip
    assert grid.complete and not grid.cancelled
    assert (grid.sides.x.title, grid.sides.x.headings) == ("Strength", (ALONE, "0", "1"))
    assert applied == [[], [0.0], [1.0]], "each stack once, in order"
    assert seen[-1] == (12, 12) and seen == sorted(seen)
    files = {(cell.x, cell.y): tmp_path / "g" / cell.file for cell in grid.cells}
    assert np.array_equal(pixels(files[0, 0]), pixels(files[1, 0])), "strength 0 is the base alone"
    assert not np.array_equal(pixels(files[1, 0]), pixels(files[2, 0]))
    assert not np.array_equal(pixels(files[1, 0]), pixels(files[1, 1]))
    said = infotext.read(read_parameters(files[2, 1]) or "")
    assert (said["seed"], said["prompt"], said["stack"][0]["strength"]) == (4, "a red cat", 1.0)
    again = wanted.generation.model_copy(update={"seed": 4, "count": 1})
    alone = np.asarray(engine.generate(base, again)[0].image).astype(int)
    assert np.abs(alone - pixels(files[2, 1])).max() <= 2, "the cell is the image it says"
    assert grid.sheets == ("sheet-1.png",)
    contact = open_image(tmp_path / "g" / "sheet-1.png")
    assert contact.width > 3 * 160 and contact.height > 2 * 160


def test_it_goes_on_where_it_was_stopped(base: Base, make_lora: MakeLora, tmp_path: Path) -> None:
    wanted, folder = settings(make_lora()), tmp_path / "g"
    steps = iter(range(100))
    grid = axes_grid.generate(base, wanted, folder, cancelled=lambda: next(steps) > 3)
    assert grid.cancelled and not grid.complete and grid.sheets == ()
    there = {cell.file for cell in grid.cells if cell.there}
    assert 0 < len(there) < 6
    before = {name: (folder / name).stat().st_mtime_ns for name in there}
    assert axes_grid.read(folder).wanted == wanted
    whole = axes_grid.generate(base, axes_grid.read(folder).wanted, folder)
    assert whole.complete and whole.created == grid.created
    assert {name: (folder / name).stat().st_mtime_ns for name in there} == before
    fresh = axes_grid.generate(base, wanted, tmp_path / "fresh")
    for cell in fresh.cells:
        assert np.array_equal(pixels(folder / cell.file), pixels(tmp_path / "fresh" / cell.file))


def test_a_file_that_does_not_fit_costs_its_own_cells(
    base: Base, make_lora: MakeLora, tmp_path: Path
) -> None:
    good, wrong = make_lora("good"), make_lora("wrong", width=48)
    adapters = read("adapter", f"none\n{good}\n{wrong}")
    plain = settings(good).generation.model_copy(update={"stack": []})
    grid = axes_grid.generate(
        base, settings(good, x=adapters, generation=plain, baseline=False), tmp_path / "g"
    )
    assert [cell.there for cell in grid.cells] == [True, True, False] * 2
    assert (failure := grid.cells[2].error) and failure.kind == "MismatchError"
    assert grid.sheets == ("sheet-1.png",)
    nothing = settings(good, x=read("adapter", str(wrong)), generation=plain, baseline=False)
    with pytest.raises(MismatchError):
        axes_grid.generate(base, nothing, tmp_path / "h")
    assert stack.applied is engine.applied


def test_equal_cells_are_generated_once(
    base: Base, make_lora: MakeLora, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generated: list[int] = []
    own = engine.generate

    def watched(*given: Any, **named: Any) -> Any:
        generated.append(len(named["jobs"]))
        return own(*given, **named)

    monkeypatch.setattr(engine, "generate", watched)
    lora = make_lora()
    wanted = settings(lora, y=read("adapter", f"none\n{lora}"),
                      generation=settings(lora).generation.model_copy(update={"stack": []}))  # fmt: skip
    grid = axes_grid.generate(base, wanted, tmp_path / "g")
    assert grid.complete and len(grid.cells) == 6
    assert sum(generated) == 3, "without a file strength changes nothing"


def test_what_is_no_grid_is_said(tmp_path: Path) -> None:
    for content in (None, "{}", "[", '{"cells": 1, "errors": 2}'):
        folder = tmp_path / str(content)[:3]
        folder.mkdir()
        if content:
            (folder / "grid.json").write_text(content)
        with pytest.raises((MissingError, InputError)):
            axes_grid.read(folder)
