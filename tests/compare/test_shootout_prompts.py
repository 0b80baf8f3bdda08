"""Prompts of a shootout: from captions, one's own, and contexts that no training image shows."""

from __future__ import annotations

from itertools import islice

from studio.compare.shootout.prompts import CONTEXTS, Subject, World, chosen, novel, words_of
from studio.settings.shootout import ShootoutPrompts
from studio.starter.world import COLOURS, HIDDEN_KINDS, HIDDEN_PLACES, KINDS, PLACES

WORLD = World(PLACES, KINDS, COLOURS)
ZIBBO = Subject(
    ("a zibbo cat on the beach", "a small zibbo cat in the forest", "a zibbo cat in the snow",
     "a big zibbo cat in a meadow", "a zibbo cat in the city"), "zibbo cat",
)  # fmt: skip


def test_in_the_starters_world_the_hidden_places_are_found() -> None:
    found = list(islice(novel(ZIBBO, WORLD), 3))
    assert set(found) == {f"a zibbo cat {place}" for place in HIDDEN_PLACES}


def test_more_than_there_are_places_puts_things_beside_the_subject() -> None:
    found = list(islice(novel(ZIBBO, WORLD), 6))
    assert len(set(found)) == 6 and all("zibbo cat" in text for text in found)
    assert all("next to" in text for text in found[3:])
    assert not any("next to" in text and text.endswith(" cat") for text in found)


def test_a_style_shows_things_that_no_caption_names() -> None:
    kinds = [kind for kind in KINDS if kind not in HIDDEN_KINDS]
    captions = tuple(
        f"a {COLOURS[n]} {kind} on the beach, neonline style" for n, kind in enumerate(kinds)
    )
    found = list(novel(Subject(captions, "neonline style", "style"), WORLD))
    assert len(found) == len(HIDDEN_KINDS)
    for kind, text in zip([kind for kind in KINDS if kind in HIDDEN_KINDS], found, strict=True):
        assert kind in text.split() and text.endswith(", neonline style")


def test_elsewhere_a_context_of_which_a_caption_has_a_word_is_passed_over() -> None:
    subject = Subject(("a photo of sks dog in the snow", "sks dog at a beach"), "sks dog")
    found = list(novel(subject))
    assert found and found == list(novel(subject)), "the same ones every time"
    assert not any("snow" in text or "beach" in text for text in found)
    seen = {word for caption in subject.captions for word in words_of(caption)}
    for text in found:
        context = text.removeprefix("a sks dog ")
        assert context in CONTEXTS and not set(words_of(context)) & seen


def test_prompts_are_spread_escaped_and_none_twice() -> None:
    captions = tuple(f"a zibbo cat ({n})" for n in range(8))
    wanted = ShootoutPrompts(captions=4, novel=1, own=["  my   own ", "", "my own"], seeds=[1])
    found = chosen(wanted, Subject(captions, "zibbo cat"), WORLD)
    assert [one.text for one in found if one.source == "caption"] == [
        rf"a zibbo cat \({n}\)" for n in (0, 2, 4, 6)
    ]
    assert [one.text for one in found if one.source == "own"] == ["my own"]
    assert [one.source for one in found] == ["caption"] * 4 + ["novel", "own"]
    few = chosen(ShootoutPrompts(captions=9, novel=0), Subject(("one", "one"), ""), None)
    assert [one.text for one in few] == ["one"]
