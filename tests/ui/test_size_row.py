"""Sizes that are offered for a base: its own first, about as many pixels, sides it can make."""

from __future__ import annotations

import pytest

from studio.core.errors import InputError
from studio.ui.components.size_row import OWN, near, own_side, size_choices, size_of


@pytest.mark.parametrize("native", [64, 512, 768, 1024])
def test_sizes_have_about_the_pixels_of_the_base(native: int) -> None:
    choices = size_choices(native)
    assert choices[0] == (f"{native} × {native} · the base's own", OWN)
    assert len(choices) == 7
    for _, value in choices[1:]:
        width, height = (int(side) for side in value.split(" × "))
        assert width % 8 == height % 8 == 0
        assert 0.75 < width * height / native**2 < 1.25


def test_sdxl_gets_the_sizes_it_was_trained_on() -> None:
    assert near(1024, 4 / 3) == (1152, 896)
    assert near(1024, 9 / 16) == (768, 1344)
    assert [value for _, value in size_choices(None)] == [OWN]


def test_a_size_may_be_typed() -> None:
    for text in ("640 × 480", "640x480", " 640 X 480 · landscape 4:3"):
        assert size_of(text) == (640, 480)
    for text in ("", "640", "a × b", "1 × 2 × 3"):
        with pytest.raises(InputError):
            size_of(text)


def test_an_empty_side_says_the_size_of_the_base() -> None:
    assert [own_side(native) for native in (512, 0, None)] == ["512", "own", "own"]
