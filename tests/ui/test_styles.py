"""The style sheets: each class has one home."""

from __future__ import annotations

import re
from collections import defaultdict

from studio.ui import theme

RULE = re.compile(r"([^{}]+)\{[^{}]*\}")
PLAIN = re.compile(r"\.([\w-]+)")


def test_no_class_is_defined_in_two_style_sheets() -> None:
    """All sheets are on the page at once: a second definition changes the first one's parts."""
    homes: dict[str, set[str]] = defaultdict(set)
    for path in theme.STATIC.glob("*.css"):
        text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        for selectors in RULE.findall(text):
            for selector in selectors.split(","):
                if found := PLAIN.fullmatch(selector.strip()):
                    homes[found[1]].add(path.name)
    assert len(homes) > 200, "the rules were not found"
    assert {name: files for name, files in homes.items() if len(files) > 1} == {}


def test_no_background_is_lost_on_the_way_to_the_page() -> None:
    """Gradio writes every rule anew as the browser gives it back: of `background: var(--x)` before one of
    its longhands nothing is left."""
    lost = re.compile(
        r"background:[^;}]*var\([^;}]*;[^}]*background-(?:image|size|position|repeat)"
    )
    offenders = []
    for path in theme.STATIC.glob("*.css"):
        text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        offenders += [
            (path.name, rule[1].strip())
            for rule in re.finditer(r"([^{}]+)\{[^{}]*\}", text)
            if lost.search(rule[0])
        ]
    assert offenders == []


def test_every_checkbox_has_the_shared_look() -> None:
    """Gradio takes the browser's own look away: without the class, a tick is white on nothing."""
    made = [
        (path.name, found[1])
        for path in theme.STATIC.glob("scripts/**/*.js")
        for found in re.finditer(
            r"el\(\s*'(input[^']*)',\s*\{[^}]*type: 'checkbox'", path.read_text(encoding="utf-8")
        )
    ]
    assert len(made) >= 2, "the checkboxes were not found"
    assert [one for one in made if ".cs-checkbox" not in one[1]] == []
