"""What may be named over a link, by every way in which a page names a path."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from studio import cli
from studio.app import Studio
from studio.core import atomic
from studio.core.access import Access
from studio.core.errors import DatasetError, InputError, StudioError
from studio.core.paths import Workspace
from studio.formats.captions import write_caption
from studio.library import presets
from studio.settings.grid import Axis, GridSettings
from studio.settings.training import CompareSettings, GenerateSettings, RunConfig, StackItem
from studio.ui.app import _build
from studio.ui.live import Page
from tests.tiny import make_tiny_sd1
from tests.workspaces import make_dataset

SECRET = "a secret caption"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder outside of the workspace that could be a dataset, a base and more."""
    folder = make_dataset(tmp_path / "elsewhere", 2)
    (folder / "0.txt").write_text(SECRET)
    (folder / "file.safetensors").write_bytes(b"not one")
    return folder


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    workspace = Workspace(tmp_path / "w")
    make_tiny_sd1(workspace.bases / "tiny")
    make_dataset(workspace.datasets / "mine", 2)
    return Studio(workspace)


@pytest.fixture
def remote(studio: Studio) -> Studio:
    studio.workspace.access = Access.over_a_link()
    return studio


ASKED: dict[Studio, Asked] = {}


def asked_of(studio: Studio) -> Asked:
    """One page for all questions of a test: building it takes a while."""
    if studio not in ASKED:
        ASKED.clear()
        ASKED[studio] = Asked(studio)
    return ASKED[studio]


class Asked:
    """The page's server functions, called as a browser can: by part and name, with any JSON."""

    def __init__(self, studio: Studio) -> None:
        self.page = Page(studio)
        self.demo = _build(self.page)

    def __call__(self, part: str, function: str, /, **argument: Any) -> Any:
        block = next(
            b for b in self.demo.blocks.values() if getattr(b, "elem_id", "") == f"cs-{part}"
        )
        answer = getattr(block, function)(argument)
        if not answer["ok"]:
            raise InputError(answer["error"]["what"], why=answer["error"].get("why"))
        return answer["data"]


def config(studio: Studio, **values: Any) -> RunConfig:
    start: dict[str, Any] = {"base": "tiny", "data": {"folder": "mine"}, "device": "cpu"}
    return presets.config_from(None, {**start, **values})


def item(path: str) -> StackItem:
    return StackItem.parse({"path": path})


def wanted(studio: Studio, **values: Any) -> GenerateSettings:
    return GenerateSettings.parse({"base": "tiny", "prompt": "x", "device": "cpu", **values})


def must(preflight: Any) -> None:
    if not preflight.ok:
        raise InputError(preflight.errors[0])


def grid(studio: Studio, path: str) -> Any:
    axis = Axis(kind="adapter", values=[path])
    return studio.generation.grids.generate(
        GridSettings(name="g", generation=wanted(studio), x=axis)
    )


def compare(studio: Studio, path: str, **values: Any) -> Any:
    column = {"name": "c", "stack": []}
    settings = {
        "base": "tiny",
        "columns": [column],
        "prompts": ["x"],
        "seeds": [1],
        "device": "cpu",
    }
    return studio.generation.comparisons.compare(CompareSettings.parse(settings | values))


def lorem(studio: Studio, path: str) -> Any:
    prior = {"weight": 1.0, "prompts": ["a cat"], "folder": path}
    return must(studio.runs.preflight(config(studio, prior=prior)))


def shootout(studio: Studio, path: str) -> Any:
    entries = [{"name": "LoRA", "preset": "starter-lora", "changes": ""}]
    form = {"dataset": "", "folder": path, "base": "tiny", "entries": entries}
    return asked_of(studio)("shootout", "plan", form=form)


