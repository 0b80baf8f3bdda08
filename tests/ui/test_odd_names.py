"""Names and texts that are no Unicode: the page opens, every list is whole, every name works."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import urlopen

import orjson
import pytest

from studio.app import Studio
from studio.core.errors import MissingError
from studio.core.names import printable
from studio.core.paths import Workspace
from studio.ui import app
from tests.odd_names import CONTROL, HALF, ODD, SHOWN, fill, save_image


class Served:
    """The page's server functions by name, called as a browser would: all that goes through JSON."""

    def __init__(self, workspace: Path) -> None:
        self.studio = Studio(Workspace(workspace))
        self.demo = app.build(self.studio)
        self.calls: dict[str, Any] = {}
        for block in self.demo.blocks.values():
            for function in getattr(block, "server_fns", []):
                self.calls.setdefault(function.__name__, function)

    def ask(self, function: str, /, **argument: Any) -> Any:
        answer = self.calls[function](json.loads(json.dumps(argument)))
        sent = orjson.loads(orjson.dumps(answer))  # raises for what no browser could be sent
        assert sent["ok"], sent
        return sent["data"]

    def handle(self, name: str, *arguments: Any) -> Any:
        (function,) = [f for f in self.demo.fns.values() if f.name == name]
        answer = function.fn(*arguments)
        orjson.dumps(answer, default=lambda block: block.constructor_args)
        return answer


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    workspace = tmp_path_factory.mktemp("odd") / "workspace"
    workspace.mkdir()
    fill(workspace)
    return Served(workspace)


def test_the_page_itself_can_be_sent(served: Served) -> None:
    config = served.demo.get_config_file()
    assert SHOWN in orjson.dumps(config, option=orjson.OPT_SERIALIZE_NUMPY).decode()


def test_every_dataset_is_listed_opens_and_can_be_edited(served: Served) -> None:
    listed = {entry["name"]: entry for entry in served.ask("datasets")}
    assert {SHOWN, "fine", "party", "two\ufffdu000Alines \ufffdu001B[31m"} <= set(listed)
    for name in (SHOWN, "fine"):
        identity = listed[name]["id"]
        opened = served.ask("open_dataset", dataset=identity)
        assert [item["file"] for item in opened["items"]] == ["a.png", "b.png", f"{SHOWN}.png"]
        assert not any(item.get("problem") for item in opened["items"])
        shown = served.ask("thumbnails", dataset=identity, files=[f"{SHOWN}.png"])
        assert Path(shown[f"{SHOWN}.png"]["path"]).is_file()
        served.ask("save_caption", dataset=identity, file=f"{SHOWN}.png", text=f"new {HALF}x")
        folder = served.studio.workspace.datasets / (ODD if name == SHOWN else name)
        assert (folder / f"{ODD}.txt").read_text("utf-8") == "new \ufffduD83Cx\n"
        assert (
            served.ask("captions", dataset=identity)["captions"][f"{SHOWN}.png"]
            == "new \ufffduD83Cx"
        )
    party = served.ask("open_dataset", dataset=listed["party"]["id"])
    captions = {item["file"]: item["caption"] for item in party["items"]}
    assert captions == {"1.png": "a party \ufffduD83C", f"{SHOWN}.png": "an odd one"}


def test_a_dataset_with_a_control_character_keeps_its_name(served: Served) -> None:
    identity = next(
        entry["id"] for entry in served.ask("datasets") if entry["name"].startswith("two\ufffd")
    )
    assert "\n" not in identity
    opened = served.ask("open_dataset", dataset=identity)
    assert len(opened["items"]) == 3
    assert served.ask("copy_sample", dataset=identity)
    assert (served.studio.workspace.datasets / CONTROL / f"{ODD}.png").is_file()


def test_an_odd_folder_opens_by_the_name_that_is_shown(served: Served) -> None:
    path = f"{served.studio.workspace.datasets}/{SHOWN}"
    assert served.ask("open_folder", folder=path) == path
    assert served.ask("open_folder", folder=SHOWN) == path


