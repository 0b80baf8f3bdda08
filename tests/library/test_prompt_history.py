"""Prompts used before: newest first, each once, kept over a restart, damaged without harm."""

from __future__ import annotations

from pathlib import Path

from studio.core.paths import Workspace
from studio.library.prompt_history import MOST, PromptHistory


def test_prompts_are_kept_newest_first_and_once(workspace: Path) -> None:
    history = PromptHistory(Workspace(workspace))
    for pair in (("a", ""), ("b", "c"), ("a", ""), ("a", "x"), (" ", "nothing")):
        history.add(*pair)
    assert PromptHistory(Workspace(workspace)).all() == [("a", "x"), ("a", ""), ("b", "c")]
    history.remove("a", "")
    assert history.all() == [("a", "x"), ("b", "c")]
    for number in range(MOST + 5):
        history.add(str(number), "")
    assert len(history.all()) == MOST and history.all()[0] == (str(MOST + 4), "")


def test_a_damaged_file_is_an_empty_history(workspace: Path) -> None:
    history = PromptHistory(Workspace(workspace))
    for text in ("", "[1, 2]", '{"prompts": [1]}', '{"prompts": {"a": 1}}'):
        history.path.parent.mkdir(exist_ok=True)
        history.path.write_text(text)
        assert history.all() == []
        history.add("a", "")
        assert history.all() == [("a", "")]