WAYS: dict[str, Callable[[Studio, str], Any]] = {
    "open folder": lambda s, p: asked_of(s)("caption", "open_folder", folder=p),
    "dataset": lambda s, p: s.library.captions.read(p),
    "dataset of a page": lambda s, p: asked_of(s)("caption", "open_dataset", dataset=p),
    "caption": lambda s, p: s.library.captions.save(p, "0.png", "overwritten"),
    "captioner's folder": lambda s, p: s.generation.caption(p),
    "data folder": lambda s, p: must(s.runs.preflight(config(s, data={"folder": p}))),
    "start": lambda s, p: s.runs.start(config(s, data={"folder": p})),
    "base": lambda s, p: s.library.base_path(p),
    "base of a run": lambda s, p: must(s.runs.preflight(config(s, base=p))),
    "blocks of a base": lambda s, p: asked_of(s)("stack-generate", "check_blocks", text="a:1", base=p),
    "vae": lambda s, p: s.library.vae_path(p),
    "class images": lorem,
    "continue from": lambda s, p: must(s.runs.preflight(config(s, options={"continue_from": p}))),
    "like": lambda s, p: s.library.config_like(p),
    "init image": lambda s, p: s.generation.generate(wanted(s, image=p)),
    "start image": lambda s, p: asked_of(s)("start-image", "describe", path=p),
    "stack": lambda s, p: s.generation.generate(wanted(s, stack=[item(p)])),
    "saved stack": lambda s, p: s.library.stacks.save("x", [item(p)], "tiny"),
    "look inside": lambda s, p: asked_of(s)("stack-generate", "inside", path=p),
    "upload": lambda s, p: asked_of(s)("stack-generate", "take_file", path=p, name="a.pt", base="tiny"),
    "grid": grid,
    "column": lambda s, p: compare(s, p, columns=[{"name": "c", "stack": [item(p).model_dump()]}]),
    "folder of a shootout": shootout,
    "reference": lambda s, p: compare(s, p, reference=p),
    "opened folder": lambda s, p: s.workspace.open_folder(p),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_over_a_link_nothing_outside_is_read_written_or_probed(
    remote: Studio, elsewhere: Path, tmp_path: Path, way: str
) -> None:
    link = remote.workspace.datasets / "link"
    link.symlink_to(elsewhere)
    before = {path: path.read_bytes() for path in elsewhere.iterdir()}
    paths = [
        elsewhere, elsewhere / "0.png", elsewhere / "file.safetensors", tmp_path / "not there",
        link / "0.png", remote.workspace.root / ".." / "elsewhere", "/etc/passwd", "/etc/nothing", "/",
        "../elsewhere", "../not there", "~", "/" + "x" * 3000, remote.workspace.root / ".." / "no",
    ]  # fmt: skip
    said = set()
    for path in paths:
        with pytest.raises(InputError) as caught:
            WAYS[way](remote, str(path))
        error = caught.value
        text = f"{error.what} {error.why or ''} {error.remedy or ''}"
        named = sorted((str(path), str(path)[:200]), key=len, reverse=True)
        for written in named:
            for before_it, after_it in (("“", "”"), ("(", ")")):
                text = text.replace(before_it + written + after_it, "PATH")
        said.add(text)
        assert SECRET not in error.sentence()
    assert len(said) == 1, said  # the answer tells nobody what is there
    assert {path: path.read_bytes() for path in elsewhere.iterdir()} == before
    assert not remote.runs.all()


@pytest.mark.parametrize("path", ["~nobody-of-this-name/x", "a\0b", "", "   "])
def test_what_is_no_path_is_refused_in_our_words(remote: Studio, path: str) -> None:
    for way in ("open folder", "dataset", "base", "vae", "like", "look inside"):
        with pytest.raises(StudioError):
            WAYS[way](remote, path)


def test_alone_on_the_machine_any_folder_may_be_opened(studio: Studio, elsewhere: Path) -> None:
    asked = Asked(studio)
    identity = asked("caption", "open_folder", folder=str(elsewhere))
    assert asked("caption", "open_dataset", dataset=identity)["items"][0]["caption"] == SECRET
    studio.library.captions.save(str(elsewhere), "0.png", "mine now")
    assert (elsewhere / "0.txt").read_text() == "mine now\n"
    must(studio.runs.preflight(config(studio, data={"folder": str(elsewhere)})))
    assert studio.library.base_path(str(elsewhere)) == elsewhere


def test_a_folder_named_at_the_start_may_be_used(studio: Studio, elsewhere: Path) -> None:
    studio.workspace.access = Access.over_a_link([elsewhere])
    (studio.workspace.datasets / "link").symlink_to(elsewhere)
    asked = Asked(studio)
    identity = asked("caption", "open_folder", folder=str(elsewhere))
    found = asked("caption", "captions", dataset=identity)["captions"]
    assert found["0.png"] == SECRET
    assert studio.library.captions.read("link")
    with pytest.raises(InputError):
        asked("caption", "open_folder", folder=str(elsewhere.parent))


def test_a_folder_that_is_not_there_cannot_be_allowed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not there"):
        Access.over_a_link([tmp_path / "no"])


def test_the_option_is_checked_before_anything_is_opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--workspace", str(tmp_path / "w"), "--listen", "--allow", str(tmp_path / "no")]
    assert cli.main([*arguments, "--no-browser", "--port", "0"]) == 2
    assert "This folder is not there" in capsys.readouterr().err


def test_the_option_reaches_the_page(
    tmp_path: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[dict[str, Any]] = []

    def serve(studio: Studio, **named: Any) -> None:
        served.append(named)
        raise InputError("not in this test")

    monkeypatch.setattr("studio.ui.app.serve", serve)
    arguments = ["--workspace", str(tmp_path / "w"), "--listen", "--auth", "me:a-long-password"]
    cli.main([*arguments, "--allow", str(elsewhere), "--no-browser", "--port", "0"])
    assert [named["allow"] for named in served] == [[elsewhere.resolve()]]


@pytest.mark.parametrize("linked", ["0.txt", "0.png", "10_inner", "dataset.toml", "masks"])
def test_a_link_inside_a_dataset_closes_it_over_a_link(
    remote: Studio, elsewhere: Path, linked: str
) -> None:
    folder = make_dataset(remote.workspace.datasets / "bait", 2)
    (folder / linked).unlink(missing_ok=True)
    target = elsewhere if linked in ("10_inner", "masks") else elsewhere / linked
    (folder / linked).symlink_to(target)
    before = {path: path.read_bytes() for path in elsewhere.iterdir()}
    asked = Asked(remote)
    identity = str(folder)
    for name, more in (("open_dataset", {}), ("captions", {}),
                       ("save_caption", {"file": "0.png", "text": "over"}), ("copy_sample", {}),
                       ("auto_caption", {"which": "all", "prefix": "over"}),
                       ("edit_captions", {"action": "preview", "steps": [], "files": []})):  # fmt: skip
        with pytest.raises(InputError, match="links to other places"):
            asked("caption", name, dataset=identity, **more)
    (answer,) = asked("caption", "thumbnails", dataset=identity, files=["0.png"]).values()
    assert "links to other places" in answer["problem"]
    with pytest.raises(InputError):
        remote.runs.start(config(remote, data={"folder": "bait"}))
    (listed,) = [info for info in remote.library.datasets() if info.path == folder]
    assert listed.images == 0
    assert "links to other places" in listed.problems[0]
    assert {path: path.read_bytes() for path in elsewhere.iterdir()} == before


def test_links_that_stay_in_the_workspace_are_no_matter(remote: Studio) -> None:
    folder = remote.workspace.datasets / "mine"
    (folder / "7.png").symlink_to(folder / "0.png")
    assert len(remote.library.captions.read("mine")) == 3


@pytest.mark.parametrize("there", [True, False])
def test_a_caption_that_is_a_link_is_never_written(
    studio: Studio, tmp_path: Path, there: bool
) -> None:
    folder = studio.workspace.datasets / "mine"
    target = tmp_path / "notes.txt"
    if there:
        target.write_text("my notes")
    (folder / "0.txt").unlink()
    (folder / "0.txt").symlink_to(target)
    for write in (
        lambda: write_caption(folder / "0.png", "over"),
        lambda: studio.library.captions.save("mine", "0.png", "over"),
    ):
        with pytest.raises(DatasetError, match="link to another place"):
            write()
    assert target.exists() is there
    assert not there or target.read_text() == "my notes"
    assert (folder / "0.txt").is_symlink()


def test_links_in_a_circle_are_refused(studio: Studio) -> None:
    folder = studio.workspace.datasets / "mine"
    (folder / "0.txt").unlink()
    (folder / "0.txt").symlink_to(folder / "0.txt")
    with pytest.raises(DatasetError):
        write_caption(folder / "0.png", "over")


def test_a_run_of_the_owner_is_not_resumed_over_a_link(studio: Studio, elsewhere: Path) -> None:
    folder = studio.workspace.runs / "old"
    values = config(studio, data={"folder": str(elsewhere)})
    from studio.library.presets import to_toml

    atomic.write_text(folder / "config.toml", to_toml(values))
    atomic.write_json(folder / "state.json", {"run": "old", "state": "stopped", "step": 1})
    studio.workspace.access = Access.over_a_link()
    for resume in (studio.runs.resume, studio.runs.resume):
        with pytest.raises(InputError, match="outside"):
            resume("old")
    assert json.loads((folder / "state.json").read_text())["state"] == "stopped"


def test_an_edit_of_the_owner_is_not_undone_over_a_link(studio: Studio, elsewhere: Path) -> None:
    asked = Asked(studio)
    identity = asked("caption", "open_folder", folder=str(elsewhere))
    steps = [{"edit": "prefix", "text": "big "}]
    edit = {"action": "apply", "steps": steps, "files": []}
    asked("caption", "edit_captions", dataset=identity, **edit)
    written = (elsewhere / "0.txt").read_text()
    later = Studio(Workspace(studio.workspace.root))
    later.workspace.access = Access.over_a_link()
    mine = str(studio.workspace.datasets / "mine")
    fresh = Asked(later)
    with pytest.raises(InputError, match="left to undo"):
        fresh("caption", "undo", dataset=mine)
    with pytest.raises(InputError):
        fresh("caption", "undo", dataset=identity)
    assert (elsewhere / "0.txt").read_text() == written


def test_settings_of_a_file_open_no_folder_over_a_link(remote: Studio, elsewhere: Path) -> None:
    """A file's metadata can name any folder; the form just comes without a dataset."""
    asked = Asked(remote)
    with pytest.raises(InputError):
        asked.page.library.open(str(elsewhere))
    assert str(elsewhere) not in {str(info.path) for info in asked.page.library.all()}


def test_a_hub_id_is_no_folder_over_a_link(
    remote: Studio, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`somebody/model` below the current folder is a path here and an id over a link."""
    from studio.families import hub

    fetched: list[str] = []

    def fetch(name: str, *_: Any) -> Path:
        fetched.append(name)
        raise InputError("not downloaded in a test")

    monkeypatch.chdir(elsewhere.parent)
    monkeypatch.setattr(hub, "fetch", fetch)
    (elsewhere / "model").mkdir()
    for name in ("elsewhere/model", "elsewhere/nothing", "nobody/nothing"):
        assert remote.library.base_path(name) == name
        with pytest.raises(InputError, match="not downloaded"):
            remote.runtime.base(name, "cpu")
    assert fetched == ["elsewhere/model", "elsewhere/nothing", "nobody/nothing"]
    remote.workspace.access = Access()
    assert remote.library.base_path("elsewhere/model") == elsewhere / "model"


@pytest.mark.parametrize("name", ["..", "../..", "tiny/../../.."])
def test_dots_are_no_names(studio: Studio, name: str) -> None:
    with pytest.raises(StudioError):
        studio.library.vae_path(name)


def test_a_preview_that_is_a_link_is_not_shown_over_a_link(remote: Studio, elsewhere: Path) -> None:
    from studio.ui.components.stack import preview_of

    file = remote.workspace.adapters / "a.safetensors"
    file.write_bytes(b"broken")
    file.with_suffix(".png").symlink_to(elsewhere / "0.png")
    info, page = remote.library.adapter(file), Page(remote)
    assert info.preview and preview_of(page, info) is None
    remote.workspace.access = Access()
    assert preview_of(page, info)


def test_an_output_that_is_a_link_is_not_shown(studio: Studio, elsewhere: Path) -> None:
    day = studio.workspace.output_folder()
    Image.new("RGB", (8, 8)).save(day / "own.png")
    os.symlink(elsewhere / "0.png", day / "link.png")
    asked = Asked(studio)
    assert asked("images", "image", id=f"{day.name}/own.png")
    with pytest.raises(InputError):
        asked("images", "image", id=f"{day.name}/link.png")
