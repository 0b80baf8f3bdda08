"""The page's scripts: how they are served, that they fit together, and their own tests and linter."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from studio.ui import scripts, tables
from tests.ui.test_door import Client, served

ROOT = Path(__file__).parent.parent.parent
TESTS = sorted((ROOT / "tests" / "page").glob("*.test.js"))
IMPORT = re.compile(r"""^(?:import|export) [^'"]*?from '([^']+)';$|\bimport\('([^']+)'\)""", re.M)
LONGEST_LINE, LONGEST_FILE = 120, 300


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    for server in served(tmp_path_factory.mktemp("scripts"), None):
        yield Client(server)


def text_of(name: str) -> str:
    return scripts.modules()[name].decode()


def imports(name: str) -> list[str]:
    folder = PurePosixPath(name).parent
    found = []
    for plain, lazy in IMPORT.findall(text_of(name)):
        path = folder.joinpath(plain or lazy)
        parts: list[str] = []
        for part in path.parts:
            parts = parts[:-1] if part == ".." else [*parts, part]
        found.append("/".join(parts))
    return found


def test_every_import_leads_to_a_module_and_every_module_is_used() -> None:
    names = set(scripts.modules())
    wanted = {name: imports(name) for name in names}
    for name, found in wanted.items():
        assert set(found) <= names, f"{name} imports what is not there"
    reached, waiting = set(), [scripts.ENTRY]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += wanted[name]
    assert names == reached, f"nobody imports {names - reached}"


def test_lines_and_files_stay_short() -> None:
    for name in scripts.modules():
        lines = text_of(name).splitlines()
        assert len(lines) <= LONGEST_FILE, f"{name} has {len(lines)} lines"
        long = [number for number, line in enumerate(lines, 1) if len(line) > LONGEST_LINE]
        assert not long, f"{name}: lines {long} are longer than {LONGEST_LINE}"


def test_no_module_leaves_anything_in_the_page_for_others() -> None:
    for name in scripts.modules():
        assert not re.search(r"\b(window|globalThis|self)\.\w+ =[^=]", text_of(name)), name


def test_a_module_is_kept_for_good_under_the_address_of_its_version(client: Client) -> None:
    for name in scripts.modules():
        answer = client.ask("GET", f"/{scripts.address(name)}")
        assert (answer.status, answer.body) == (200, scripts.modules()[name]), name
        assert answer.header("content-type") == "text/javascript; charset=utf-8"
        assert "immutable" in answer.header("cache-control")
        assert "private" in answer.header("cache-control")
        assert answer.header("x-content-type-options") == "nosniff"


def test_a_module_is_sent_packed_to_those_who_take_it(client: Client) -> None:
    path = f"/{scripts.address('caption/caption.js')}"
    packed = client.ask("GET", path, Accept_Encoding="br, gzip")
    assert packed.header("content-encoding") == "gzip"
    assert "accept-encoding" in packed.header("vary")
    assert gzip.decompress(packed.body) == scripts.modules()["caption/caption.js"]
    assert len(packed.body) < len(scripts.modules()["caption/caption.js"]) / 2
    head = client.ask("HEAD", path)
    assert (head.status, head.body) == (200, b"")
    assert head.header("content-length") == str(len(scripts.modules()["caption/caption.js"]))


@pytest.mark.parametrize(
    "path",
    ["/scripts/0123456789abcdef/main.js", "/scripts/{}/nothing.js", "/scripts/{}/../theme.py",
     "/scripts/{}/core/../../studio.css", "/scripts/main.js", "/scripts/{}/", "/scripts/{}/core"],
)  # fmt: skip
def test_nothing_else_is_there(client: Client, path: str) -> None:
    answer = client.ask("GET", path.format(scripts.version()))
    assert answer.status == 404
    assert "immutable" not in answer.header("cache-control")


def test_another_word_in_any_module_is_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    before = scripts.version()
    others = {
        name: text + b"\n" * (name == "core/words.js") for name, text in scripts.modules().items()
    }
    monkeypatch.setattr(scripts, "modules", lambda: others)
    assert scripts.version.__wrapped__() != before


def test_the_page_has_all_modules_in_its_head_and_starts_its_parts(client: Client) -> None:
    page = client.ask("GET", "/").body.decode()
    config = json.loads(re.search(r"window\.gradio_config = (.+?);</script>", page)[1])  # type: ignore[index]
    head = config["head"]
    fetched = re.findall(r'<link rel="modulepreload" href="scripts/\w+/(.+?)">', head)
    later = re.search(r'<meta name="cs-later" content="(.+?)">', head)
    assert later and [*fetched, *later[1].split(" ")] == list(scripts.modules())
    assert "core/header.js" in fetched and "train/pick.js" in later[1].split(" ")
    parts = re.findall(r"^  (\w+): \(\) => import", text_of("main.js"), re.M)
    started = [
        re.search(r'page\.mount\("(\w+)"', script)
        for component in config["components"]
        if (script := component["props"].get("js_on_load"))
    ]
    assert {found[1] for found in started if found} == set(parts)
    assert len(head) + sum(len(scripts.start(part)) for part in parts) < 27_000


def test_parts_send_what_python_listens_to(client: Client) -> None:
    """Both ways: an event that no part sends would never come, one that is not declared fails."""
    folders = dict(re.findall(r"^  (\w+): \(\) => import\('\./(.+?)'\)", text_of("main.js"), re.M))
    config = json.loads(client.ask("GET", "/config").body)
    seen = set()
    for component in config["components"]:
        script = component["props"].get("js_on_load") or ""
        if not (part := re.search(r'mount\("(\w+)", \{.*?\}, (\[.*?\])\)', script)):
            continue
        reached, waiting = set(), [folders[part[1]]]
        while waiting:
            name = waiting.pop()
            if name not in reached:
                reached.add(name)
                waiting += [other for other in imports(name) if not other.startswith("core/")]
        sent = {
            event for name in reached for event in re.findall(r"\btrigger\('(\w+)'", text_of(name))
        }
        declared = set(json.loads(part[2]))
        assert sent | {"input"} == declared | {"input"}, part[1]
        seen.add(part[1])
    assert seen == set(folders)


def test_the_tables_in_the_head_are_those_of_python_and_end_nothing() -> None:
    element = tables.element()
    text = re.fullmatch(r'<script type="application/json" id="cs-tables">(.+)</script>', element)
    assert text is not None
    assert "<" not in text[1]
    assert json.loads(text[1]) == json.loads(json.dumps(tables.tables()))
    assert json.loads(text[1])["limits"]["strength"] == [-10, 10]


def test_the_scripts_own_tests() -> None:
    """`node --test`: what needs no page. Everything else is seen by the browser tests."""
    assert TESTS
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed, so the scripts' own tests did not run")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
    if int(version.stdout.lstrip("v").partition(".")[0]) < 18:
        pytest.skip(f"Node {version.stdout.strip()} is older than 18, which has the test runner")
    run = subprocess.run(
        [node, "--test", *map(str, TESTS)], capture_output=True, text=True, cwd=ROOT, timeout=300
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(r"^(# |ℹ )fail 0$", run.stdout, re.M), run.stdout
