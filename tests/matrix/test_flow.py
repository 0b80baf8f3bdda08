"""What the matrix does not ask of a flow-matching transformer: words of reports, block weights, images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from studio import methods
from studio.adapters.stack import applied
from studio.architectures import ARCHITECTURES
from studio.families.base import Base
from studio.families.loading import load_base
from studio.formats.inspect import inspect
from studio.infer.engine import generate
from studio.settings.training import GenerateSettings, StackItem
from studio.train.loop import Trainer
from tests.flow import TOY, known, make_toy_flow
from tests.matrix.conftest import fingerprint, make_trainer
from tests.matrix.test_files import export, predicted


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Base]:
    with known():
        yield load_base(make_toy_flow(tmp_path_factory.mktemp("toy-flow")), "cpu", "fp32")


def trainer(base: Base, images: Path, cache: Path, *changes: str) -> Trainer:
    return make_trainer(base, "lora", images, cache, *changes)


def test_its_file_acts_as_trained_and_shows_in_images(
    toy: Base, images: Path, tmp_path: Path
) -> None:
    run = trainer(toy, images, tmp_path)
    run.run()
    plain, before = predicted(toy), fingerprint(toy)
    with run.trainable.attached():
        trained = predicted(toy)
    (file,) = export(run, tmp_path)
    assert inspect(file).family == TOY.name
    with applied(toy, [StackItem(path=str(file))]) as reports:
        assert reports[0].matched and not reports[0].unmatched, reports
        assert "(transformer " in reports[0].message and "text encoder " in reports[0].message
        from_file = predicted(toy)
    effect = (trained - plain).norm()
    assert effect > 0 and (from_file - trained).norm() < 0.02 * effect
    assert torch.equal(predicted(toy), plain) and fingerprint(toy) == before
    settings: dict[str, Any] = {
        "prompt": "a red cat", "steps": 3, "guidance": 2.0, "seed": 1, "sampler": "DDIM",
    }  # fmt: skip
    generated = [
        np.asarray(generate(toy, GenerateSettings(**settings, stack=stack))[0].image)
        for stack in (
            [],
            [],
            [StackItem(path=str(file))],
            [StackItem(path=str(file), blocks={"L": 0.0})],
        )
    ]
    assert generated[0].shape == (32, 32, 3) and np.array_equal(generated[0], generated[1])
    assert not np.array_equal(generated[0], generated[2])
    assert not np.array_equal(generated[2], generated[3]), (
        "block weights reach a transformer's layers"
    )


def test_methods_ask_what_an_architecture_has(toy: Base) -> None:
    refused = {name: row.unsupported(toy.architecture) for name, row in methods.METHODS.items()}
    assert {name for name, reason in refused.items() if reason} == {"hypernetwork", "aesthetic"}
    rows = [row for row in ARCHITECTURES.values() if row is not TOY]
    assert not any(m.unsupported(row) for m in methods.METHODS.values() for row in rows)
