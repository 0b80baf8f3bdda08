"""What a person or a script sees of the commands: help, exit codes, errors, output."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from studio import cli
from studio.commands import launch, options, settings, terminal
from studio.commands import test as test_command
from studio.core import errors
from studio.settings.training import CompareSettings, GenerateSettings, RunConfig

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The real command in a process of its own."""
    command = [sys.executable, "studio.py", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize("command", ["", *options.COMMANDS])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.parse([command, "--help"] if command else ["--help"])
    assert ended.value.code == 0
    assert "--workspace" in capsys.readouterr().out


def test_launch_options() -> None:
    arguments = cli.parse(
        ["--share", "--listen", "--port", "0", "--auth", "me:pass:word", "--no-browser"]
    )
    assert arguments.module == "launch"
    assert arguments.auth == ("me", "pass:word")
    assert (arguments.share, arguments.listen, arguments.port) == (True, True, 0)


@pytest.mark.parametrize("order", [["--workspace", "W", "doctor"], ["doctor", "--workspace", "W"]])
def test_workspace_may_stand_before_and_after_the_command(order: list[str]) -> None:
    arguments = cli.parse(order)
    assert (arguments.module, arguments.workspace) == ("doctor", "W")


@pytest.mark.parametrize(
    "wrong",
    [
        ["trian"],
        ["--port", "high"],
        ["--auth", "nopassword"],
        ["train", "--perset", "x"],
        ["caption"],
    ],
)
def test_typing_mistakes_are_bad_input(
    wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.parse(wrong)
    assert ended.value.code == 2
    assert capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "cls"),
    [("train", RunConfig), ("generate", GenerateSettings), ("compare", CompareSettings)],
)
def test_help_lists_every_setting(command: str, cls: Any) -> None:
    text = settings.help_text(command)
    for name, field in cls.model_fields.items():
        inner = getattr(field.annotation, "model_fields", None)
        for key in [f"{name}.{part}" for part in inner] if inner else [name]:
            if key != "options":
                assert f"\n  {key}  [" in text
    assert "default" in text and "…" in text


def test_help_lists_the_options_of_every_method() -> None:
    from studio.methods import METHODS

    text = settings.help_text("train")
    for method in METHODS.values():
        for key in method.Options.model_fields:
            assert f"options.{key}  [" in text


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.SettingsError("A setting is wrong", remedy="Correct it."), 2),
        (errors.StorageError("The disk is full", safe="Step 400 is intact."), 1),
        (errors.Interrupted("Stopped as you asked"), 130),
        (KeyboardInterrupt(), 130),
    ],
)
def test_errors_read_as_a_sentence_and_set_the_exit_code(
    error: BaseException, code: int, monkeypatch, capsys
) -> None:
    def fail(_: object) -> int:
        raise error

    monkeypatch.setattr("studio.commands.doctor.run", fail)
    assert cli.main(["doctor"]) == code
    said = capsys.readouterr()
    assert said.out == "" and "Traceback" not in said.err
    assert str(error) in said.err


def test_the_unexpected_is_short_on_screen_and_complete_in_a_file(
    workspace: Path, monkeypatch, capsys
) -> None:
    def fail(_: object) -> int:
        raise ZeroDivisionError("a mistake of ours")

    monkeypatch.setattr("studio.commands.launch.run", fail)
    assert cli.main(["--workspace", str(workspace), "--auth", "me:secret"]) == 1
    said = capsys.readouterr().err
    logs = list((workspace / "logs").glob("error-*.txt"))
    assert len(logs) == 1 and str(logs[0]) in said
    assert "Traceback" not in said
    story = logs[0].read_text("utf-8")
    assert "a mistake of ours" in story and "secret" not in story


def test_a_workspace_that_cannot_be_made_still_tells_the_story(tmp_path: Path, monkeypatch, capsys):
    def fail(_: object) -> int:
        raise ZeroDivisionError("a mistake of ours")

    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setattr("studio.commands.doctor.run", fail)
    assert cli.main(["doctor", "--workspace", str(tmp_path / "file" / "w")]) == 1
    assert "a mistake of ours" in capsys.readouterr().err


def test_exposed_without_a_password_gets_one(capsys: pytest.CaptureFixture[str]) -> None:
    made = launch.password(None, exposed=True)
    assert made is not None and len(made[1]) >= 16
    assert made[1] in capsys.readouterr().out
    assert launch.password(("me", "mine"), exposed=True) == ("me", "mine")
    assert launch.password(None, exposed=False) is None
    assert launch.password(None, exposed=True) != made


def test_a_busy_port_is_said_plainly_and_another_one_found() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen(1)
        port = holder.getsockname()[1]
        with pytest.raises(errors.BusyError) as caught:
            launch.pick_port("127.0.0.1", port)
        assert str(port) in str(caught.value) and "--port" in str(caught.value)
    assert launch.pick_port("127.0.0.1", 0) > 0
    assert launch.pick_port("127.0.0.1", None) >= launch.FIRST_PORT


