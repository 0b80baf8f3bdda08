"""Grids of a workspace: by name, with checkpoints of a run, from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from studio import cli
from studio.app import Studio
from studio.compare.grid_record import Grid
from studio.core.errors import InputError, MissingError, SettingsError
from studio.families.loading import load_base
from studio.formats import safetensors_file
from studio.formats.images import read_parameters
from studio.infer import infotext
from studio.runs.checkpoint_files import adapter_of
from studio.settings.grid import GridSettings, read
from studio.settings.training import GenerateSettings, RunConfig
from tests.tiny import write_tiny_lora

Make = Callable[..., RunConfig]


def grid(**more: Any) -> GridSettings:
    common = GenerateSettings(base="tiny", prompt="a zibbo cat", steps=2, device="cpu")
    return GridSettings(**{"generation": common, "x": read("seed", "1,2"), "name": "two", **more})


def test_checkpoints_of_a_run_are_files_like_any_other(studio: Studio, config: Make) -> None:
    run = studio.runs.start(config(train={"steps": 4, "batch_size": 2, "learning_rate": 1e-1}))
    assert studio.runs.wait(run).state == "finished"
    found = studio.generation.grids.generate(
        grid(x=read("checkpoint", "2,4", of=run), baseline=True)
    )
    assert found.complete
    assert found.sides.x.headings == ("base alone", "step 2", "step 4")
    images = [(Path(found.folder) / cell.file).read_bytes() for cell in found.cells]
    assert len(set(images)) == 3
    finished = Path(studio.runs.view(run).state.files[0])
    with studio.runtime.lock.hold("test"):
        last = adapter_of(run, "4", studio.runs, studio.runtime)
    ours, theirs = (safetensors_file.read_tensors(path)[0] for path in (last, finished))
    assert ours.keys() == theirs.keys()
    assert all((ours[name] == theirs[name]).all() for name in ours)
    with pytest.raises(MissingError, match="step 2, 4"):
        studio.generation.grids.generate(grid(x=read("checkpoint", "3", of=run)))
    with pytest.raises(MissingError):
        studio.generation.grids.generate(grid(x=read("checkpoint", "3", of="../runs")))
    kept = sorted((studio.workspace.cache / "checkpoints").rglob("*"))
    started: list[str] = []
    for wrong in (read("sampler", "Eulr"), read("steps", "2,9999"), read("seed", "-1")):
        with pytest.raises(SettingsError):
            asked = grid(x=read("checkpoint", "2", of=run), y=wrong)
            studio.generation.grids.generate(asked, started=started.append)
    assert started == [] and sorted((studio.workspace.cache / "checkpoints").rglob("*")) == kept
    assert [one.id for one in studio.generation.grids.all()] == [found.id], (
        "failed ones leave nothing"
    )


def test_kept_listed_gone_on_with_and_deleted(studio: Studio) -> None:
    started: list[str] = []
    steps = iter(range(100))
    found = studio.generation.grids.generate(
        grid(x=read("seed", "1,2,3"), generation=grid().generation.model_copy(update={"batch_size": 1})),
        cancelled=lambda: next(steps) > 2, started=started.append,
    )  # fmt: skip
    assert started == [found.id] and found.cancelled
    assert not studio.generation.grids.one(found.id).complete
    assert studio.generation.grids.resume(found.id).complete
    studio.generation.grids.delete(found.id)
    assert studio.generation.grids.all() == []
    for name in ("", "..", "../runs", "gone"):
        with pytest.raises(InputError):
            studio.generation.grids.one(name)


def test_nonsense_and_files_from_elsewhere_begin_nothing(studio: Studio, tmp_path: Path) -> None:
    outside = tmp_path / "x.safetensors"
    outside.write_bytes(b"x")
    for wrong in (read("strength", "1"), read("adapter", str(outside)), read("sampler", "no")):
        with pytest.raises((SettingsError, InputError)):
            studio.generation.grids.generate(grid(x=wrong))
    assert list(studio.workspace.grids.iterdir()) == []


def test_tags_are_files_wherever_an_axis_writes_them(studio: Studio) -> None:
    base = load_base(studio.workspace.bases / "tiny", "cpu")
    for seed, name in enumerate(("one", "two")):
        write_tiny_lora(studio.workspace.adapters / f"{name}.safetensors", base, seed=seed)
    lines = grid(x=read("prompt", "a cat <lora:one:0.5>\na cat"))
    assert stacks_of(studio.generation.grids.generate(lines)) == [{"one.safetensors": 0.5}, {}]
    tagged = grid().generation.model_copy(update={"prompt": "a cat <lora:one:1>"})
    every = studio.generation.grids.generate(grid(generation=tagged))
    assert stacks_of(every) == [{"one.safetensors": 1}] * 2
    replaced = studio.generation.grids.generate(
        grid(generation=tagged, x=read("replace", "lora:one,lora:two"))
    )
    assert stacks_of(replaced) == [{"one.safetensors": 1}, {"two.safetensors": 1}]
    assert [cell.prompt for cell in replaced.cells] == ["a cat"] * 2
    before = studio.generation.grids.all()
    with pytest.raises(MissingError, match="three"):
        studio.generation.grids.generate(grid(x=read("prompt", "a cat\na cat <lora:three:1>")))
    assert studio.generation.grids.all() == before


def stacks_of(grid: Grid) -> list[dict[str, float]]:
    """File → strength as written into each image."""
    texts = (read_parameters(Path(grid.folder) / cell.file) for cell in grid.cells)
    return [
        {item["path"]: item["strength"] for item in infotext.read(text or "").get("stack", [])}
        for text in texts
    ]


def test_the_command_generates_and_says_where(studio: Studio, capsys: Any) -> None:
    common = ["--workspace", str(studio.workspace.root)]
    options = ["--base", "tiny", "--set", "steps=2", "--set", "device=cpu", "--json"]
    axes = ["--x", "guidance=1,4", "--y", "prompt=a cat, red", "--y", "prompt=a dog"]
    assert cli.main(["grid", *axes, *options, *common]) == 0
    made = json.loads(capsys.readouterr().out)
    assert [cell["prompt"] for cell in made["cells"]] == ["a cat, red"] * 2 + ["a dog"] * 2
    assert (Path(made["folder"]) / made["sheets"][0]).is_file()
    for wrong in (
        [],
        ["--x", "guidance"],
        ["--x", "guidence=1"],
        ["--x", "seed=1", "--y", "seed=2"],
    ):
        assert cli.main(["grid", "a cat", *wrong, "--base", "tiny", *common]) == 2
    assert "Did you mean “guidance”?" in capsys.readouterr().err
