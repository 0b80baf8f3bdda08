"""What a browser may name: only files inside the folders the person opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.core.errors import InputError
from studio.core.paths import ASSETS, Workspace, slug


def test_inside_is_allowed(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    assert workspace.resolve("runs/x/config.toml") == workspace.root / "runs/x/config.toml"
    assert workspace.resolve(ASSETS / "starter") == ASSETS / "starter"
    folder = workspace.open_folder(tmp_path)
    assert workspace.resolve(tmp_path / "other.png") == folder / "other.png"


@pytest.mark.parametrize(
    "text",
    [
        "../outside", "/etc/passwd", "runs/../../x", "", "  ", "a\x00b", "~/.ssh/id_rsa", "/",
        "//etc/passwd", "runs/..", "..",
    ],
)  # fmt: skip
def test_outside_is_refused(tmp_path: Path, text: str) -> None:
    workspace = Workspace(tmp_path / "w")
    if text == "runs/..":  # the root itself is inside
        assert workspace.resolve(text) == workspace.root
        return
    with pytest.raises(InputError):
        workspace.resolve(text)


def test_a_link_does_not_lead_out(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    (workspace.runs / "link").symlink_to("/etc")
    with pytest.raises(InputError, match="outside"):
        workspace.resolve("runs/link/passwd")


def test_folders_of_one_second_differ(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert len({workspace.new_run_folder("same name") for _ in range(5)}) == 5


def test_slugs_are_safe_names() -> None:
    assert slug("../../ünïcode: a/b\\c?") == "ünïcode-a-b-c"
    assert slug("...") == "untitled"
    assert len(slug("x" * 500)) == 60
