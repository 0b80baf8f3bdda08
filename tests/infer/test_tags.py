"""Tags in a prompt: read as A1111's web UI and its extension for block weights do, or named."""

from __future__ import annotations

import pytest

from studio.core.errors import SettingsError
from studio.infer.tags import Tag, malformed, split_tags, written
from studio.settings import block_weights


@pytest.mark.parametrize(
    ("prompt", "clean", "tags"),
    [
        ("a cat", "a cat", []),
        ("a <lora:x> cat", "a cat", [("lora", "x", 1.0, 1.0)]),
        ("a cat, <lora:my file:0.8>", "a cat", [("lora", "my file", 0.8, 0.8)]),
        ("<lora:x:0.5:0.7>, a cat", "a cat", [("lora", "x", 0.5, 0.7)]),
        ("a, <lora:x:unet=0.3>, b", "a, b", [("lora", "x", 1.0, 0.3)]),
        ("a <lora:x:te=0.2:unet=-1>\nb", "a\nb", [("lora", "x", 0.2, -1.0)]),
        ("a <lyco:x:0.9>", "a", [("lora", "x", 0.9, 0.9)]),
        ("a <hypernet:h:0.6>", "a", [("hypernetwork", "h", 0.6, 0.6)]),
        ("<lora:a:1> <lora:b:2> c", "c", [("lora", "a", 1.0, 1.0), ("lora", "b", 2.0, 2.0)]),
        ("a <lora:x:much> <s1> <other:y:1>", "a <lora:x:much> <s1> <other:y:1>", []),
    ],
)
def test_tags(prompt: str, clean: str, tags: list[tuple[str, str, float, float]]) -> None:
    found, read = split_tags(prompt)
    assert found == clean
    assert [(tag.kind, tag.name, tag.text_strength, tag.strength) for tag in read] == tags
    assert all(isinstance(tag, Tag) and tag.written in prompt for tag in read)


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("<lora:x:0,8>", (0.8, 0.8)),
        ("<lora:x:te=0,5:unet=,25>", (0.5, 0.25)),
        ("<LORA:x: 0.5 : 0.75 >", (0.5, 0.75)),
        ("<lora:x:0.5:MIDD>", (0.5, 0.5)),
    ],
)
def test_strengths_as_people_write_them(tag: str, expected: tuple[float, float]) -> None:
    clean, (found,) = split_tags(f"a {tag}")
    assert clean == "a" and (found.text_strength, found.strength) == expected
    assert malformed(tag) == []


SEVENTEEN = "1,0,0.5,0,0,0,0,1,0,0,0,0,0,0,0,0,0.25"


@pytest.mark.parametrize(
    "tag",
    [
        f"<lora:x:0.8:lbw={SEVENTEEN}>",
        f"<lora:x:0.8:0.8:{SEVENTEEN}>",
        f"<lyco:x:0.8:{SEVENTEEN}>",
    ],
)
def test_block_weights_in_a_tag(tag: str) -> None:
    _, (found,) = split_tags(tag)
    assert (found.text_strength, found.strength) == (0.8, 0.8)
    wanted = {"BASE": 1.0, "IN02": 0.5, "M00": 1.0, "OUT11": 0.25}
    assert {name: factor for name, factor in found.blocks.items() if factor} == wanted
    assert len(found.blocks) == 26  # blocks without attention are left out, as there


def test_presets_and_lists_of_every_length() -> None:
    middle = block_weights.listed("midd")
    assert [name for name, factor in middle.items() if factor] == (
        ["BASE", "IN05", "IN07", "IN08", "M00", "OUT03", "OUT04", "OUT05", "OUT06"]
    )
    assert set(block_weights.listed("ALL0.5").values()) == {0.0, 0.5}
    small = block_weights.listed(",".join(["1"] * 12))
    assert [name for name, factor in small.items() if factor] == [
        "BASE",
        "IN04",
        "IN05",
        "IN07",
        "IN08",
        "M00",
        "OUT00",
        "OUT01",
        "OUT02",
        "OUT03",
        "OUT04",
        "OUT05",
    ]
    for length in (20, 26):
        found = block_weights.listed(",".join(str(k / 10) for k in range(length)))
        assert [round(factor * 10) for factor in found.values()] == list(range(length))
    for wrong in ("1,1", ",".join("1" * 16), "NOPE", "1,x," + "1," * 14 + "1"):
        with pytest.raises(SettingsError):
            block_weights.listed(wrong)


def test_steps_between_which_a_file_acts() -> None:
    found = [split_tags(f"<lora:x:1:{more}>")[1][0] for more in ("start=5:stop=12", "step=5-12")]
    assert [(tag.start, tag.stop) for tag in found] == [(5, 12)] * 2


def test_what_has_no_effect_is_said() -> None:
    _, (found,) = split_tags("<lora:x:1:1:8>")
    assert "dyn=8" in found.note and "no effect" in found.note
    assert split_tags("<lora:x:1>")[1][0].note == ""


@pytest.mark.parametrize(
    ("tag", "why"),
    [
        ("<lora:x:>", "strength is missing"),
        ("<lora:x:much>", "“much”"),
        ("<lora:x:0.8:lbw=NOPE>", "“NOPE”"),
        ("<lora:x:0.8:lbw=1,1,1>", "3 block weights"),
        ("<lora:x:1:lbwe=ATTNDEEPON>", "“lbwe=ATTNDEEPON”"),
        ("<lora:x:1:step=5>", "“5”"),
        ("<lora:x:1:start=-1>", "“-1”"),
        ("<lora::1>", "no file"),
        ("<hypernet:x:0.5:weird=1>", "weird"),
        ("a <lora:x:0.5, b", "“>”"),
    ],
)
def test_what_cannot_be_read_is_named(tag: str, why: str) -> None:
    ((found, reason),) = malformed(tag)
    assert found in tag and why in reason
    assert split_tags(tag) == (tag, [])


def test_no_tag_of_ours_is_no_mistake() -> None:
    assert malformed("a <s1> <b> 3 < 4 > 2 <other:x:y>") == []


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (written("lora", "my file, v2", 0.5, 0.5), "<lora:my file, v2:0.5>"),
        (written("lora", "x", 0.5, 0.25), "<lora:x:0.5:0.25>"),
        (written("hypernetwork", "h", 1.0, 1.0), "<hypernet:h:1>"),
        (written("lora", "a:b", 1, 1), ""),
        (written("lora", "a>b", 1, 1), ""),
        (written("embedding", "x", 1, 1), ""),
    ],
)
def test_tags_are_written_so_that_they_are_read(made: str, expected: str) -> None:
    assert made == expected
    assert not made or split_tags(made)[1]