def test_every_adapter_is_listed_and_stands_on_a_stack(served: Served) -> None:
    served.studio.library.index.look()
    served.studio.library.index.wait()
    rows = served.ask("library", base="starter", epoch="", since=0, look=False)["rows"]
    assert {row[1] for row in rows} == {"good", "n \ufffduD83C"}, "a run's file has the run's name"
    paths = {Path(row[0]).stem: row[0] for row in rows}
    assert set(paths) == {"good", SHOWN}
    previews = served.ask("previews", paths=[paths[SHOWN]])
    assert Path(previews[paths[SHOWN]]).is_file()
    (card,) = served.ask("describe", paths=[paths[SHOWN]], base="starter")
    assert card["problem"] is None
    assert served.ask("inside", path=paths[SHOWN])["kind"] == "lora"
    item = {"path": paths[SHOWN], "strength": 1.0, "enabled": True}
    served.ask("save_stack", name=f"of {HALF}", items=[item], base="starter")
    named = {entry["name"]: entry for entry in served.ask("saved_stacks")}
    assert {"of \ufffduD83C", "half \ufffduD83C", SHOWN, "dead"} <= set(named)
    loaded = served.ask("load_stack", id=named["of \ufffduD83C"]["id"])
    assert loaded["items"][0]["path"] == paths[SHOWN]
    assert served.studio.library.adapter_path(SHOWN).stem == ODD
    assert served.studio.library.adapter_path("good").is_file()


def test_the_other_lists_are_whole(served: Served) -> None:
    chosen = served.ask("choices")
    assert {SHOWN, "fine", "party"} <= {entry["name"] for entry in chosen["datasets"]}
    bases = {entry["name"]: entry for entry in chosen["bases"]}
    assert bases[SHOWN]["problem"]
    assert not bases["starter"]["problem"]
    assert served.studio.library.vaes() == [f"{SHOWN}.safetensors"]
    runs = served.ask("runs")["runs"]
    assert [run["name"] for run in runs] == ["n \ufffduD83C"]
    view = served.ask("view", run=runs[0]["run"], since=0)
    assert view["events"][0]["text"] == "\ufffduD83C"
    images = served.ask("history", offset=0, count=0)["images"]
    assert {entry["id"] for entry in images} >= {f"2026-01-01/{SHOWN}.png"}
    assert served.ask("image", id=f"2026-01-01/{SHOWN}.png")["settings"] == {}
    assert [found.name for found in served.studio.generation.comparisons.all()] == ["c \ufffduD83C"]


def test_one_bad_preset_is_named_and_leaves_the_others(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studio.library import presets

    good = presets.PRESETS / "starter-lora.toml"
    (tmp_path / "good.toml").write_bytes(b"\xef\xbb\xbf" + good.read_bytes())
    (tmp_path / "bad.toml").write_text("[preset\n")
    broken: list[Any] = []
    assert [found.name for found in presets.all_presets(tmp_path, broken)] == ["good"]
    assert "bad.toml" in str(broken[0])


def test_half_an_emoji_that_a_browser_sends_is_no_obstacle(served: Served) -> None:
    answer = served.calls["open_folder"]({"folder": f"/no{HALF}where"})
    assert not answer["ok"]
    orjson.dumps(answer)
    with pytest.raises(MissingError):
        served.studio.library.stacks.path(f"none {HALF}")
    assert os.fspath(served.studio.workspace.root)


def test_a_workspace_in_an_odd_folder_is_served(tmp_path: Path, free_port: int) -> None:
    studio = Studio(Workspace(tmp_path / ODD))
    save_image(studio.workspace.outputs / "2026-01-01" / "1.png", 1)
    save_image(studio.workspace.outputs / "2026-01-01" / f"{ODD}.png", 1)
    save_image(studio.workspace.root / "elsewhere.png", 1)
    server = app.serve(studio, port=free_port)
    try:

        def status(path: Path) -> int:
            address = f"{server.url}/gradio_api/file={quote(printable(path))}"
            try:
                return int(urlopen(address).status)
            except HTTPError as error:
                return int(error.code)

        assert urlopen(server.url).status == 200
        assert status(studio.workspace.outputs / "2026-01-01" / "1.png") == 200
        assert status(studio.workspace.outputs / "2026-01-01" / f"{ODD}.png") == 200
        assert status(studio.workspace.root / "elsewhere.png") == 403
    finally:
        server.close()
        studio.close()
