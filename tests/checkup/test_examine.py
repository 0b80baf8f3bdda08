"""The whole look: buckets as training has them, what is remembered, many images, how it reads."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studio.app import Studio
from studio.checkup.duplicates import Copies
from studio.checkup.examine import judged, look
from studio.checkup.records import Report, verdict
from studio.checkup.table import CHECKS
from studio.clip import encoders
from studio.core.errors import Interrupted, SettingsError
from studio.families.size_multiple import size_multiple
from studio.formats import images
from studio.formats.image_look import look_at
from studio.formats.image_memory import ImageMemory
from tests.conftest import ROOT
from tests.tiny import make_tiny_sd1, make_tiny_sdxl

Check = Callable[..., Report]


def test_buckets_are_those_of_training(zibbo: Path, studio: Studio) -> None:
    from studio.formats.dataset import read_dataset
    from studio.settings.training import DataSettings
    from studio.train.data import bucket_table, read_items

    for number, size in enumerate([(200, 100), (90, 110), (300, 60)], 1):
        Image.effect_noise(size, 80).convert("RGB").save(zibbo / f"{number:04}.png")
    report = studio.generation.examine(zibbo, clip=False)
    base = report.evidence.base
    assert base is not None
    items = read_items(read_dataset(zibbo), DataSettings(), base.resolution, base.multiple)
    rows = report.buckets
    assert [
        {"width": row.width, "height": row.height, "items": row.images} for row in rows
    ] == bucket_table(items)
    assert sum(row.images for row in rows) == 12 and rows[0].most_lost < 0.2
    assert max(row.most_lost for row in rows) > 0.5, "300 × 60 is cropped to 2 : 1"


@pytest.mark.parametrize("make", [make_tiny_sd1, make_tiny_sdxl])
def test_the_steps_of_sizes_are_known_without_loading(
    make: Callable[[Path], Path], tmp_path: Path
) -> None:
    from studio.families.detect import describe
    from studio.families.loading import load_base

    folder = make(tmp_path / "base")
    base = load_base(folder, "cpu", "auto")
    assert size_multiple(folder, str(describe(folder).family)) == base.size_multiple


def test_a_second_look_decodes_nothing(
    zibbo: Path, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.open(zibbo / "0001.png").save(zibbo / "copy.png")
    first = studio.generation.examine(zibbo).as_dict()
    monkeypatch.setattr(images, "check_image", None)
    monkeypatch.setattr(encoders, "load_clip", None)
    again = Studio(studio.workspace).generation.examine(zibbo).as_dict()
    assert again == first and first["counts"]["warning"] == 2 and len(first["fits"]) == 12


def test_a_changed_caption_is_compared_anew(zibbo: Path, studio: Studio) -> None:
    first = studio.generation.examine(zibbo).evidence.fits
    (zibbo / "0004.txt").write_text("a big zibbo cat in the forest")
    again = studio.generation.examine(zibbo).evidence.fits
    assert again[0].file.name == "0004.png" and again[0].fit < first[0].fit


def test_it_stops_when_it_is_told_to(zibbo: Path, studio: Studio) -> None:
    with pytest.raises(Interrupted):
        studio.generation.examine(zibbo, clip=False, cancelled=lambda: True)


def test_a_base_that_is_no_base_is_refused(zibbo: Path, studio: Studio) -> None:
    (studio.workspace.bases / "empty").mkdir(parents=True)
    with pytest.raises(SettingsError, match="empty"):
        studio.generation.examine(zibbo, base="empty")


def test_without_a_base_everything_else_is_looked_at(zibbo: Path) -> None:
    (zibbo / "0003.txt").unlink()
    report = judged(look(zibbo, ImageMemory()))
    assert [finding.check.name for finding in report.findings] == ["missing"]
    assert report.buckets == [] and report.as_dict()["base"] is None


def test_ten_thousand_images_are_held_against_each_other() -> None:
    """Also where most are alike: one is the first of its group, and no pair is looked at twice."""
    dice = np.random.default_rng(0)
    kinds = [
        look_at(Image.fromarray(dice.integers(0, 255, (8, 8, 3), np.uint8)).resize((64, 64), 2))[0]
        for _ in range(50)
    ]
    copies = Copies([kinds[number % 50] for number in range(10_000)])
    like = list(copies.like(0, slice(1, 10_000)))
    assert [place for place, _ in like] == list(range(49, 9_999, 50))


def test_every_row_is_complete_and_has_a_name_of_its_own() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)
    for check in CHECKS:
        assert check.title and check.looks_at and check.says.endswith((".", "?")), check.name


@pytest.mark.parametrize(
    ("counts", "line"),
    [
        ((0, 0, 0), "Yes: nothing was found."),
        ((0, 0, 2), "Yes: 2 notes."),
        ((0, 1, 1), "Yes, but look at this first: 1 warning, 1 note."),
        ((1, 2, 0), "Not yet: 1 error, 2 warnings."),
    ],
)
def test_the_answer_in_one_line(counts: tuple[int, int, int], line: str) -> None:
    assert verdict(*counts) == line


def studio_says(workspace: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "studio.py", "--workspace", str(workspace), "dataset", *arguments],
        cwd=ROOT, capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip


def test_the_command_names_what_is_wrong(zibbo: Path, workspace: Path) -> None:
    shutil.copy(zibbo / "0001.png", zibbo / "copy.png")
    (zibbo / "0002.txt").write_text("a small cat in the forest")
    told = studio_says(workspace, str(zibbo), "--no-clip")
    assert told.returncode == 0, told.stderr
    lines = [line.strip() for line in told.stdout.split("\n")]
    assert lines[0] == "zibbo: 13 images, checked for starter at 64 px"
    assert "0001.png = copy.png" in lines and "copy.png" in lines
    assert "0002.png: no “zibbo” in “a small cat in the forest”" in lines
    assert "64 × 64: 13 images, the crop leaves out 0.0% on average, 0.0% at most" in lines
    assert lines[-2] == "Ready to train? Yes, but look at this first: 3 warnings."
    answer = json.loads(studio_says(workspace, str(zibbo), "--no-clip", "--json").stdout)
    assert not answer["ready"] and answer["images"] == 13 and answer["base"]["resolution"] == 64
    assert [finding["name"] for finding in answer["findings"]] == [
        "duplicate",
        "missing",
        "trigger",
    ]
    assert answer["findings"][0]["files"] == ["0001.png", "copy.png"]


def test_the_command_refuses_what_is_no_dataset(tmp_path: Path, workspace: Path) -> None:
    told = studio_says(workspace, str(tmp_path / "nowhere"))
    assert told.returncode == 2 and "nowhere" in told.stderr
