"""The commands on real work: a tiny random base, a few steps, real files.

Training, and generating for the first time, have a process of their own, as a person has it: that also proves
that state lives on disk alone. What only generates differently runs in this one.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studio import cli
from tests.workspaces import make_workspace

ROOT = Path(__file__).resolve().parents[2]
QUICK = [
    "train.batch_size=2",
    "sample.every=2",
    "sample.steps=2",
    "save.every=2",
    "validation.every=2",
]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_workspace(tmp_path_factory.mktemp("journey") / "w").root


def command(workspace: Path, *arguments: str) -> list[str]:
    return [sys.executable, "studio.py", *arguments, "--workspace", str(workspace)]


def run(workspace: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(workspace, *arguments), cwd=ROOT, capture_output=True, text=True)


Here = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def here(workspace: Path, capsys: pytest.CaptureFixture[str]) -> Here:
    """`here(*arguments)` runs a command in this process, and answers as `run` does."""

    def run_here(*arguments: str) -> subprocess.CompletedProcess[str]:
        code = cli.main([*arguments, "--workspace", str(workspace)])
        said = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, code, said.out, said.err)

    return run_here


def train(steps: int, *more: str) -> list[str]:
    settings = [part for text in (f"train.steps={steps}", *QUICK) for part in ("--set", text)]
    return ["train", "--base", "tiny", "--method", "lora", "--data", "zibbo", *settings, *more]


@pytest.fixture(scope="module")
def trained(workspace: Path) -> dict:
    result = run(workspace, *train(4, "--name", "mine", "--json"))
    assert result.returncode == 0, result.stderr
    return dict(json.loads(result.stdout))


def test_train_reports_the_run_as_json(workspace: Path, trained: dict) -> None:
    assert trained["state"] == "finished"
    assert (workspace / "runs" / trained["run"] / "config.toml").is_file()
    assert trained["files"] and all((workspace / file).is_file() for file in trained["files"])
    assert trained["seconds"] > 0 and trained["peak_memory"] > 1_000_000


def test_like_a_finished_file(workspace: Path, trained: dict, here: Here) -> None:
    file = workspace / trained["files"][0]
    result = here("train", "--like", str(file), "--set", "train.steps=3", "--set", "seed=9",
        "--set", f"options.continue_from={file.stem}", "--json",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    again = json.loads(result.stdout)
    settings = tomllib.loads((workspace / "runs" / again["run"] / "config.toml").read_text("utf-8"))
    assert (settings["base"], settings["train"]["batch_size"], settings["seed"]) == ("tiny", 2, 9)
    assert settings["options"]["continue_from"] == str(file)


def test_without_json_the_last_line_names_the_file(workspace: Path, here: Here) -> None:
    result = here(*train(2, "--name", "named"))
    assert result.returncode == 0, result.stderr
    assert Path(result.stdout.strip().splitlines()[-1]).is_file()
    assert "step 2/2" in result.stderr and "finished" in result.stderr


def test_check_measures_and_starts_nothing(workspace: Path, here: Here) -> None:
    before = sorted((workspace / "runs").iterdir())
    result = here(*train(50, "--check", "--json"))
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["ok"] and found["estimate"]["seconds_per_step"] > 0
    assert sorted((workspace / "runs").iterdir()) == before


def test_a_file_of_ours_is_recognised(workspace: Path, trained: dict, here: Here) -> None:
    result = here("inspect", trained["files"][0], "--json")
    assert result.returncode == 0, result.stderr
    facts = json.loads(result.stdout)
    assert facts["kind"] == "lora" and facts["trigger"] == "zibbo cat" and facts["problems"] == []


def test_generate_with_the_file_by_name(workspace: Path, trained: dict, here: Here) -> None:
    arguments = ["generate", "a zibbo cat", "--base", "tiny", "--count", "2", "--set", "steps=2"]
    plain = json.loads(run(workspace, *arguments, "--json").stdout)
    assert [image["seed"] for image in plain["images"]] == [1, 2]
    result = here(*arguments, "--adapter", "mine:0.7", "--json")
    assert result.returncode == 0, result.stderr
    stacked = json.loads(result.stdout)
    assert len(stacked["adapters"]) == 1
    first, second = (Path(made["images"][0]["path"]) for made in (plain, stacked))
    assert first.read_bytes() != second.read_bytes()
    assert "0.7" in stacked["images"][0]["parameters"]
    tagged = here(arguments[0], "a zibbo cat <lora:MINE:0.7>", *arguments[2:], "--json")
    assert "From the prompt onto the stack: mine" in tagged.stderr
    again = Path(json.loads(tagged.stdout)["images"][0]["path"])
    assert again.read_bytes() == second.read_bytes()
    begun = here(*arguments, "--image", str(second), "--denoising-strength", "0.5", "--json")
    assert begun.returncode == 0, begun.stderr
    assert "Denoising strength: 0.5" in json.loads(begun.stdout)["images"][0]["parameters"]


def test_generate_inside_a_mask_and_at_a_larger_size(
    workspace: Path, trained: dict, here: Here
) -> None:
    plain = ["generate", "a zibbo cat", "--base", "tiny", "--count", "1", "--json"]
    plain += ["--set", "steps=2"]
    first = Path(json.loads(here(*plain).stdout)["images"][0]["path"])
    mask = Image.new("L", (32, 32), 0)
    mask.paste(255, (8, 8, 24, 24))
    mask.save(workspace / "mask.png")
    masked = ["--mask", str(workspace / "mask.png"), "--mask-prompt", "a dog"]
    where = np.asarray(mask) > 0
    for more in ([], ["--image", str(first)]):
        result = here(*plain, *masked, "--mask-adapter", "mine:0.7", *more)
        assert result.returncode == 0, result.stderr
        made = json.loads(result.stdout)
        assert [Path(report["path"]).stem for report in made["adapters"]] == ["mine"]
        with Image.open(made["images"][0]["path"]) as image, Image.open(first) as before:
            found, expected = np.asarray(image), np.asarray(before)
        assert np.array_equal(found[~where], expected[~where])
        assert not np.array_equal(found[where], expected[where])
    again = here(*plain, "--like", str(made["images"][0]["path"]), *masked[:2])
    assert again.returncode == 0, again.stderr
    large = here(*plain, "--set", "hires.upscale=1.5", "--set", "hires.upscaler=Latent")
    with Image.open(json.loads(large.stdout)["images"][0]["path"]) as image:
        assert image.size == (48, 48)
    refused = here(*plain, *masked[2:])
    assert refused.returncode == 2 and "There is no mask" in refused.stderr


def test_ctrl_c_saves_first_and_resume_takes_no_other_settings(workspace: Path) -> None:
    process = subprocess.Popen(
        command(workspace, *train(4000, "--name", "long")),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        run_id = _wait_for_step(workspace, "long", process)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=300)[1]
    finally:
        process.kill()
    assert process.returncode == 130, said
    assert "intact" in said and "Traceback" not in said
    state = json.loads((workspace / "runs" / run_id / "state.json").read_text("utf-8"))
    assert state["state"] == "stopped" and state["last_checkpoint"] >= 1
    refused = run(workspace, "train", "--resume", run_id, "--set", "train.batch_size=6")
    assert refused.returncode == 2, "what was learned with has to stay"
    assert "“train.batch_size” cannot be changed" in refused.stderr


def _wait_for_step(workspace: Path, name: str, process: subprocess.Popen[str]) -> str:
    for _ in range(3000):
        for log in (workspace / "runs").glob(f"*-{name}/events.jsonl"):
            if re.search(r'"kind": "step"', log.read_text("utf-8")):
                return log.parent.name
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.1)
    raise AssertionError("the run never made a step")


def test_stdout_can_be_closed_early(workspace: Path) -> None:
    shell = " ".join(f"'{part}'" for part in command(workspace, "train", "--help"))
    result = subprocess.run(
        ["bash", "-c", f"{shell} | head -1"], cwd=ROOT, capture_output=True, text=True
    )
    assert result.stdout.startswith("usage") and "Traceback" not in result.stderr
