"""What README and docs say about the code: the rooms, the paths, the examples."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.test_layers import LAYERS, PACKAGE, ROOT

DOCS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
SOURCES = "\n".join(path.read_text("utf-8") for path in sorted(PACKAGE.rglob("*.py")))
# Of the first design, as decision 6 says; examples of docs/architecture.md that are no part of the studio.
ABSENT = {"train/worker.py", "train/preview.py"} | {
    f"studio/{name}.py"
    for name in [
        "methods/bias",
        "architectures/z_image",
        "families/z_image",
        "ui/tabs/machine",
        "commands/hash",
    ]
}


def test_the_rooms_are_those_of_the_layer_test() -> None:
    steps = re.findall(r"^\| \d+ \| (`.+?`) \|", ARCHITECTURE, re.M)
    assert [set(re.findall(r"`(\w+)`", step)) for step in steps] == LAYERS[::-1]


def test_the_arrows_of_contributing_are_those_of_the_layer_test() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## Imports go one way")[2]
    steps = text.split("```")[1].split("→")
    assert [set(re.findall(r"\w+", step)) for step in steps] == LAYERS[::-1]


def test_readme_names_every_room() -> None:
    tree = (ROOT / "README.md").read_text("utf-8").partition("## What is where")[2]
    named = re.findall(r"^  (\w+)(?:/|\.py) ", tree.split("```")[1], re.M)
    assert sorted(named) == sorted(set().union(*LAYERS))


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_named_files_are_there(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.M | re.S)
    named = set(re.findall(r"`((?:\w+/)+\w+\.(?:py|md|js|toml))`", text)) - ABSENT
    lost = [name for name in named if not ((ROOT / name).exists() or (PACKAGE / name).exists())]
    assert not lost
    links = re.findall(r"\]\(([\w./-]+)(?:#[\w-]+)?\)", text)
    assert not [link for link in links if not (page.parent / link).exists()]


def test_examples_in_the_tree_are_in_the_tree() -> None:
    sections = [part for part in ARCHITECTURE.split("\n### ") if "*In the tree" in part]
    assert len(sections) >= 5
    for section in sections:
        for block in re.findall(r"```python\n(.*?)\n```", section, re.S):
            assert block in SOURCES, block


def test_complete_examples_can_be_parsed() -> None:
    blocks = re.findall(r"```python\n(.*?)\n```", ARCHITECTURE, re.S)
    complete = [block for block in blocks if block.startswith('"""')]
    assert len(complete) >= 5
    for block in complete:
        ast.parse(block)
