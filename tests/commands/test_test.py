"""`studio.py test`: what it does where Node is not installed, and about what no test ran."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from studio.commands import test as command
from studio.commands import test_coverage


def test_without_node_it_says_that_the_scripts_are_not_linted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command._scripts() == []
    said = capsys.readouterr()
    assert "not linted" in said.err + said.out


@pytest.mark.parametrize(
    ("report", "good", "words"),
    [
        ({"summary": {"percent_covered": 99.0}, "files": {}}, True, "99.0 %"),
        (
            {
                "summary": {"percent_covered": 12.5},
                "files": {"studio/odd.py": {"missing_lines": [1, 2, 3]}},
            },
            False,
            "studio/odd.py: 3 lines",
        ),
        ({"files": {}}, False, "not measured"),
        (None, False, "not measured"),
    ],
)
def test_the_tests_have_to_run_most_of_the_studio(
    report: object, good: bool, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "coverage.json"
    if report is not None:
        file.write_text(json.dumps(report))
    assert test_coverage.enough(file) is good
    said = capsys.readouterr()
    assert words in said.err + said.out
