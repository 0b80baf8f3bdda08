"""The sample adapters that ship: made for the starter that ships, whole, and not without effect."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from studio.app import Studio
from studio.core.paths import SAMPLE_ADAPTERS, Workspace
from studio.formats.images import open_image
from studio.infer.options import Job
from studio.library import files
from studio.runs import samples
from studio.settings.training import GenerateSettings, RunConfig, StackItem

SAMPLES = sorted(path.stem for path in SAMPLE_ADAPTERS.glob("*.*") if path.suffix != ".md")


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Studio:
    monkeypatch.setattr(files, "SAMPLE_ADAPTERS", SAMPLE_ADAPTERS)
    return Studio(Workspace(tmp_path))


def test_there_is_one_of_each_kind_that_is_small(studio: Studio) -> None:
    kinds = {info.kind for info in studio.library.adapters()}
    assert kinds == {"lora", "embedding", "hypernetwork", "aesthetic"}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_whole_and_made_for_this_starter(studio: Studio, name: str) -> None:
    info = studio.library.adapter(studio.library.adapter_path(name))
    assert (info.problem, info.stale) == (None, None)
    assert info.family == "sd1"


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_changes_the_image(studio: Studio, name: str) -> None:
    info = studio.library.adapter(studio.library.adapter_path(name))
    settings = {"prompt": f"a {info.trigger or 'cat'} on the beach", "steps": 6, "seed": 3}
    plain = GenerateSettings.parse(settings)
    with_it = plain.model_copy(update={"stack": [StackItem(path=str(info.path))]})
    before, after = (studio.generation.generate(wanted) for wanted in (plain, with_it))
    assert not after.reports[0].unmatched
    first, second = (np.asarray(open_image(b.images[0].path), int) for b in (before, after))
    assert np.abs(first - second).mean() > 2


def test_seeds_of_sample_rows_wrap_as_they_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def sampled(base: object, jobs: list[Job], options: object) -> list[object]:
        seen.extend(job.seed for job in jobs)
        return []

    monkeypatch.setattr(samples, "sampled", sampled)
    config = RunConfig.parse({"sample": {"prompts": ["a", "b"], "seed": 2**32 - 1}})
    base: Any = SimpleNamespace(native_size=64)
    assert samples.Preview(base, config, tmp_path).generate() == []
    assert seen == [2**32 - 1, 0]
