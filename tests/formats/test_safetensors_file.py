"""safetensors: what is written is read back by everybody; what is broken is refused in words."""

from __future__ import annotations

import hashlib
import json
import random
import struct

import pytest
import safetensors.torch
import torch

from studio.core.errors import FileError, MissingError, StudioError
from studio.formats import safetensors_file
from studio.formats.inspect import inspect
from tests.formats.builders import safetensors_bytes

TENSORS = {
    "b.weight": torch.randn(3, 5),
    "a.alpha": torch.tensor(4.0),
    "half": torch.randn(2, 3).half(),
    "brain": torch.randn(7).bfloat16(),
    "count": torch.tensor([1, 2, 3]),
    "flag": torch.tensor([True, False]),
    "empty": torch.zeros(0, 4),
}
META = {"ss_v2": "False", "ümlaut": "naïve — 猫", "a": ""}


@pytest.fixture
def good(tmp_path):
    return safetensors_file.write(tmp_path / "good.safetensors", TENSORS, META)


def test_the_library_reads_what_we_write(good):
    theirs = safetensors.torch.load_file(good)
    assert theirs.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert theirs[name].dtype == tensor.dtype
        assert torch.equal(theirs[name], tensor)
    with safetensors.safe_open(good, "pt") as file:
        assert file.metadata() == META


def test_we_read_what_the_library_writes(tmp_path):
    path = tmp_path / "theirs.safetensors"
    safetensors.torch.save_file(TENSORS, path, metadata={"a": "b"})
    tensors, metadata = safetensors_file.read_tensors(path)
    assert metadata == {"a": "b"}
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], tensor)


def test_the_header_alone_tells_types_and_shapes(good):
    header = safetensors_file.read_header(good)
    assert header.metadata == META
    assert header.tensors["brain"][:2] == ("BF16", (7,))
    assert header.tensors["empty"].shape == (0, 4)
    assert header.parameters == 15 + 1 + 6 + 7 + 3 + 2


def test_some_tensors_can_be_read_alone(good):
    tensors, _ = safetensors_file.read_tensors(good, only=lambda name: name == "count")
    assert list(tensors) == ["count"]


def test_bytes_do_not_depend_on_the_order_of_the_dictionaries(good, tmp_path):
    reverse = dict(reversed(TENSORS.items()))
    again = safetensors_file.write(
        tmp_path / "again.safetensors", reverse, dict(reversed(META.items()))
    )
    assert again.read_bytes() == good.read_bytes() == safetensors_file.to_bytes(TENSORS, META)


def test_written_tensors_do_not_share_memory_with_views(tmp_path):
    big = torch.arange(100.0)
    path = safetensors_file.write(tmp_path / "v.safetensors", {"view": big[10:20:2]})
    assert path.stat().st_size < 200
    tensors, _ = safetensors_file.read_tensors(path)
    assert torch.equal(tensors["view"], big[10:20:2])


def test_the_hash_is_of_the_bytes_after_the_header(good, tmp_path):
    raw = good.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    expected = hashlib.sha256(raw[8 + length :]).hexdigest()
    assert safetensors_file.model_hash(good) == expected
    assert safetensors_file.tensors_hash(TENSORS) == expected
    other = safetensors_file.write(tmp_path / "other.safetensors", TENSORS, {"other": "words"})
    assert safetensors_file.model_hash(other) == expected


def test_every_cut_is_noticed(good, tmp_path):
    raw = good.read_bytes()
    path = tmp_path / "cut.safetensors"
    for length in range(0, len(raw), 7):
        path.write_bytes(raw[:length])
        with pytest.raises(FileError):
            safetensors_file.read_header(path)
    path.write_bytes(raw + b"\0")
    with pytest.raises(FileError, match="1 byte after its tensors belongs to nothing"):
        safetensors_file.read_header(path)


