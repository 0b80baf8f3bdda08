"""The shipped CLIP sees what was taught, and a comparison on the shipped base is complete."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from studio.clip.encoders import load_clip
from studio.compare import metrics
from studio.compare.comparison import compare
from studio.compare.selection.scores import Judge
from studio.core.paths import ASSETS
from studio.families.loading import load_base
from studio.settings.training import CompareSettings
from studio.starter import world
from tests.tiny import write_tiny_lora


@pytest.mark.parametrize("concept", list(world.CONCEPTS))
def test_kid_tells_a_concept_from_the_ordinary_and_not_from_itself(starter: Path, concept):
    scorer = load_clip(starter)
    scenes = [world.concept_scene(concept, "held_out", index) for index in range(96)]
    truth = scorer.image_features(np.stack([world.render(scene, concept) for scene in scenes]))
    plain = scorer.image_features(np.stack([world.render(scene) for scene in scenes[48:]]))
    itself, ordinary = metrics.kid(truth[:48], truth[48:]), metrics.kid(truth[:48], plain)
    assert itself < 0.05 and ordinary > 0.15
    half = torch.cat([truth[48:72], plain[24:]])  # half-learnt lies between
    assert itself < metrics.kid(truth[:48], half) < ordinary


def test_a_comparison_on_the_starter_has_every_measure(starter: Path, tmp_path):
    base = load_base("starter", "cpu")
    lora = write_tiny_lora(tmp_path / "nudge.safetensors", base, size=0.2)
    settings = CompareSettings.parse(
        {
            "columns": [{"name": "base"}, {"name": "nudged", "stack": [{"path": str(lora)}]}],
            "prompts": ["a zibbo cat on the beach"],
            "seeds": [1],
            "steps": 3,
            "images": 8,
            "reference": str(ASSETS / "datasets" / "zibbo" / "held_out"),
            "training": str(ASSETS / "datasets" / "zibbo"),
            "ordinary_images": 4,
        }
    )
    comparison = compare(base, settings, tmp_path / "c")
    plain, nudged = comparison.columns
    assert comparison.complete and comparison.notes == ()
    missing = {key for key, value in nudged.measures.items() if value is None}
    assert missing == {"image_image_dino"} and nudged.counts == (8, 16)
    assert plain.measures["drift"] == pytest.approx(0, abs=1e-6) and plain.measures["attributes"]
    assert (nudged.measures["drift"] or 0) > 0.001
    assert (tmp_path / "c" / nudged.nearest.training).is_file() if nudged.nearest else False


@dataclass(frozen=True)
class Asked:
    """What checkpoints are judged by."""

    references: tuple[Path, ...]
    training: tuple[Path, ...]
    plain: tuple[str, ...] = ("a zibbo cat", "a zibbo cat on the beach")
    held_out: bool = True


def test_held_out_images_that_were_trained_on_do_not_judge_a_checkpoint(starter: Path, tmp_path):
    """A copy among them would let every copy pass, for it is as near to a training image as can be."""
    base = load_base("starter", "cpu")
    zibbo = ASSETS / "datasets" / "zibbo"
    training = tuple(sorted(zibbo.glob("*.png")))
    others = tuple(sorted((zibbo / "held_out").glob("*.png")))[:4]
    copy = Path(shutil.copy2(training[0], tmp_path / "another name.png"))
    wanted = Judge(base, Asked(others, training)).natural_copies()
    mixed = Judge(base, Asked((*others, copy), training))
    assert mixed.natural_copies() == wanted is not None and len(mixed.references) == 4
    assert mixed.notes == ["Left out, because trained on as well: 1 of the held-out images."]
    only = Judge(base, Asked((copy,), training))
    assert not only.held_out and len(only.references) == len(training)
