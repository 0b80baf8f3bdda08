"""The one door for text: names and texts that are no Unicode, encodings, JSON, TOML, lines."""

from __future__ import annotations

import codecs
import os
import random
from pathlib import Path

import pytest

from studio.core import text
from studio.core.errors import FileError

SENTENCE = "a zibbo cat at the party – 猫 🎉\nsecond line"
PARTS = [
    "a", "9", "E9", "uD83D", "uFFFD", "u000A", "\ufffd", "\udce9", "\udc80", "\udcff", "\ud83d",
    "\udc41", "猫", "🎉", "\n", "\x1b", "\0", "\u202e", "\u2028", "\x85", "F", "8", "u", ".png",
]  # fmt: skip


def _odd_names(count: int) -> list[str]:
    lots = random.Random(11)
    return ["".join(lots.choices(PARTS, k=lots.randint(0, 7))) for _ in range(count)]


def test_names_print_and_come_back_and_no_two_print_alike() -> None:
    names = set(_odd_names(20_000))
    shown = {name: text.printable(name) for name in names}
    assert all(text.original(printed) == name for name, printed in shown.items())
    assert len(set(shown.values())) == len(names)
    for printed in shown.values():
        printed.encode("utf-8")
        assert not set(printed) & set("\n\x1b\0\u202e\u2028\x85")


def test_printable_leaves_ordinary_names_alone() -> None:
    for name in ("caf\u00e9 (1).png", "猫/01.png", "a\ufffdb", "שלום.txt", "\ufffd"):
        assert text.printable(name) == name == text.original(name)
    assert text.printable(os.fsdecode(b"caf\xe9.png")) == "caf\ufffdE9.png"


def test_any_text_becomes_encodable_and_stays_so() -> None:
    for odd in _odd_names(5_000):
        clean = text.encodable(odd)
        clean.encode("utf-8")
        assert text.encodable(clean) == clean
        if not any("\ud800" <= letter <= "\udfff" for letter in odd):
            assert clean == odd
    assert text.encodable("\ud83c\udf89 \ud83c") == "🎉 \ufffduD83C"
    nested = {"\ud83c": ["\udce9", ("x", 1, None)]}
    assert text.encodable_all(nested) == {"\ufffduD83C": ["\ufffdE9", ("x", 1, None)]}


def test_a_path_is_found_by_its_printed_and_by_its_literal_name(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9.png")
    odd.write_bytes(b"1")
    literal = tmp_path / "x\ufffdE9.png"
    literal.write_bytes(b"2")
    assert text.path_of(text.printable(odd)).read_bytes() == b"1"
    assert text.path_of(str(literal)).read_bytes() == b"2"
    assert text.path_of(text.printable(literal)).read_bytes() == b"2"


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
        (b"", "utf-16-le"),
        (b"", "utf-16-be"),
        (b"", "utf-32-le"),
        (b"", "utf-32-be"),
    ],
)
def test_unicode_is_read_with_and_without_a_mark(mark: bytes, encoding: str) -> None:
    found = text.decode(mark + SENTENCE.encode(encoding))
    assert found == text.Decoded(SENTENCE, encoding, True)


def test_torn_utf8_stays_utf8_and_shows_what_is_torn() -> None:
    whole = "ein Mädchen mit roter Mütze über dem Fluß".encode()
    torn = whole[:-1]
    found = text.decode(torn)
    assert found.encoding == "utf-8" and not found.certain
    assert found.text.endswith("Flu\ufffdC3")
    assert os.fsencode(text.original(found.text)) == torn


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"party \xed\xa0\xbc\xed\xbe\x89 end", "party \U0001f389 end"),
        (b"party \xed\xa0\xbc", "party \ufffduD83C"),
        ("é".encode() + b" \xed\xbe\x89", "é \ufffduDF89"),
    ],
)
def test_halves_of_emoji_written_one_by_one_are_joined_or_shown(data: bytes, shown: str) -> None:
    found = text.decode(data)
    assert (found.text, found.encoding, found.certain) == (shown, "utf-8", False)
    assert text.expect([data, b"a caf\xe9", b"un caf\xe9 cr\xe8me"]) == text.expect(
        [b"a caf\xe9", b"un caf\xe9 cr\xe8me"]
    ), "it speaks for no old encoding"


def test_no_bytes_at_all_are_lost_or_fail() -> None:
    lots = random.Random(3)
    for length in range(200):
        found = text.decode(lots.randbytes(length))
        found.text.encode("utf-8")


def test_only_line_ends_end_lines() -> None:
    assert text.lines("a\u2028b\u2029c\x85d\x0be\x0cf\x1cg\nh\r\ni\rj\n") == [
        "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg",
        "h",
        "i",
        "j",
    ]
    assert text.lines("") == []
    assert text.lines("\n\n") == ["", ""]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "utf-8"])
def test_json_and_toml_are_read_as_editors_save_them(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "x"
    file.write_bytes('{"a": "zibbo – 猫"}'.encode(encoding))
    assert text.read_json(file) == {"a": "zibbo – 猫"}
    file.write_bytes('a = "zibbo – 猫"\r\n'.encode(encoding))
    assert text.read_toml(file) == {"a": "zibbo – 猫"}


def test_halves_of_emoji_in_json_become_encodable() -> None:
    found = text.parse_json('{"a \\ud83c": ["\\ud83c\\udf89", "x\\ud83c"]}')
    assert found == {"a \ufffduD83C": ["🎉", "x\ufffduD83C"]}


@pytest.mark.parametrize(
    "source",
    [
        "[" * 100_000,
        "[" * 500 + "]" * 500,
        '{"a":' * 300 + "1" + "}" * 300,
        "{",
        '"\x01"',
        b"\xff\xfe\xfd",
        '{"caf\xe9": 1}'.encode("latin-1"),
        "",
    ],
)
def test_bad_json_is_one_plain_error(source: str | bytes) -> None:
    with pytest.raises(ValueError) as caught:
        text.parse_json(source, "notes.json")
    assert isinstance(caught.value, FileError)
    assert "notes.json" in str(caught.value)


def test_bad_toml_is_one_plain_error(tmp_path: Path) -> None:
    for source in (b"a = " + b"[" * 5000, b"a = ", "a = 'café'".encode("latin-1")):
        with pytest.raises(text.TextError):
            text.parse_toml(source)


def test_numbers_of_any_size_are_read() -> None:
    found = text.parse_json(f"[{2**64 - 1}, {-(2**63)}, {2**64}, {'9' * 5000}, 1e999, NaN]")
    assert found[:2] == [2**64 - 1, -(2**63)]
    assert found[2] == 2.0**64 and isinstance(found[2], float)
    assert found[3] == found[4] == float("inf")
    assert found[5] != found[5]


def test_a_key_that_stands_twice_is_an_error_only_where_asked() -> None:
    assert text.parse_json('{"a": 1, "a": 2}') == {"a": 2}
    with pytest.raises(ValueError, match="twice"):
        text.parse_json('{"a": 1, "a": 2}', unique=True)


def test_only_regular_files_of_a_sane_size_are_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "long").write_bytes(b"x" * 11)
    with pytest.raises(FileError):
        text.read_text(pipe)
    with pytest.raises(FileError, match="too long"):
        text.read_text(tmp_path / "long", most=10)
    with pytest.raises(FileError):
        text.read_text(tmp_path)
    with pytest.raises(FileNotFoundError):
        text.read_text(tmp_path / "none")
    assert text.read_text(tmp_path / "long", most=11) == "x" * 11
