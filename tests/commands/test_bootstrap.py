"""The first start on a bare machine, in small: a checkout whose one requirement is a tiny wheel."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import runpy
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from studio.commands import environment, installer, process, requirements
from studio.core import paths
from studio.core.errors import StorageError, UnavailableError

ROOT = Path(__file__).resolve().parents[2]
PROBE = """
import json, os, sys
import brick
def run(arguments):
    names = ("GLIBC_TUNABLES", "GRADIO_ANALYTICS_ENABLED", "HF_HUB_DISABLE_TELEMETRY")
    print(json.dumps({"prefix": sys.prefix, "brick": brick.COLOUR,
                      "settings": {name: os.environ.get(name) for name in names}}))
    return 0
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the start-up code with one requirement that no machine has."""
    root = tmp_path_factory.mktemp("checkout")
    shutil.copy(ROOT / "studio.py", root)
    (root / "studio").mkdir()
    for name in ("__init__.py", "cli.py"):
        shutil.copy(ROOT / "studio" / name, root / "studio")
    for room in ("core", "commands", "caption"):  # all that the start needs
        shutil.copytree(ROOT / "studio" / room, root / "studio" / room)
    (root / "studio" / "commands" / "doctor.py").write_text(PROBE)
    (root / "pyproject.toml").write_text(
        '[project]\nname = "x"\ndependencies = ["studio-test-brick>=1.0"]\n'
        '[project.optional-dependencies]\neight-bit = ["studio-test-nowhere>=1"]\nxformers = []\n'
    )
    _make_wheel(root / "wheels")
    return root


def _make_wheel(folder: Path) -> None:
    folder.mkdir()
    about = "studio_test_brick-1.2.dist-info"
    with zipfile.ZipFile(folder / "studio_test_brick-1.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr("brick.py", "COLOUR = 'red'\n")
        wheel.writestr(
            f"{about}/METADATA", "Metadata-Version: 2.1\nName: studio-test-brick\nVersion: 1.2\n"
        )
        wheel.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{about}/RECORD", f"brick.py,,\n{about}/METADATA,,\n{about}/RECORD,,\n")


def start(
    root: Path, *, wheels: bool = True, within: Sequence[str] = (), **more: str
) -> subprocess.CompletedProcess[str]:
    """Runs `python studio.py doctor` there; without `wheels` there is nothing to install from."""
    hidden = ("PIP_", process.MARKER, "GLIBC_TUNABLES", *process.QUIET)
    clean = {key: value for key, value in os.environ.items() if not key.startswith(hidden)}
    clean |= {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, **more}
    if wheels:
        clean["PIP_FIND_LINKS"] = str(root / "wheels")
    command = [*within, sys.executable, "studio.py", "doctor"]
    return subprocess.run(command, cwd=root, env=clean, capture_output=True, text=True)


def test_first_start_installs_and_the_second_needs_nothing(checkout: Path) -> None:
    first = start(checkout)
    assert first.returncode == 0, first.stderr
    facts = json.loads(first.stdout)
    assert Path(facts["prefix"]) == checkout / ".venv"
    assert facts["brick"] == "red"
    assert facts["settings"]["GRADIO_ANALYTICS_ENABLED"] == "False"
    if process._glibc():
        assert "glibc.malloc.hugetlb=1" in facts["settings"]["GLIBC_TUNABLES"]
    assert "on disk" in first.stderr
    assert "no build" in first.stderr, "the optional part that is nowhere costs a line only"

    second = start(checkout, wheels=False)
    assert second.returncode == 0, second.stderr
    assert second.stderr == ""


def test_a_lost_library_is_put_back(checkout: Path) -> None:
    assert start(checkout).returncode == 0
    for path in (checkout / ".venv").rglob("studio_test_brick*"):
        shutil.rmtree(path)
    again = start(checkout)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["brick"] == "red"


def _half_made(folder: Path) -> None:
    (folder / "concept-studio.json").write_text('{"state": "installing"}')


def _python_gone(folder: Path) -> None:
    for path in (folder / "bin").glob("python*"):
        path.unlink()
    (folder / "bin" / "python").symlink_to("/nowhere/python3")


def _torn_marker(folder: Path) -> None:
    (folder / "concept-studio.json").write_text('{"sta')


@pytest.mark.parametrize("damage", [_half_made, _python_gone, _torn_marker])
def test_a_broken_environment_is_noticed(
    checkout: Path, tmp_path: Path, damage, monkeypatch
) -> None:
    assert start(checkout).returncode == 0
    shutil.copytree(checkout / ".venv", tmp_path / ".venv", symlinks=True)
    damage(tmp_path / ".venv")
    made: list[Path] = []
    monkeypatch.setattr(environment, "_make_anew", lambda there, _: made.append(there.folder))
    needs = [requirements.parse("studio-test-brick>=1.0")]
    broken = environment.Environment(tmp_path / ".venv")
    assert not environment._ready(broken, needs)
    environment._make(broken, needs)
    assert made == [tmp_path / ".venv"]


@pytest.mark.slow
def test_a_broken_environment_is_made_again(checkout: Path) -> None:
    assert start(checkout).returncode == 0
    (checkout / ".venv" / "left-over").write_text("from the broken one")
    _half_made(checkout / ".venv")
    again = start(checkout)
    assert again.returncode == 0, again.stderr
    assert "making it again" in again.stderr
    assert not (checkout / ".venv" / "left-over").exists()


def test_somebody_elses_environment_is_added_to_not_wiped(checkout: Path) -> None:
    assert start(checkout).returncode == 0
    (checkout / ".venv" / "concept-studio.json").unlink()
    (checkout / ".venv" / "their-file").write_text("precious")
    for path in (checkout / ".venv").rglob("studio_test_brick*"):
        shutil.rmtree(path)
    again = start(checkout)
    assert again.returncode == 0, again.stderr
    assert (checkout / ".venv" / "their-file").read_text() == "precious"


def test_no_network_is_said_plainly_and_leaves_no_trap(checkout: Path) -> None:
    shutil.rmtree(checkout / ".venv", ignore_errors=True)
    nobody = {"PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_RETRIES": "1", "PIP_NO_INDEX": "0"}
    failed = start(checkout, wheels=False, **nobody)
    assert failed.returncode == 1
    last = failed.stderr.strip().splitlines()[-1]
    assert "no network connection" in last
    assert "start" in last.lower() and "127.0.0.1" not in last
    assert "Traceback" not in failed.stderr
    half = environment.Environment(checkout / ".venv")
    assert half.state() == "installing", "so that the next start begins anew"


def test_help_and_typing_mistakes_need_no_environment(checkout: Path) -> None:
    shutil.rmtree(checkout / ".venv", ignore_errors=True)
    for arguments, code in ((["--help"], 0), (["train", "--help"], 0), (["trian"], 2)):
        command = [sys.executable, "-S", "studio.py", *arguments]
        result = subprocess.run(command, cwd=checkout, capture_output=True, text=True)
        assert result.returncode == code, result.stderr
    assert not (checkout / ".venv").exists()


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        ("ERROR: [Errno 28] No space left on device", StorageError, "disk"),
        ("NewConnectionError: Temporary failure in name resolution", UnavailableError, "network"),
        ("SSLError(CERTIFICATE_VERIFY_FAILED)", UnavailableError, "certificate"),
        ("ERROR: No matching distribution found for torch~=2.13.0", UnavailableError, "no build"),
        ("ERROR: something else", UnavailableError, "something else"),
    ],
)
def test_what_the_installer_says_becomes_plain_words(said: str, kind: type, words: str) -> None:
    error = installer.explain(said)
    assert type(error) is kind
    assert words in str(error)


def test_full_disk_is_noticed_before_downloading(monkeypatch, tmp_path: Path) -> None:
    usage = shutil._ntuple_diskusage(10**12, 10**12, 10**6)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(StorageError, match="too full"):
        environment._make_anew(environment.Environment(tmp_path / ".venv"), [])
    assert not (tmp_path / ".venv").exists()


def test_missing_venv_module_names_the_package(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UnavailableError, match=r"apt install python3\.\d+-venv"):
        environment._create(environment.Environment(tmp_path / ".venv"))


def test_an_old_python_is_told_so_in_words_it_understands(monkeypatch, capsys) -> None:
    source = (ROOT / "studio.py").read_text("utf-8")
    ast.parse(source, feature_version=(3, 4))  # no syntax that an old Python stumbles over
    monkeypatch.setattr(sys, "version_info", (3, 7, 3, "final", 0))
    main = runpy.run_path(str(ROOT / "studio.py"))["main"]
    assert main() == 1
    said = capsys.readouterr().err
    assert "3.11" in said and "3.7.3" in said


@pytest.mark.parametrize(
    ("need", "version", "accepted"),
    [
        ("torch~=2.13.0", "2.13.0+cpu", True),
        ("torch~=2.13.0", "2.13.4", True),
        ("torch~=2.13.0", "2.14.0", False),
        ("gradio>=6.31,<7", "6.31", True),
        ("gradio>=6.31,<7", "7.0", False),
        ("gradio>=6.31,<7", "6.4", False),
        ("numpy>=2.0", "2", True),
        ("numpy>=2.0", None, False),
    ],
)
def test_version_bounds(need: str, version: str | None, accepted: bool) -> None:
    assert requirements.parse(need).accepts(version) is accepted


def test_a_read_only_checkout_has_its_environment_beside_the_workspace(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "writable", lambda folder: folder != tmp_path)
    named = tmp_path / "data" / "mine"
    assert environment._place(tmp_path, named) == tmp_path / "data" / "mine-venv"
    monkeypatch.setattr(paths, "REPOSITORY", tmp_path)
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    assert paths.default_workspace() == tmp_path / "home" / "concept-studio" / "workspace"
    expected = tmp_path / "home" / "concept-studio" / "workspace-venv"
    assert environment._place(tmp_path, None) == expected
    (tmp_path / "workspace").mkdir()  # a workspace that is there stays the workspace
    assert paths.default_workspace() == tmp_path / "workspace"


def test_a_checkout_on_a_read_only_disk_starts(checkout: Path, tmp_path: Path) -> None:
    """The real thing: a mount of one's own, where the system lets one be made."""
    frozen, home = tmp_path / "frozen", tmp_path / "home"
    frozen.mkdir()
    home.mkdir()
    shutil.rmtree(checkout / ".venv", ignore_errors=True)
    mount = f"mount --bind -o ro {checkout} {frozen} && mount -o remount,bind,ro {frozen}"
    into = ["unshare", "--mount", "--map-root-user", "sh", "-c"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*into, mount], capture_output=True).returncode
    ):
        pytest.skip("the system lets nobody mount here")
    first = start(
        frozen, within=[*into, f'{mount} && cd {frozen} && exec "$@"', "sh"], HOME=str(home)
    )
    assert first.returncode == 0, first.stderr
    made = home / "concept-studio" / "workspace-venv"
    assert json.loads(first.stdout)["prefix"] == str(made)
    assert "read-only" in first.stderr and str(made) in first.stderr
    assert not (checkout / ".venv").exists()


