"""`studio.py test`: what it does about the page's scripts where Node is not installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.commands import test as command


def test_without_node_it_says_that_the_scripts_are_not_linted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command._scripts() == []
    said = capsys.readouterr()
    assert "not linted" in said.err + said.out
