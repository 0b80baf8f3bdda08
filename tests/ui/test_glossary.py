"""The page, the help and the documents use the field's own words (CONTRIBUTING, “Glossary”).

What a person reads is collected: labels, explanations and placeholders of the page as Gradio sends
it, the texts in its scripts, `--help` of every command, README, documents and presets; and what an
engineer reads: names, comments and docstrings. Words that only this project used must not come back.
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import re
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from studio.app import Studio
from studio.commands.options import build_parser
from studio.core.paths import Workspace

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(
    path
    for path in (ROOT / "studio").rglob("*.py")
    if path.parent.name != "starter"  # captions that the starter model was trained on
)
SCRIPTS = sorted((ROOT / "studio" / "ui" / "static").rglob("*.js"))
DOCUMENTS = [
    path
    for path in (
        *ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "presets").glob("*.toml")
    )
    if path.name not in ("CHANGELOG.md", "CONTRIBUTING.md")  # they name what was renamed
]  # fmt: skip

OLD = {
    r"trained numbers": "trainable parameters",
    r"class pictures?": "class (regularization) images",
    r"ordinary class": "class",
    r"shows? the truth": "reference images (held-out)",
    r"(go|goes|going|gone) on from": "continue from",
    r"start(ing)? from a picture": "image to image",
    r"gives? (the device away|way)": "releases the GPU, yields",
    r"proved file": "verified file",
    r"learnt by heart|rather overfitted": "probably overfitting",
    r"are shortened": "clip gradient norm",
    r"on a sphere": "spherical interpolation (slerp)",
    r"no setting speaks": "no matching setting",
    r"unread layers?": "unused layers",
    r"found (its|their) place": "matched",
    r"stands? (in front of|on (the|a) stack)": "acts on; is on the stack",
    r"must not be shown": "negative prompt: what to avoid",
    r"(puts?|putting) aside": "offloaded to disk",
    r"draws? no lots": "is deterministic",
    r"side-cars?": "sidecar",
    r"many-sided": "diverse",
    r"odd pictures": "outliers",
}
# In running prose of the documents these may stay; on the page and in the help they may not.
LOOSE = {
    r"pictures?": "image",
    r"draw(n|s|ing)?(?! Things)": "generate, sample",
}


def _wrong(text: str, words: dict[str, str]) -> list[str]:
    return [
        f"“{found[0]}” ({new}): …{text[max(0, found.start() - 30) : found.end() + 30]}…"
        for old, new in words.items()
        for found in re.finditer(rf"(?<![\w/.-]){old}(?![\w/-]|\.\w)", text, re.IGNORECASE)
    ]


def _texts(value: Any) -> Iterator[str]:
    """Everything in a structure that has the look of words: a space, or a capital first."""
    if isinstance(value, str):
        if " " in value or value[:1].isupper():
            yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The texts of the page: what Gradio sends, without scripts and styles."""
    from studio.ui.app import build

    studio = Studio(Workspace(tmp_path_factory.mktemp("workspace")))
    config = json.loads(json.dumps(build(studio).get_config_file(), default=str))
    studio.close()
    shown = ("label", "info", "placeholder", "value", "choices", "html_template")
    found: list[str] = []
    for part in config["components"]:
        found += _texts({key: part["props"].get(key) for key in shown})
    return [
        re.sub(r"<(style|script).*?</\1>|<[^>]*>", " ", text, flags=re.DOTALL) for text in found
    ]


def _helps() -> Iterator[tuple[str, str]]:
    parser = build_parser()
    yield "studio.py --help", parser.format_help()
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield f"studio.py {name} --help", inner.format_help()


def test_an_old_word_is_seen() -> None:
    assert _wrong("84 of 84 modules found " + "their place", OLD)
    assert _wrong("Class pictures", OLD) and _wrong("a picture", LOOSE)
    assert not _wrong("It was made by Draw Things", LOOSE)
    assert not _wrong("see a file called pictures.js and draw_list", LOOSE)


def test_the_page_uses_the_fields_words(page: list[str]) -> None:
    assert len(page) > 200
    assert [hit for text in page for hit in _wrong(text, OLD | LOOSE)] == []


def test_the_help_uses_the_fields_words() -> None:
    helps = dict(_helps())
    assert len(helps) > 8
    assert {name: hits for name, text in helps.items() if (hits := _wrong(text, OLD | LOOSE))} == {}


