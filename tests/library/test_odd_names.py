"""Files whose names are no Unicode, from the folder to the finished image and back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from studio.app import Studio
from studio.caption.run import CaptionOptions
from studio.core.names import printable
from studio.families.loading import load_base
from studio.formats.images import read_parameters
from studio.infer import infotext
from studio.settings.training import CompareSettings, GenerateSettings, RunConfig, StackItem
from tests.odd_names import CONTROL, ODD, SHOWN, save_image
from tests.tiny import write_tiny_lora
from tests.workspaces import make_dataset

ROOT = Path(__file__).resolve().parent.parent.parent
Make = Callable[..., RunConfig]


def rename(folder: Path) -> None:
    """Every image and caption gets an odd name."""
    for file in list(folder.iterdir()):
        if file.suffix in (".png", ".txt"):
            file.rename(folder / f"{ODD}{file.name}")


@pytest.mark.parametrize("name", [ODD, CONTROL])
def test_a_run_trains_on_an_odd_folder_and_goes_on_from_an_odd_file(
    studio: Studio, config: Make, name: str
) -> None:
    folder = make_dataset(studio.workspace.datasets / name)
    rename(folder)
    save_image(folder / "held_out" / f"{ODD}.png", 1)
    state = studio.runs.wait(studio.runs.start(config(data={"folder": printable(folder)}, name="")))
    assert state.state == "finished", state
    (file,) = [Path(path) for path in state.files if path.endswith(".safetensors")]
    kept = studio.runs.config(state.run)
    assert kept.data.folder == printable(folder)
    odd = file.rename(file.with_name(f"{ODD}.safetensors"))
    again = config(data={"folder": printable(folder)}, options={"continue_from": SHOWN})
    state = studio.runs.wait(studio.runs.start(again))
    assert state.state == "finished", state
    assert studio.runs.config(state.run).options["continue_from"] == printable(odd)


def test_generating_and_comparing_with_odd_files(studio: Studio) -> None:
    base = load_base(studio.workspace.bases / "tiny", "cpu")
    write_tiny_lora(studio.workspace.adapters / "good.safetensors", base, ("to_q",), ("unet",))
    odd = write_tiny_lora(
        studio.workspace.adapters / f"{ODD}.safetensors", base, ("to_q",), ("unet",)
    )
    common = {"base": "tiny", "device": "cpu", "steps": 2, "count": 1, "batch_size": 1}
    for path, prompt in (
        (printable(odd), "a cat"), (str(odd), "a cat"), ("", f"a cat <lora:{SHOWN}:0.5>"),
        (str(studio.workspace.adapters / "good.safetensors"), "a cat"),
    ):  # fmt: skip
        stack = [StackItem(path=path).model_dump()] if path else []
        made = studio.generation.generate(
            GenerateSettings.parse({**common, "prompt": prompt, "stack": stack})
        )
        assert made.reports[0].matched
        found = infotext.read(read_parameters(made.images[0].path) or "")
        assert found["stack"][0]["path"] in (f"{SHOWN}.safetensors", "good.safetensors")
    column = {"name": "odd", "stack": [{"path": printable(odd)}]}
    reference = make_dataset(studio.workspace.datasets / ODD)
    rename(reference)
    settings = {"base": "tiny", "device": "cpu", "steps": 2, "prompts": ["a cat"], "seeds": [0],
                "columns": [column], "reference": printable(reference)}  # fmt: skip
    compared = studio.generation.comparisons.compare(CompareSettings.parse(settings))
    assert compared.complete
    assert studio.generation.comparisons.one(compared.id).columns[0].name == "odd"


def test_captions_are_written_beside_odd_images(studio: Studio, starter: Path) -> None:
    folder = make_dataset(studio.workspace.datasets / ODD)
    rename(folder)
    report = studio.generation.caption(printable(folder), options=CaptionOptions("replace"))
    assert report.folder == printable(folder)
    captions = studio.library.captions.read(folder)
    assert {row["file"] for row in captions} == {f"{SHOWN}{k}.png" for k in range(4)}
    studio.library.captions.save(printable(folder), f"{SHOWN}1.png", "by hand")
    assert (folder / f"{ODD}1.txt").read_text("utf-8") == "by hand\n"


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_a_terminal_of_any_encoding_takes_every_name(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / f"{ODD} 猫.bin"
    file.write_bytes(b"no adapter")
    command = [sys.executable, "studio.py", "--workspace", str(tmp_path / "w"), "inspect"]
    environment = {**os.environ, "PYTHONIOENCODING": f"{encoding}:strict"}
    for more in ([], ["--json"]):
        result = subprocess.run(
            [*command, os.fspath(file), *more], cwd=ROOT, capture_output=True, env=environment
        )
        assert result.returncode == 2, result.stderr
        assert b"Traceback" not in result.stderr + result.stdout
        if more:
            facts = json.loads(result.stdout.decode(encoding))
            assert facts["path"] == printable(file)
    missing = [*command, os.fspath(tmp_path / f"none {ODD} 猫.bin")]
    result = subprocess.run(missing, cwd=ROOT, capture_output=True, env=environment)
    assert result.returncode == 2
    assert b"Traceback" not in result.stderr
