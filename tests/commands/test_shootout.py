"""`compare FILE.toml`: the plan before anything starts, Ctrl-C that saves, the same command that continues."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from studio import cli
from studio.core.paths import PRESETS
from tests.generation.shootout_start import LORA
from tests.workspaces import make_workspace

ROOT = Path(__file__).resolve().parents[2]
QUICK = PRESETS / "shootout-quick.toml"
SHOOTOUT = """
name = "tiny"
data = "zibbo"
base = "tiny"
device = "cpu"
budget = "steps"
amount = 3
[prompts]
captions = 1
novel = 1
seeds = [1]
[sampling]
steps = 1
images = 2
ordinary_images = 0
[[entries]]
preset = "{0}/lora.toml"
[[entries]]
preset = "{0}/ti.toml"
name = "TI"
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a workspace, two presets, and a shootout of both."""
    place = tmp_path_factory.mktemp("shootout")
    make_workspace(place / "w")
    (place / "lora.toml").write_text(LORA)
    (place / "ti.toml").write_text(LORA.replace('"lora"', '"textual-inversion"'))
    (place / "tiny.toml").write_text(SHOOTOUT.format(place))
    return place


def command(place: Path, *arguments: str) -> list[str]:
    own = ["studio.py", "compare", str(place / "tiny.toml"), *arguments]
    return [sys.executable, *own, "--workspace", str(place / "w")]


def test_the_plan_of_what_ships_is_said_and_nothing_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = ["--workspace", str(tmp_path / "w")]
    assert cli.main(["compare", str(QUICK), "--plan", *workspace]) == 0
    said = capsys.readouterr().out
    rows = {line.split("  ")[0]: line.split() for line in said.splitlines()}
    assert rows["LoRA"][2:4] == ["40", "240"]
    assert rows["Textual Inversion"][3:5] == ["60", "240"], "as many images in smaller batches"
    assert "estimates, not measured yet" in said and "Prompt (novel): a zibbo cat" in said
    assert cli.main(["compare", "shootout-quick.toml", "--plan", "--json", *workspace]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["columns"] == ["Base", "LoRA", "Textual Inversion", "Hypernetwork"]
    assert [one["finished"] for one in found["trainings"]] == [False] * 3
    assert found["reference"]["folder"].endswith("held_out") and found["seconds"] > 0
    assert not list((tmp_path / "w" / "runs").iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no-such.toml"], "With the studio come: shootout-quick.toml, shootout-starter.toml"),
        ([str(QUICK), "--set", "budgett=steps"], "did you mean “budget”?"),
        ([str(QUICK), "--set", "amount=3"], "A step of “LoRA” sees 6 images"),
        ([str(QUICK), "--seeds", "1,2"], "--seeds would have no effect"),
        (["--plan"], "--plan needs the file of a shootout"),
    ],
)
def test_bad_input_ends_with_2_and_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert cli.main(["compare", *arguments, "--workspace", str(tmp_path / "w")]) == 2
    assert said in capsys.readouterr().err


def test_ctrl_c_saves_and_the_same_command_continues_to_table_and_folder(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    process = subprocess.Popen(
        command(place), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until = time.monotonic() + 120
    while not list((place / "w" / "runs").glob("*/checkpoints/step-*/manifest.json")):
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said  # a training and the comparison were still to come
    assert "continues where it was" in said and "Traceback" not in said
    runs = sorted(path.name for path in (place / "w" / "runs").iterdir() if path.is_dir())
    own = ["compare", str(place / "tiny.toml"), "--workspace", str(place / "w")]
    assert cli.main(own) == 0
    *table, folder = capsys.readouterr().out.strip().splitlines()
    assert Path(folder).parent == place / "w" / "comparisons"
    assert table[0].split() == ["Base", "LoRA", "TI"]
    now = sorted(path.name for path in (place / "w" / "runs").iterdir() if path.is_dir())
    assert set(runs) <= set(now) and len(now) == 2, "interrupted runs were resumed"
    assert cli.main([*own, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["reused"] for row in found["shootout"]["trainings"]] == [True, True]
    assert found["comparison"]["complete"]


@pytest.mark.slow
def test_the_shootout_that_ships_works_word_for_word(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "studio.py", "compare", "presets/shootout-quick.toml", "--workspace", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert Path(result.stdout.strip().splitlines()[-1]).is_dir()
    shutil.rmtree(tmp_path)
