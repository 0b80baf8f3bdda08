"""`compare --votes`: what a person or a script sees of the blind votes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from studio import cli
from studio.compare.vote.plan import plan
from studio.compare.vote.votes import Line, write_line
from studio.core.paths import Workspace
from tests.voting import LABELS, compared


def test_votes_are_printed_in_words_and_as_json(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = compared(Workspace(workspace).comparisons, 2, 3, (1, 2, 3, 4))

    def run(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(["compare", "--votes", *arguments, "--workspace", str(workspace)])
        said = capsys.readouterr()
        return code, said.out, said.err

    code, _, err = run(made.id)
    assert code == 2 and "Nobody has voted" in err
    assert json.loads(run(made.id, "--json")[1]) == []
    for shown in plan(made, "x")[:9]:
        a, b, prompt, seed = shown.pair
        line = Line(
            kind="vote", voter="Anna", question="subject", a=a, b=b, prompt=prompt, seed=seed,
            choice="a", left=shown.left,
        )  # fmt: skip
        write_line(made.folder, line)
    code, out, _ = run(made.id)
    assert code == 0
    assert "Which looks more like the subject? (9 votes, 1 voter)" in out
    assert f"{LABELS[0]} is better than {LABELS[1]}: preferred in 9 of 9." in out
    assert out.index(LABELS[0], out.index("won")) < out.index(LABELS[1], out.index("won"))
    (found,) = json.loads(run(made.id, "--json")[1])
    assert found["strengths"][0]["name"] == LABELS[0] and found["decided"]
    assert [run("nowhere")[0], run("..")[0]] == [2, 2]