STRINGS = re.compile(r"//[^\n]*|/\*.*?\*/|('(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)", re.DOTALL)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_the_scripts_use_the_fields_words(path: Path) -> None:
    texts = [found[1] for found in STRINGS.finditer(path.read_text("utf-8")) if found[1]]
    shown = [
        re.sub(r"\$\{[^{}]*\}", "…", text) for text in texts if " " in text or text[1:2].isupper()
    ]
    assert [hit for text in shown for hit in _wrong(text, OLD | LOOSE)] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_the_documents_use_the_fields_words(path: Path) -> None:
    assert _wrong(path.read_text("utf-8"), OLD) == []


def _said(path: Path) -> Iterator[str]:
    """Strings of a source that are no docstring and look like words: errors, reports, notes."""
    tree = ast.parse(path.read_text("utf-8"))
    unsaid = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in unsaid:
            yield from (text for text in _texts(node.value) if " " in text)


def test_messages_use_the_fields_words() -> None:
    said = [(path, text) for path in SOURCES for text in _said(path)]
    assert len(said) > 2_000
    assert [(path.name, hit) for path, text in said for hit in _wrong(text, OLD | LOOSE)] == []


CODE = sorted(
    path
    for folder in ("studio", "tests", "benchmarks")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".js") and "fixtures" not in path.parts
)
# Parts of names: `on_pictures` and `redrawnRows` have one each.
OLD_PARTS = {
    r"pictures?|pictured": "image",
    r"(re)?(draws?|drew|drawn|drawings?)": "generate, sample, inpaint, render",
    r"unread": "unused, unsupported, malformed",
    r"shel(f|ves|ving)": "library, index",
    r"probed": "validated, measured",
}
STAY = {
    "picture": "a key of earlier versions",
    "pictures": "a key of earlier versions",
    "class_pictures": "a key of earlier versions",
    "draw_seconds": "a key of earlier versions",
    "draw_timestep": "a random draw",
    "drawn_place": "a random draw",
    "draws": "generators of random draws",
    "test_draws_depend_on_every_key_and_on_nothing_else": "random draws",
    "Draw": "Pillow's",
    "ImageDraw": "Pillow's",
    "draw": "with Pillow, or on a canvas of the page",
    "drawImage": "on a canvas of the page",
    "drawing": "an SVG on a method's card",
    "test_every_method_is_a_card_with_a_drawing_of_its_own": "an SVG on a method's card",
    "draw_things": "a program's name",
    "test_draw_things": "a program's name",
    "unread": "not read yet",
    "test_over_a_link_nothing_outside_is_read_written_or_probed": "asked whether it is there",
}
PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
NOT_CODE = re.compile(r"//[^\n]*|/\*.*?\*/|'(?:\\.|[^'\\\n])*'", re.DOTALL)


def _old_names(names: Iterable[str]) -> set[str]:
    old = re.compile("|".join(OLD_PARTS))
    return {
        name for name in names if any(old.fullmatch(part.lower()) for part in PART.findall(name))
    }


def _names_and_remarks(path: Path) -> tuple[set[str], list[str]]:
    """The identifiers of a source, and its comments and docstrings."""
    text = path.read_text("utf-8")
    if path.suffix == ".js":
        names = set(re.findall(r"[A-Za-z_$][\w$]*", NOT_CODE.sub(" ", text)))
        return names, re.findall(r"//[^\n]*|/\*.*?\*/", text, re.DOTALL)
    tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    named = {token.string for token in tokens if token.type == tokenize.NAME}
    remarks = [token.string for token in tokens if token.type == tokenize.COMMENT]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            remarks.append(str(node.value.value))
    return named, remarks


def test_an_old_name_is_seen() -> None:
    wrong = {"on_pictures", "PICTURE", "redrawRow", "UnreadError", "Shelving", "isPictured"}
    right = {"picturesque", "withdraw", "on_images", "unreadable", "drawer", "scenePicturesque"}
    assert _old_names(wrong | right) == wrong


def test_names_comments_and_docstrings_use_the_fields_words() -> None:
    found: dict[str, set[str]] = {}
    hits = []
    for path in CODE:
        if path == Path(__file__):
            continue
        names, remarks = _names_and_remarks(path)
        for name in _old_names(names):
            found.setdefault(name, set()).add(path.relative_to(ROOT).as_posix())
        words = OLD | {r"pictures?": "image"}
        hits += [(path.name, hit) for remark in remarks for hit in _wrong(remark, words)]
    assert hits == []
    assert {name: where for name, where in found.items() if name not in STAY} == {}
    assert set(STAY) <= set(found), "nothing is called so any more: take it out of the list"
    assert {Path(where).stem for where in found["unread"]} == {
        "outputs", "library_images", "gallery", "test_outputs", "test_costly",
    }  # fmt: skip
    stems = {path.stem for path in CODE} | {path.stem for path in SOURCES}
    assert _old_names(stems) <= {"draw", "draw_things"}