def test_an_old_pip_is_updated_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'pip 20.0.2 from /usr/lib (python 3.8)'\n")
    python.chmod(0o755)
    ran: list[list[str]] = []

    def note(command: list[str], _: Path) -> tuple[int, str]:
        ran.append(command)
        return 0, ""

    monkeypatch.setattr(installer, "_run", note)
    installer.install(python, [requirements.parse("brick>=1.0")])
    assert [command[3:] for command in ran] == [
        ["install", "--upgrade", "pip"],
        ["install", "brick>=1.0"],
    ]


@pytest.mark.parametrize(
    ("said", "variable", "words"),
    [
        ("ProxyError('Cannot connect to proxy.')", "HTTPS_PROXY", "that HTTPS_PROXY names"),
        ("OSError('Tunnel connection failed: 407 Proxy Authentication Required') ProxyError", "", "password"),
        ("NewConnectionError: Network is unreachable", "", "set HTTPS_PROXY"),
    ],
)  # fmt: skip
def test_a_proxy_is_named(
    said: str, variable: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in installer.PROXIES:
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, "http://nowhere.invalid:3128")
    error = str(installer.explain(said))
    assert words in error and "nowhere.invalid" not in error


def test_a_proxy_is_not_asked_for_the_page_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page calls itself while it starts: through a proxy that call would end the start."""
    settings = process.settings({"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "intern.example"})
    for name in ("no_proxy", "NO_PROXY"):
        hosts = settings[name].split(",")
        assert hosts[0] == "intern.example" and {"localhost", "127.0.0.1"} <= set(hosts)
    assert process.settings({"http_proxy": "x", "no_proxy": "*"})["no_proxy"] == "*"
    assert "no_proxy" not in process.settings({})


@pytest.mark.parametrize("names", [("python3",), ("python",), ("python", "python3.11")])
def test_ci_takes_the_first_python_that_is_new_enough(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    """Machines have `python3` alone, `python` alone, or a `python` that is too old."""
    root = tmp_path / "checkout"
    (root / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "run", root / ".ci")
    (root / "studio.py").write_text("import sys; print('ran', sys.argv[1:])")
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("bash", "dirname", "id", "env"):
        (tools / tool).symlink_to(shutil.which(tool) or f"/bin/{tool}")
    for name in names:
        file = tools / name
        too_old = name != names[-1]
        file.write_text(
            "#!/bin/sh\nexit 1\n" if too_old else f'#!/bin/sh\nexec {sys.executable} "$@"\n'
        )
        file.chmod(0o755)
    clean = {"PATH": str(tools), "STUDIO_CHROMIUM": "/somewhere/chromium"}
    found = subprocess.run(["bash", ".ci/run"], cwd=root, env=clean, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert found.stdout.strip() == "ran ['test']"


def test_every_requirement_of_the_project_can_be_read() -> None:
    names = [need.name for need in requirements.needed(("test", "eight-bit", "xformers"))]
    assert {"torch", "gradio", "pytest", "xformers"} <= set(names)


def test_the_users_own_allocator_choice_is_kept() -> None:
    if not process._glibc():
        pytest.skip("the allocator setting is glibc's")
    tunables = process.settings({"GLIBC_TUNABLES": "glibc.malloc.hugetlb=0"})["GLIBC_TUNABLES"]
    assert "hugetlb=0" in tunables and "hugetlb=1" not in tunables and "mmap_threshold" in tunables
