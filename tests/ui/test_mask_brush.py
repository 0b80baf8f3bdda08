"""Strokes of the page become a mask of the image's size; what no page sends is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from studio.app import Studio
from studio.core.errors import InputError, MissingError
from studio.core.paths import Workspace
from studio.formats.mask_strokes import Stroke, painted
from studio.settings.training import InpaintSettings
from studio.ui.components.mask_brush import with_mask
from studio.ui.components.start_image import taken

STROKE = {"size": 8, "erase": False, "points": [[10, 10], [30, 10]]}


@pytest.fixture
def studio(workspace: Path) -> Studio:
    return Studio(Workspace(workspace))


@pytest.fixture
def image(studio: Studio, tmp_path: Path) -> str:
    Image.new("RGB", (60, 40), "red").save(tmp_path / "a.png")
    return str(taken(studio, tmp_path / "a.png"))


def sent(image: str, *strokes: Any, stack: Any = None, fresh: bool = False) -> str:
    return json.dumps({"image": image, "fresh": fresh, "stack": stack, "strokes": strokes})


def inpaint_values(studio: Studio, text: Any, image: str) -> dict[str, Any]:
    """What is added to settings that have a blur of 3."""
    found = with_mask(studio, {"image": image, "inpaint": {"blur": 3}}, text)
    assert found["inpaint"].pop("blur") == 3 and found["image"] == image
    return dict(found["inpaint"])


def test_strokes_paint_and_erase() -> None:
    line = Stroke(8.0, False, [(10.0, 10.0), (30.0, 10.0)])
    found = np.asarray(painted((60, 40), [line])) > 0
    assert found[10, 8:33].all() and not found[10, 40:].any()
    assert not found[2:5].any() and not found[16:].any()
    dot = np.asarray(painted((60, 40), [Stroke(6.0, False, [(20.0, 20.0)])])) > 0
    assert 25 <= dot.sum() <= 50 and dot[20, 20]
    erased = np.asarray(painted((60, 40), [line, Stroke(20.0, True, [(10.0, 10.0)])])) > 0
    assert not erased[10, :18].any() and erased[10, 25:30].all()
    turned = np.asarray(painted((60, 40), [line, Stroke(0, False, [], invert=True)])) > 0
    assert (turned != found).all()


def test_a_mask_is_kept_once_and_has_the_images_size(studio: Studio, image: str) -> None:
    values = inpaint_values(studio, sent(image, STROKE), image)
    assert values["stack"] is None
    with Image.open(values["mask"]) as mask:
        assert mask.size == (60, 40) and set(np.asarray(mask).flatten().tolist()) == {0, 255}
    assert inpaint_values(studio, sent(image, STROKE), image) == values
    other = inpaint_values(studio, sent(image, {**STROKE, "size": 9}), image)
    assert other["mask"] != values["mask"]
    assert InpaintSettings.parse(values).mask == values["mask"]


def test_without_strokes_or_for_another_image_there_is_no_mask(studio: Studio, image: str) -> None:
    for text, where in (
        ("", image), (None, image), (sent(image), image), (sent(image, STROKE), ""),
        (sent("/elsewhere.png", STROKE), image),
    ):  # fmt: skip
        assert inpaint_values(studio, text, where) == {}


@pytest.mark.parametrize(
    "stroke",
    [
        "x", {}, {"size": 0, "erase": False, "points": [[1, 1]]}, {**STROKE, "size": "NaN"},
        {**STROKE, "points": [[1]]}, {**STROKE, "points": [[1, 1e99]]}, {**STROKE, "points": 5},
    ],
)  # fmt: skip
def test_what_no_page_sends_is_refused(studio: Studio, image: str, stroke: Any) -> None:
    with pytest.raises(InputError, match="unreadable"):
        inpaint_values(studio, sent(image, stroke), image)
    for text in ("{", "[]", "5"):
        with pytest.raises(InputError, match="unreadable"):
            inpaint_values(studio, text, image)
    with pytest.raises(InputError, match="outside"):
        inpaint_values(studio, sent("/etc/hosts", STROKE), "/etc/hosts")


def test_the_stack_in_the_mask(studio: Studio, image: str) -> None:
    assert inpaint_values(studio, sent(image, STROKE, stack=""), image)["stack"] == []
    with pytest.raises(MissingError, match="no saved stack"):
        inpaint_values(studio, sent(image, STROKE, stack="gone"), image)


def test_a_second_pass_has_no_image_to_start_from(studio: Studio, image: str) -> None:
    values = {"image": image, "prompt": "a cat"}
    found = with_mask(studio, values, sent(image, STROKE, fresh=True))
    assert found["image"] == "" and Path(found["inpaint"]["mask"]).is_file()
    assert values == {"image": image, "prompt": "a cat"}
