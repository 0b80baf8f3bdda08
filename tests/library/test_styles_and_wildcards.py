"""Files that prompts are made of: wildcards by name, styles around a prompt, what is wrong with one."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.app import Studio
from studio.core.errors import FileError, InputError, MissingError
from studio.core.paths import Workspace
from studio.settings.generation import GenerateSettings


@pytest.fixture
def studio(workspace: Path) -> Studio:
    return Studio(Workspace(workspace))


def write(studio: Studio, place: str, text: str) -> None:
    path = studio.workspace.root / place
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text.encode())


def test_wildcards_lie_in_text_files_and_folders(studio: Studio) -> None:
    write(studio, "wildcards/Colour.txt", "\ufeffred\r\n\r\n# not this\r\n  deep blue \r\n")
    write(studio, "wildcards/light/dusk.txt", "golden hour")
    assert list(studio.library.wildcards.files()) == ["Colour", "light/dusk"]
    assert studio.library.wildcards.lines("colour") == ["red", "deep blue"]
    assert studio.library.wildcards.lines("light/dusk") == ["golden hour"]


def test_a_wildcard_that_is_missing_or_empty_says_so(studio: Studio) -> None:
    write(studio, "wildcards/colour.txt", "# nothing yet\n")
    with pytest.raises(MissingError) as missing:
        studio.library.wildcards.lines("color")
    assert "“colour”?" in str(missing.value.remedy) and "wildcards/color.txt" in str(
        missing.value.remedy
    )
    with pytest.raises(InputError, match="no lines"):
        studio.library.wildcards.lines("colour")
    for name in ("../presets/x", "/etc/passwd", ".."):
        with pytest.raises(MissingError):
            studio.library.wildcards.lines(name)


def test_styles_are_put_around_and_behind_the_prompts(studio: Studio) -> None:
    styles = studio.library.styles
    styles.save("Oil", "an oil painting of {prompt}, thick paint", "photo")
    write(
        studio,
        "styles/styles.csv",
        'name,prompt,negative_prompt\nSharp,"sharp, detailed","{prompt}, blurry"\n',
    )
    assert [style.name for style in styles.all()] == ["Oil", "Sharp"]
    asked = GenerateSettings(prompt="a cat", negative_prompt="dog", styles=["oil", "Sharp"])
    made = styles.applied(asked)
    assert made.prompt == "an oil painting of a cat, thick paint, sharp, detailed"
    assert made.negative_prompt == "dog, photo, blurry"
    assert made.styles == [] and styles.applied(made) == made


def test_styles_are_kept_deleted_and_refused_in_words(studio: Studio) -> None:
    styles = studio.library.styles
    kept = styles.save("Oil", "oil", "").path
    styles.save("Oil", "oil, thick", "")
    assert styles.one("oil").prompt == "oil, thick"
    with pytest.raises(MissingError, match="no style “Oyl”") as missing:
        styles.one("Oyl")
    assert "“Oil”" in str(missing.value.remedy)
    for name, prompt in (("", "x"), ("x", " ")):
        with pytest.raises(InputError):
            styles.save(name, prompt, "")
    write(studio, "styles/broken.toml", "prompt = [1")
    write(studio, "styles/odd.toml", 'promt = "x"')
    broken: list[FileError] = []
    assert [style.name for style in styles.all(broken)] == ["Oil"]
    assert [error.where for error in broken] == ["broken.toml", "odd.toml"]
    assert styles.delete("Oil").parent == studio.workspace.trash and not kept.exists()
