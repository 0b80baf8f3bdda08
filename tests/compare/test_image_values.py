"""What a measure says of each image is found again by column, prompt and seed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from studio.compare import features
from studio.compare.image_values import image_values
from studio.compare.metrics import vendi_values
from studio.compare.vote.votes import ImagePair, Line, write_line
from studio.core.paths import Workspace
from studio.generation.votes import Votes
from tests.voting import compared


def rows(*shape: int, seed: int) -> torch.Tensor:
    found = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return found / found.norm(dim=-1, keepdim=True)


def test_values_belong_to_their_images(tmp_path: Path) -> None:
    made = compared(tmp_path, 2, 3, (1, 2))
    folder = Path(made.folder)
    assert image_values(folder, made) == {}
    images = {f"c{column}": rows(8, 5, seed=column) for column in (0, 1)}  # two more than the grid
    texts = rows(8, 5, seed=7)
    places = {"at/prompts": [0, 0, 1, 1, 2, 2, 0, 1], "at/seeds": [1, 2, 1, 2, 1, 2, 3, 4]}
    labels = {name: torch.tensor(values) for name, values in places.items()}
    features.write(folder, features.KeptFeatures({**images, "texts": texts, **labels}))
    found = image_values(folder, made)
    own = found["image_text"]
    assert len(own) == 16
    assert own[1, 2, 1] == pytest.approx(float(images["c1"][4] @ texts[4]), abs=1e-6)
    assert "kid" not in found  # there are no reference images
    (folder / features.FEATURES_FILE).write_bytes(b"damaged")
    assert image_values(folder, made) == {}


def test_an_image_that_is_not_there_has_no_value(tmp_path: Path) -> None:
    """A race gives its columns different numbers of images; zeros stand for those it has not."""
    made = compared(tmp_path, 2, 3, (1, 2))
    images = {f"c{column}": rows(6, 5, seed=column) for column in (0, 1)}
    images["c1"][3:] = 0
    images["c0"][0] = torch.nan
    labels = {"at/prompts": [0, 0, 1, 1, 2, 2], "at/seeds": [1, 2] * 3}
    tensors = {**images, "texts": rows(6, 5, seed=7), "references": rows(4, 5, seed=8)}
    tensors |= {name: torch.tensor(values) for name, values in labels.items()}
    features.write(Path(made.folder), features.KeptFeatures(tensors))
    found = image_values(Path(made.folder), made)
    there = {(0, p, s) for p in range(3) for s in (1, 2)} - {(0, 0, 1)}
    there |= {(1, 0, 1), (1, 0, 2), (1, 1, 1)}
    assert {"kid", "diversity", "image_image", "image_text"} <= found.keys()
    assert {key: set(values) for key, values in found.items()} == dict.fromkeys(found, there)
    few = images["c1"][:3]
    assert found["diversity"][1, 0, 1] == pytest.approx(float(vendi_values(few)[0]))


def test_a_result_says_how_often_a_measure_prefers_the_same_image(workspace: Path) -> None:
    from studio.app import Studio

    studio = Studio(Workspace(workspace))
    made = compared(studio.workspace.comparisons, 2, 3, (1, 2))
    folder = Path(made.folder)
    texts = rows(6, 4, seed=1)
    labels = {"at/prompts": [0, 0, 1, 1, 2, 2], "at/seeds": [1, 2] * 3}
    tensors = {
        "c0": texts,
        "c1": rows(6, 4, seed=2),
        "texts": texts,
    }  # column 0 is what was asked for
    tensors |= {name: torch.tensor(values) for name, values in labels.items()}
    features.write(folder, features.KeptFeatures(tensors))
    for prompt in range(3):
        for seed in (1, 2):
            pair = ImagePair(0, 1, prompt, seed)._asdict()
            choice = "b" if (prompt, seed) == (2, 2) else "a"
            write_line(folder, Line.read({"kind": "vote", "voter": "A", "question": "prefer", "choice": choice, "left": 1, **pair}))  # fmt: skip
    votes: Votes = studio.generation.votes
    (row,) = [
        one for one in votes.result(made.id, "prefer").agreement if one.measure == "image_text"
    ]
    assert row.share == pytest.approx(5 / 6) and row.pairs == 6
    assert row.low is not None and row.low < 5 / 6 < (row.high or 0)
