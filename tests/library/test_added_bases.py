"""Bases that lie elsewhere, and those that are sent as one file: taken when they are bases, else nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from studio.app import Studio
from studio.core.access import Access
from studio.core.errors import FileError, InputError, Interrupted, MissingError, StorageError
from studio.core.paths import Workspace
from studio.families import hub, saving
from studio.families.loading import load_base
from studio.library import base_arrival
from studio.settings.training import GenerateSettings
from tests.hub_server import NAME, HubServer, serving_hub
from tests.tiny import write_tiny_lora


@pytest.fixture
def elsewhere(studio: Studio, tmp_path: Path) -> Path:
    """A folder with a base as a folder, as one file, and an adapter."""
    place = tmp_path / "elsewhere"
    shutil.copytree(studio.workspace.bases / "tiny", place / "mine")
    base = load_base(place / "mine", "cpu")
    saving.save_single(base, place / "solo.safetensors", {}, torch.float32)
    write_tiny_lora(place / "lora.safetensors", base)
    return place


def names(studio: Studio) -> list[str]:
    return [info.name for info in studio.library.bases()]


def test_a_base_elsewhere_is_linked_found_by_its_name_and_used(
    studio: Studio, elsewhere: Path
) -> None:
    assert studio.library.add(str(elsewhere / "mine")).name == "mine"
    assert studio.library.add(f'"{elsewhere / "solo.safetensors"}"').family == "sd1"
    assert names(studio) == ["starter", "tiny", "mine", "solo"]
    again = Studio(Workspace(studio.workspace.root))
    assert names(again) == ["starter", "tiny", "mine", "solo"], "also after a restart"
    assert studio.library.base_path("mine") == elsewhere / "mine"
    assert studio.library.base("solo").path == elsewhere / "solo.safetensors"
    settings = GenerateSettings(base="mine", prompt="a cat", count=1, steps=1, device="cpu")
    assert "Model: mine" in studio.generation.generate(settings).images[0].parameters
    studio.library.forget("mine")
    assert names(studio) == ["starter", "tiny", "solo"]
    assert (elsewhere / "mine" / "model_index.json").is_file()


def test_one_base_is_listed_once_and_equal_names_are_told_apart(
    studio: Studio, elsewhere: Path
) -> None:
    assert studio.library.add(str(studio.workspace.bases / "tiny")).name == "tiny"
    studio.library.add(str(elsewhere / "mine"))
    studio.library.add(str(elsewhere / "mine"))
    assert names(studio) == ["starter", "tiny", "mine"]
    shutil.copytree(elsewhere / "mine", elsewhere / "other" / "tiny")
    found = studio.library.add(str(elsewhere / "other" / "tiny"))
    assert found.name == str(elsewhere / "other" / "tiny")
    assert studio.library.base_path(found.name) == elsewhere / "other" / "tiny"
    assert studio.library.base_path("tiny") == studio.workspace.bases / "tiny"


def test_what_is_no_base_is_refused_by_name(studio: Studio, elsewhere: Path) -> None:
    for place, words in (
        ("lora.safetensors", r"lora\.safetensors.*LoRA"),
        ("mine/unet", "one part of a base"),
        (".", "not a diffusers folder"),
    ):
        with pytest.raises(FileError, match=words):
            studio.library.add(str(elsewhere / place))
    (elsewhere / "cut.safetensors").write_bytes(
        (elsewhere / "solo.safetensors").read_bytes()[:50_000]
    )
    with pytest.raises(FileError, match="cut off"):
        studio.library.add(str(elsewhere / "cut.safetensors"))
    with pytest.raises(MissingError, match="no base model"):
        studio.library.add(str(elsewhere / "nothing"))
    with pytest.raises(InputError):
        studio.library.add("  ")
    with pytest.raises(MissingError, match="was added from elsewhere"):
        studio.library.forget("tiny")
    assert names(studio) == ["starter", "tiny"]


def test_one_that_went_away_stays_on_the_list_and_says_so(studio: Studio, elsewhere: Path) -> None:
    studio.library.add(str(elsewhere / "mine"))
    (elsewhere / "mine").rename(elsewhere / "away")
    gone = studio.library.bases()[-1]
    assert (gone.name, gone.family, gone.problems) == ("mine", None, ["It is not there now."])
    (elsewhere / "away").rename(elsewhere / "mine")
    assert studio.library.bases()[-1].family == "sd1"
    for text in ("{", '{"bases": 7}', '{"bases": [3, "", "relative/../x"]}'):
        (studio.workspace.root / "added-bases.json").write_text(text)
        assert names(studio) == ["starter", "tiny"]


def test_over_a_link_only_allowed_places_are_added_and_listed(
    studio: Studio, elsewhere: Path, tmp_path: Path
) -> None:
    studio.library.add(str(elsewhere / "mine"))
    studio.workspace.access = Access.over_a_link()
    for place in ("solo.safetensors", "nothing.safetensors"):
        with pytest.raises(InputError, match="outside the folders"):
            studio.library.add(str(elsewhere / place))
    assert names(studio) == ["starter", "tiny"]
    with pytest.raises(MissingError):
        studio.library.base_path("mine")
    studio.workspace.access = Access.over_a_link([elsewhere])
    assert studio.library.add(str(elsewhere / "solo.safetensors")).name == "solo"
    assert names(studio) == ["starter", "tiny", "mine", "solo"]


@pytest.fixture
def server(studio: Studio, tmp_path: Path) -> Iterator[HubServer]:
    with serving_hub(studio.workspace.bases / "tiny", tmp_path / "hub") as hub:
        yield hub


def test_one_from_the_hub_goes_by_its_id(studio: Studio, server: HubServer) -> None:
    with pytest.raises(MissingError, match="not on this machine yet"):
        studio.library.add(NAME)
    hub.fetch(NAME)
    assert studio.library.add(NAME).name == NAME
    assert names(studio) == ["starter", "tiny", NAME]
    server.status = 503
    settings = GenerateSettings(base=NAME, prompt="a cat", count=1, steps=1, device="cpu")
    assert f"Model: {NAME}" in studio.generation.generate(settings).images[0].parameters
    studio.library.forget(NAME)
    assert names(studio) == ["starter", "tiny"]


def pieces(data: bytes, size: int = 4096) -> Iterator[bytes]:
    for place in range(0, len(data), size):
        yield data[place : place + size]


def test_a_file_that_is_sent_is_kept_under_a_name_that_is_free(
    studio: Studio, elsewhere: Path
) -> None:
    data = (elsewhere / "solo.safetensors").read_bytes()
    bases = studio.workspace.bases
    base_arrival.check(bases, "solo.safetensors", len(data), data[:100_000])
    for name in ("solo.safetensors", "solo-2.safetensors"):
        kept = base_arrival.keep(bases, "../solo.safetensors", len(data), pieces(data))
        assert kept == bases / name and kept.read_bytes() == data
    assert sorted(names(studio)) == ["solo", "solo-2", "starter", "tiny"]


def test_nothing_is_left_of_a_file_that_is_none(studio: Studio, elsewhere: Path) -> None:
    data = (elsewhere / "solo.safetensors").read_bytes()
    bases = studio.workspace.bases
    before = sorted(bases.iterdir())

    def cut() -> Iterator[bytes]:
        yield data[:9000]
        raise Interrupted("gone")

    with pytest.raises(Interrupted):
        base_arrival.keep(bases, "a.safetensors", len(data), cut())
    for size, sent, words in (
        (len(data), data[:-1], "arrived incomplete"),
        (len(data), data + b"more", "arrived incomplete"),
        (9000, data[:9000], "damaged .a.safetensors.*header should have"),
        (100, bytes(100), "a.safetensors"),
    ):
        with pytest.raises(FileError, match=words) as caught:
            base_arrival.keep(bases, "a.safetensors", size, pieces(sent))
        assert "studio-tmp" not in str(caught.value)
    lora = (elsewhere / "lora.safetensors").read_bytes()
    with pytest.raises(FileError, match="LoRA"):
        base_arrival.keep(bases, "a.safetensors", len(lora), pieces(lora))
    assert sorted(bases.iterdir()) == before


def test_what_speaks_against_a_file_is_said_before_it_is_sent(
    studio: Studio, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bases, size = studio.workspace.bases, 100_000_000
    solo = (elsewhere / "solo.safetensors").read_bytes()
    for name, length, head, words in (
        ("a.ckpt", size, b"", "Only .safetensors"),
        ("a.safetensors", base_arrival.LARGEST + 1, b"", "too large to be sent"),
        ("a.safetensors", size, b"PK\x03\x04 no", "a.safetensors"),
        ("a.safetensors", len(solo) - 5, solo[:200_000], "cut off: 5 bytes"),
    ):
        with pytest.raises(InputError, match=words):
            base_arrival.check(bases, name, length, head)
    lora = (elsewhere / "lora.safetensors").read_bytes()
    with pytest.raises(FileError, match="not a base model"):
        base_arrival.check(bases, "a.safetensors", len(lora), lora)
    base_arrival.check(bases, "a.safetensors", len(solo), solo[:600])  # not all of its header
    usage = SimpleNamespace(total=10**12, used=10**12, free=10**8)
    monkeypatch.setattr(base_arrival.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(StorageError, match="not enough room"):
        base_arrival.check(bases, "a.safetensors", size, b"")