def _library(workspace: Path, *adapters: str) -> Any:
    from studio.app import Studio
    from studio.core.paths import Workspace

    studio = Studio(Workspace(workspace))
    for name in adapters:
        (studio.workspace.adapters / name).write_bytes(name.encode())
    return studio


@pytest.mark.parametrize(
    ("text", "strength"),
    [("fox", 1.0), ("fox:0.5", 0.5), ("fox:-1", -1.0), ("fox.safetensors", 1.0)],
)
def test_adapters_by_name_with_strength(workspace: Path, text: str, strength: float) -> None:
    library = _library(workspace, "fox.safetensors")
    item = terminal.adapter_reference(library, text)
    assert item == {"path": str(workspace / "adapters/fox.safetensors"), "strength": strength}


def test_adapters_by_path_even_with_a_colon(workspace: Path) -> None:
    path = workspace / "a:b.safetensors"
    path.write_bytes(b"")
    assert terminal.adapter_reference(_library(workspace), str(path))["path"] == str(path)
    assert terminal.adapter_reference(_library(workspace), f"{path}:0.3")["strength"] == 0.3


def test_a_misspelt_adapter_names_the_nearest(workspace: Path) -> None:
    library = _library(workspace, "nightowl.safetensors")
    with pytest.raises(errors.MissingError, match="nightowl"):
        terminal.adapter_reference(library, "nihgtowl")


def test_first_interrupt_asks_second_leaves(capsys: pytest.CaptureFixture[str]) -> None:
    import signal

    before = signal.getsignal(signal.SIGINT)
    with terminal.Stopping("Stopping.") as stopping:
        assert not stopping()
        os.kill(os.getpid(), signal.SIGINT)
        assert stopping()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGINT) is before


class Ran:
    """What the test command would have started: Python's arguments and the settings for each."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, bad: str, lacking: tuple[str, ...] = ()
    ) -> None:
        self.bad = bad
        self.share = 100.0
        self.commands: list[list[str]] = []
        self.settings: list[dict[str, str]] = []
        monkeypatch.setattr(test_command, "_call", self._call)
        monkeypatch.setattr(test_command, "_find_browser", lambda: None)
        monkeypatch.setattr(test_command, "_run", lambda command: 0)
        monkeypatch.setattr(test_command, "_has", lambda processor: processor not in lacking)

    def _call(self, command, settings=None, *, quiet=False) -> int:
        self.commands.append(command)
        self.settings.append(settings or {})
        if "slipcover" in command:
            covered = {"summary": {"percent_covered": self.share}, "files": {}}
            Path(command[command.index("--out") + 1]).write_text(json.dumps(covered))
        return 1 if self.bad in (*command, *(settings or {}).values()) else 0


@pytest.fixture
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test command sets variables for its children; this process gets its own back."""
    for name in ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_CBWR", "STUDIO_TEST_ALL"):
        monkeypatch.setenv(name, "")  # so that the end of the test puts back what was there
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("own_environment")
@pytest.mark.parametrize("bad", ["check", "mypy"])
def test_failed_checks_fail_the_test_command_even_when_tests_pass(monkeypatch, bad: str) -> None:
    ran = Ran(monkeypatch, bad)
    assert test_command.run(cli.parse(["test"])) == 1
    assert ran.commands[-1][-4:] == test_command._dealt(), "its summary comes last"
    assert os.environ["ONEDNN_MAX_CPU_ISA"] == "AVX2", "the same kernels on every machine"
    ran.commands.clear()
    assert test_command.run(cli.parse(["test", "tests/commands/test_cli.py", "-k", "port"])) == 0
    assert ran.commands == [["-m", "pytest", "tests/commands/test_cli.py", "-k", "port"]]


@pytest.mark.usefixtures("own_environment")
def test_all_tries_every_processor_and_a_slow_browser_three_times(monkeypatch) -> None:
    ran = Ran(monkeypatch, "nothing")
    assert test_command.run(cli.parse(["test", "--all"])) == 0
    simulated = [settings for settings in ran.settings if "OMP_NUM_THREADS" in settings]
    tried = {(s.get("ONEDNN_MAX_CPU_ISA"), s["OMP_NUM_THREADS"]) for s in simulated}
    assert tried == {(i, n) for i in (None, "SSE41", "AVX2", "AVX512_CORE") for n in ("1", "2")}
    assert "ONEDNN_MAX_CPU_ISA" not in os.environ, "the last run is the machine's own"
    assert [s for s in ran.settings if "STUDIO_TEST_THROTTLE" in s] == [
        {"STUDIO_TEST_THROTTLE": "6"}
    ] * 3
    assert "slow or not slow" in ran.commands[-1]


