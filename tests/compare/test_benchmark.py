"""The benchmark of concepts: every file is measured like the base, and learning shows."""

from __future__ import annotations

import json

import pytest

from benchmarks import concepts
from studio.starter.classifier import AttributeClassifier
from tests.compare.tiny_clip import make_clip
from tests.tiny import make_tiny_sd1


@pytest.fixture(scope="session")
def judged_base(tmp_path_factory):
    """A tiny base that generates 64 px images (of noise), with a CLIP and a judge beside it."""
    folder = make_tiny_sd1(tmp_path_factory.mktemp("judged") / "base")
    (folder / "studio.toml").write_text("native_size = 64\n")
    make_clip(folder / "clip")
    AttributeClassifier().save(folder / "classifier.safetensors")
    return folder


def test_files_are_measured_beside_the_base(judged_base, make_lora, tmp_path, capsys):
    out = tmp_path / "results" / "zibbo.json"
    code = concepts.main(
        ["--concept", "zibbo", "--base", str(judged_base), "--adapter", str(make_lora("strong")),
         "--adapter", str(make_lora("nothing", scale=0.0)), "--images", "8", "--forgetting", "8",
         "--steps", "2", "--device", "cpu", "--out", str(out)]
    )  # fmt: skip
    printed = json.loads(capsys.readouterr().out)
    assert code == 0 and json.loads(out.read_text()) == printed
    base, (strong, nothing) = printed["base"], printed["adapters"]
    assert base["kid_n"] == strong["kid_n"] == [8, 8]
    assert strong["kid"] != base["kid"]
    assert (nothing["kid"], nothing["ratio"]) == (base["kid"], 1.0)
    assert nothing["attributes"] == base["attributes"]
    assert set(base["attributes"]) == {"kind", "colour", "place"}


def test_a_file_that_is_not_there_is_said_and_changes_the_exit_code(judged_base, capsys):
    code = concepts.main(
        ["--concept", "zibbo", "--base", str(judged_base), "--adapter", "gone.safetensors",
         "--images", "2", "--forgetting", "0", "--steps", "1", "--device", "cpu"]
    )  # fmt: skip
    assert code == 2 and "gone.safetensors" in capsys.readouterr().err
