"""Words of embeddings that hold brackets and the like, and captions that do, as prompts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from studio.adapters.cache import AdapterCache
from studio.adapters.stack import applied
from studio.app import Studio
from studio.families.base import Base
from studio.families.loading import load_base
from studio.formats.caption_marks import as_trained
from studio.infer.prompt_schedule import prompt_schedules
from studio.runs.completion import complete
from studio.settings.training import RunConfig, StackItem
from tests.tiny import write_tiny_embedding

NAMES = [
    "zeb (1)", "zeb-v1.5", "zeb [x]", "zeb_(style)", "a:b", "zeb|q", "zeb 猫", "BREAK-zeb", "zeb,neg",
]  # fmt: skip


@pytest.fixture
def base(studio: Studio) -> Base:
    return load_base(studio.workspace.bases / "tiny", "cpu")


def told(base: Base, prompt: str) -> torch.Tensor:
    return prompt_schedules(base, "", [prompt], steps=2)[prompt].pairs[0][1].embeds


@pytest.mark.parametrize("name", NAMES)
def test_each_name_works_as_one_is_told_to_write_it(base: Base, tmp_path: Path, name: str) -> None:
    simple = write_tiny_embedding(tmp_path / "thing.safetensors", base)
    named = tmp_path / f"{name}.safetensors"
    named.write_bytes(simple.read_bytes())
    other = write_tiny_embedding(tmp_path / "zeb.safetensors", base, seed=5)
    stack = [StackItem(path=str(path)) for path in (other, named, simple)]
    with applied(base, stack, AdapterCache()) as reports:
        (written,) = re.findall(r"Write “(.*)” in the prompt\.", reports[1].message)
        for before, after in (("a ", " cat"), ("a (", ":1.3), [dog::0.5]")):
            expected = told(base, f"{before}thing{after}")
            assert torch.equal(told(base, f"{before}{written}{after}"), expected)
            assert torch.equal(told(base, f"{before}{written.lower()}{after}"), expected)
    assert not torch.equal(told(base, f"a {name} cat"), told(base, "a thing cat"))


def test_a_name_from_a_mac_is_the_word_that_keyboards_write(base: Base, tmp_path: Path) -> None:
    apart, together = (unicodedata.normalize(form, "zébu") for form in ("NFD", "NFC"))
    file = write_tiny_embedding(tmp_path / f"{apart}.safetensors", base)
    simple = write_tiny_embedding(tmp_path / "thing.safetensors", base)
    stack = [StackItem(path=str(path)) for path in (file, simple)]
    with applied(base, stack, AdapterCache()):
        expected = told(base, "a (thing:1.2) cat")
        for word in (apart, together, together.upper()):
            assert torch.equal(told(base, f"a ({word}:1.2) cat"), expected)


def test_two_files_whose_words_differ_by_case_say_so(base: Base, tmp_path: Path) -> None:
    files = [write_tiny_embedding(tmp_path / f"{n}.safetensors", base) for n in ("zeb", "Zeb")]
    with applied(base, [StackItem(path=str(file)) for file in files], AdapterCache()) as reports:
        assert "case" not in reports[0].message
        assert "The case matters here: “zeb”" in reports[1].message


def test_samples_read_captions_as_training_does(
    studio: Studio, config: Callable[..., RunConfig], base: Base
) -> None:
    folder = studio.workspace.datasets / "zibbo"
    captions = [
        "zibbo (creature), [blue] background", r"zibbo \(toy\), :1", "zibbo BREAK (far:1.5)",
        "zibbo [cat|dog]",
    ]  # fmt: skip
    for place, caption in enumerate(captions):
        (folder / f"{place}.txt").write_text(caption)
    values: dict[str, Any] = {"data": {"folder": "zibbo"}}
    done = complete(config(**values), studio.library).config
    again = complete(done, studio.library).config
    assert again.sample.prompts == done.sample.prompts
    for caption, prompt in zip(captions, done.sample.prompts, strict=True):
        schedule = prompt_schedules(base, "", [prompt], steps=8)[prompt]
        assert schedule.order == (0,) * 8
        trained = base.encode([as_trained(caption, "zibbo")])
        assert torch.equal(schedule.pairs[0][1].embeds, trained.embeds)
    own = complete(config(**values, sample={"prompts": ["a (b:1.2)"]}), studio.library).config
    assert own.sample.prompts == ["a (b:1.2)"]