@pytest.mark.usefixtures("own_environment")
def test_instructions_that_the_machine_lacks_are_not_tried(monkeypatch, capsys) -> None:
    ran = Ran(monkeypatch, "nothing", lacking=("avx2", "avx512"))
    assert test_command.run(cli.parse(["test", "-k", "port"])) == 0
    assert "ONEDNN_MAX_CPU_ISA" not in os.environ
    assert test_command.run(cli.parse(["test", "--all"])) == 0
    tried = {s.get("ONEDNN_MAX_CPU_ISA") for s in ran.settings if "OMP_NUM_THREADS" in s}
    assert tried == {None, "SSE41"}
    assert "cannot compute as one with avx512: not tried" in capsys.readouterr().err
    with pytest.raises(errors.UnavailableError, match="avx512"):
        test_command.run(cli.parse(["test", "--processor", "avx512"]))


def test_inspect_says_what_a_file_is_not(workspace: Path, tmp_path: Path) -> None:
    fake = tmp_path / "fake.safetensors"
    fake.write_text("this is a text file")
    result = run("inspect", str(fake), "--json", "--workspace", str(workspace))
    assert result.returncode == 2, result.stderr
    facts = json.loads(result.stdout)
    assert facts["kind"] == "unknown" and facts["problems"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "--preset", "starter-lroa"], "starter-lora"),
        (["train", "--preset", "starter-lora", "--set", "train.stesp=3"], "steps"),
        (["train", "--preset", "starter-lora", "--data", "/nowhere"], "/nowhere"),
        (["train"], "--preset"),
        (["train", "--preset", "starter-lora", "--like", "x.safetensors"], "--like"),
        (["train", "--like", "nothing-like-it"], "adapter"),
        (["generate"], "prompt"),
        (["generate", "a fox", "--set", "stpes=3"], "steps"),
        (["generate", "a fox", "--adapter", "nothing-like-it"], "adapter"),
        (["generate", "a fox", "--mask-prompt", "a cat"], "--mask"),
        (["compare"], "--prompt"),
        (["compare", "--prompt", "a fox", "--seeds", "1,x"], "1,x"),
        (["caption", "/nowhere"], "/nowhere"),
        (["inspect", "/nowhere/file.safetensors"], "/nowhere/file.safetensors"),
        (["bench", "stratup"], "startup"),
    ],
)
def test_bad_input_ends_with_2_and_says_what(
    arguments: list[str], words: str, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*arguments, "--workspace", str(workspace)]) == 2
    said = capsys.readouterr()
    assert words in said.err and "Traceback" not in said.err
    assert said.out == ""


def test_doctor_tries_everything_and_names_the_cost(workspace: Path) -> None:
    result = run("doctor", "--json", "--workspace", str(workspace))
    found = json.loads(result.stdout)
    by_name = {check["name"]: check for check in found["checks"]}
    assert {"python", "disk", "workspace", "torch", "gpu", "attention", "8-bit", "taggers"} <= set(
        by_name
    )
    assert by_name["torch"]["status"] == "ok"
    assert result.returncode == (0 if found["ok"] else 1)
    for check in found["checks"]:
        assert check["status"] == "ok" or check["cost"] or check["remedy"]


def test_doctor_says_what_goes_without_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    from studio.core import doctor_libraries

    there = doctor_libraries.taggers()
    assert there.status == "ok" and "CPU" in there.found
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    gone = doctor_libraries.taggers()
    assert (
        gone.status == "note"
        and "onnxruntime" in str(gone.remedy)
        and "captioner" in str(gone.cost)
    )


def test_doctor_sees_a_missing_starter_and_a_workspace_that_cannot_be_written(
    tmp_path: Path,
) -> None:
    from studio.core import doctor

    assert doctor._starter(tmp_path).status == "problem"
    (tmp_path / "file").write_text("in the way")
    assert doctor._workspace(tmp_path / "file" / "workspace").status == "problem"
    assert doctor._workspace(tmp_path / "new" / "workspace").status == "ok"


@pytest.mark.parametrize("port", ["²", "-1", "65536", "8o"])
def test_what_is_no_port_is_said(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main([f"--port={port}"])
    assert left.value.code == 2 and "is not a port" in capsys.readouterr().err


def test_a_benchmark_is_given_its_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[list[str]] = []
    monkeypatch.chdir("/")

    def call(command: list[str], cwd: Path) -> int:
        called.append(command)
        return 0

    monkeypatch.setattr(subprocess, "call", call)
    for rest in (["--out", "here"], ["--workspace", "w", "--out", "here"]):
        assert cli.main(["bench", "stack", *rest]) == 0
    assert [command[2:] for command in called] == [
        ["--out", "here"],
        ["--workspace", str(Path("w").absolute()), "--out", "here"],
    ]
