"""What captions come to, before a run."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from studio.app import Studio
from studio.formats.dataset import DatasetImage
from studio.settings.training import RunConfig
from studio.train.caption_plan import captions_each, most_texts
from tests.workspaces import config, studio

__all__ = ["config", "studio"]
Make = Callable[..., RunConfig]


class _Info:
    def __init__(self, *items: DatasetImage) -> None:
        self.items = list(items)


def image(*captions: str, repeats: int = 1) -> DatasetImage:
    several = captions if len(captions) > 1 else ()
    return DatasetImage(Path("1.png"), captions[0], repeats, captions=several)


@pytest.mark.parametrize(
    ("captions", "data", "texts"),
    [
        (("a, b, c",), {}, 1),
        (("x", "y", "y"), {}, 2),
        (("a, b, c, d",), {"shuffle_tags": True}, math.factorial(3)),
        (("a, b, c, d",), {"tag_dropout": 0.1}, 2**3),
        (("a, b, c, d",), {"tag_dropout": 0.1, "keep_tags": 0}, 2**4),
        (("a, b, c",), {"tag_dropout": 0.1, "shuffle_tags": True}, 1 + 2 + 2),
        (("a, b", "c d"), {"template": ["[filewords]", "a [filewords]"]}, 4),
        (("a",), {"caption_dropout": 0.5}, 2),
        ((", ".join("abcdefghijklmnopqrstuvwxyz"),), {"shuffle_tags": True}, 1000),
    ],
)
def test_texts_are_counted(captions: tuple[str, ...], data: dict, texts: int) -> None:
    run = RunConfig.parse({"train": {"steps": 1000}, "data": {"caption_dropout": 0, **data}})
    assert most_texts(run, _Info(image(*captions))) == texts  # type: ignore[arg-type]


def test_captions_each() -> None:
    one, three = image("a"), image("a", "b", "c")
    assert captions_each(_Info(one)) is None  # type: ignore[arg-type]
    assert captions_each(_Info(three, three)) == (3, 3)  # type: ignore[arg-type]
    assert captions_each(_Info(one, three)) == (1, 3)  # type: ignore[arg-type]


def test_the_preflight_says_how_many_captions_and_what_they_cost(
    studio: Studio, config: Make
) -> None:
    plain = studio.runs.preflight(config())
    assert plain.facts is not None and plain.facts.captions_each is None
    assert not any("from step to step" in note for note in plain.notes)
    folder = studio.workspace.datasets / "zibbo"
    (folder / "dataset.toml").write_text('captions = "lines"\ntrigger = "zibbo"\n')
    files = sorted(folder.glob("*.txt"))
    for file in files:
        file.write_text("a zibbo cat\na zibbo, red\na zibbo, blue\n")
    found = studio.runs.preflight(config("data.tag_dropout=0.1", "options.text_encoder=false"))
    assert found.facts is not None and found.facts.captions_each == (3, 3)
    said = " ".join(found.notes)
    assert f"{len(files)} images, 3 captions each: one is picked at every step." in said
    assert "Captions change from step to step: at most" in said and "of encoded text" in said
    learning = studio.runs.preflight(config("data.tag_dropout=0.1", "options.text_encoder=true"))
    assert not any("encoded text" in note for note in learning.notes)