ONE = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
HOSTILE = {
    "gap": ({"a": {**ONE, "data_offsets": [4, 12]}}, bytes(12)),
    "overlap": ({"a": ONE, "b": {**ONE, "data_offsets": [4, 12]}}, bytes(12)),
    "same place twice": ({"a": ONE, "b": ONE}, bytes(8)),
    "beyond the end": ({"a": {**ONE, "shape": [200], "data_offsets": [0, 800]}}, bytes(8)),
    "negative": ({"a": {**ONE, "shape": [-2], "data_offsets": [8, 0]}}, bytes(8)),
    "shape lies": ({"a": {**ONE, "shape": [3]}}, bytes(8)),
    "huge shape": ({"a": {**ONE, "shape": [2**62, 2**62]}}, bytes(8)),
    "zero times huge": ({"a": {**ONE, "shape": [2, 2**80, 1]}}, bytes(8)),
    "float shape": ({"a": {**ONE, "shape": [2.0]}}, bytes(8)),
    "true as a number": ({"a": {**ONE, "shape": [True, 2]}}, bytes(8)),
    "unknown type": ({"a": {**ONE, "dtype": "F4"}}, bytes(8)),
    "type is a list": ({"a": {**ONE, "dtype": ["F32"]}}, bytes(8)),
    "no offsets": ({"a": {"dtype": "F32", "shape": [2]}}, bytes(8)),
    "extra field": ({"a": {**ONE, "run": "me"}}, bytes(8)),
    "entry is text": ({"a": "F32"}, bytes(8)),
    "a list": (b"[]" + b" " * 30, b""),
    "metadata is a number": ({"__metadata__": 3, "a": ONE}, bytes(8)),
    "metadata holds a number": ({"__metadata__": {"a": 1}, "a": ONE}, bytes(8)),
    "name twice": (b'{"a":%b,"a":%b}' % ((json.dumps(ONE).encode(),) * 2), bytes(8)),
    "no end": (b'{"a": {"dtype"', b""),
    "deep": (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", b""),
    "deep dimensions": ({"a": {**ONE, "shape": [1] * 5000 + [2]}}, bytes(8)),
    "not utf-8": (b'{"\xff\xfe":1}', b""),
    "long number": (b'{"a":' + b"9" * 10_000 + b"}", b""),
    "header longer than the file": (struct.pack("<Q", 0)[:0] + b"{" + b" " * 3, b""),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_headers_are_refused(tmp_path, name):
    path = tmp_path / "x.safetensors"
    path.write_bytes(safetensors_bytes(*HOSTILE[name]))
    with pytest.raises(FileError) as caught:
        safetensors_file.read_tensors(path)
    assert str(path) in str(caught.value)


def test_header_bombs_are_refused_by_what_is_counted(tmp_path):
    path = tmp_path / "x.safetensors"
    many = {f"t{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(20_001)}
    path.write_bytes(safetensors_bytes(many))
    with pytest.raises(FileError, match="20,001 tensors; the limit is 20,000"):
        safetensors_file.read_header(path, max_tensors=20_000)
    assert len(safetensors_file.read_header(path).tensors) == 20_001
    path.write_bytes(safetensors_bytes(b'{"a":[' + b"[]," * 3_000_001 + b"0]}"))
    with pytest.raises(FileError, match="more values than any such file"):
        safetensors_file.read_header(path)
    with open(path, "wb") as file:  # a hole instead of bytes
        file.write(struct.pack("<Q", 100_000_001) + b"{")
        file.truncate(100_000_100)
    with pytest.raises(FileError, match="too large to be read safely"):
        safetensors_file.read_header(path)
    path.write_bytes(struct.pack("<Q", 2**40) + b"{" * 100)
    with pytest.raises(FileError):
        safetensors_file.read_header(path)


@pytest.mark.parametrize("mebibytes", [9, pytest.param(40, marks=pytest.mark.slow)])
def test_a_header_with_long_texts_is_read_wherever_it_is_looked_at(tmp_path, mebibytes):
    """A caption of every image in `ss_tag_frequency` makes millions of bytes, and only one value."""
    tags = '{"a": "' + 'one \\"tag\\", [more], ' * (mebibytes << 20 >> 4) + '"}'
    path = safetensors_file.write(
        tmp_path / "x.safetensors",
        {"lora_unet_a.lora_up.weight": torch.ones(8, 2), "lora_unet_a.lora_down.weight": torch.ones(2, 8)},
        {"ss_tag_frequency": tags, "modelspec.title": "large"},
    )  # fmt: skip
    assert safetensors_file.read_header(path).metadata["ss_tag_frequency"] == tags
    assert len(safetensors_file.read_tensors(path)[0]) == 2
    assert safetensors_file.model_hash(path)
    report = inspect(path, hashes=False)
    assert (report.kind, report.problems) == ("lora", [])
    # the report is for people: it has the beginning, and says how much there is
    assert len(report.metadata["ss_tag_frequency"]) < 30_000
    assert f"({len(tags):,} characters)" in report.metadata["ss_tag_frequency"]


def test_a_header_of_too_much_text_is_not_said_to_have_too_many_tensors(tmp_path):
    """One emoji makes every character of a text four bytes wide."""
    path = tmp_path / "x.safetensors"
    path.write_bytes(
        safetensors_bytes(b'{"__metadata__":{"a":"' + b"x" * 68_000_000 + "🎉".encode() + b'"}}')
    )
    with pytest.raises(FileError, match="more text than any such file") as caught:
        safetensors_file.read_header(path)
    assert "too many" not in str(caught.value)


@pytest.mark.parametrize("ascii_only", [True, False])
def test_captions_inside_of_json_inside_of_json_are_one_text(tmp_path, ascii_only):
    captions = {f'a "猫" on [{n}], {{left}}, 🎉': 1 for n in range(60_000)}
    inner = json.dumps([{"captions": json.dumps(captions, ensure_ascii=ascii_only)}])
    path = safetensors_file.write(
        tmp_path / "x.safetensors",
        {"lora_unet_a.lora_up.weight": torch.ones(8, 2), "lora_unet_a.lora_down.weight": torch.ones(2, 8)},
        {"ss_datasets": inner},
    )  # fmt: skip
    assert inspect(path, hashes=False).problems == []
    assert safetensors_file.read_header(path).metadata["ss_datasets"] == inner


def test_a_header_with_room_left_for_later_texts_is_read(tmp_path):
    """Some programs pad it with blanks, so that metadata can be edited in place."""
    path = tmp_path / "x.safetensors"
    header = json.dumps({"__metadata__": {"name": "word"}, "emb_params": ONE}).encode()
    path.write_bytes(safetensors_bytes(header + b" " * (12 << 20), bytes(8)))
    report = inspect(path)
    assert (report.kind, report.metadata["name"], report.problems) == ("embedding", "word", [])
    assert report.hashes["model"] == hashlib.sha256(bytes(8)).hexdigest()


def test_the_report_keeps_what_programs_agree_on(tmp_path):
    """An entry for every image comes before all others, and the report shows no more than 500."""
    files = {f"a{n:04}.png": f"caption {n}" for n in range(700)}
    path = tmp_path / "x.safetensors"
    facts = {**files, "ss_output_name": "zork", "modelspec.title": "Zork", "studio.for": "x"}
    path.write_bytes(safetensors_bytes({"__metadata__": facts, "emb_params": ONE}, bytes(8)))
    shown = inspect(path, hashes=False).metadata
    assert shown.keys() > {"ss_output_name", "modelspec.title", "studio.for", "a0000.png"}
    assert shown["…"] == "203 more are not shown"


def test_half_a_surrogate_in_metadata_cannot_break_what_shows_it(tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(safetensors_bytes(b'{"__metadata__":{"title":"\\ud800 cat"}}'))
    assert safetensors_file.read_header(path).metadata["title"] == "\ufffduD800 cat"
    path.write_bytes(safetensors_bytes(b'{"\\ud800":%b}' % json.dumps(ONE).encode(), bytes(8)))
    assert list(safetensors_file.read_header(path).tensors) == ["\ufffduD800"]


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "an empty file"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        (b"hello, I am a text", "a text file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "PNG image"),
        (b"PK\x03\x04" + bytes(20), "zip container"),
        (b"\x80\x02}q\x00.", "bare pickle"),
        (b"GGUF" + bytes(20), "GGUF"),
        (bytes(range(200, 256)), "not a format"),
    ],
)
def test_other_content_is_named(tmp_path, content, words):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(FileError, match=words):
        safetensors_file.read_header(path)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(MissingError):
        safetensors_file.read_header(tmp_path / "nowhere.safetensors")
    with pytest.raises(FileError, match="folder"):
        safetensors_file.read_header(tmp_path)
    with pytest.raises(MissingError):
        safetensors_file.read_header("a\0b")


def test_mutants_end_in_our_errors_or_in_tensors(good, tmp_path, everything):
    raw = good.read_bytes()
    chance = random.Random(7)
    path = tmp_path / "mutant.safetensors"
    refused = 0
    rounds = 20_000 if everything else 2_000
    for _ in range(rounds):
        mutant = bytearray(raw)
        for _ in range(chance.choice((1, 1, 2, 8))):
            # Half of the hits go where they hurt: the length and the header.
            place = chance.randrange(len(raw) if chance.random() < 0.5 else 400)
            mutant[place] = chance.randrange(256)
        if chance.random() < 0.2:
            del mutant[chance.randrange(len(mutant)) :]
        path.write_bytes(mutant)
        try:
            tensors, metadata = safetensors_file.read_tensors(path)
        except StudioError:
            refused += 1
        else:
            assert sum(t.numel() * t.element_size() for t in tensors.values()) < len(raw)
            json.dumps(metadata)
    print(f"safetensors: {refused:,} of {rounds:,} mutants refused, 0 others")
    assert refused > rounds // 3
