"""A strength written into what was trained acts as the strength on the stack does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from studio.adapters.stack import applied
from studio.core.errors import InputError
from studio.families.base import Base
from studio.formats.hypernetwork_layers import last_scaling, sequence
from studio.settings.training import StackItem
from tests.methods.conftest import FACTS, predict, predicted_with, prepare, stir
from tests.near import assert_near

STRENGTH = 0.6
KINDS: list[tuple[str, dict[str, Any]]] = [
    ("lora", {"rank": 2}),
    ("dreambooth", {}),
    ("textual-inversion", {"vectors": 2}),
    ("hypernetwork", {"activation": "relu"}),
    ("hypernetwork", {"activation": "tanh", "activate_output": False}),
    ("hypernetwork", {"activation": "tanh", "layer_norm": True}),
]


@pytest.mark.parametrize(("method", "options"), KINDS)
def test_scaling_is_the_strength(
    sd1: Base, tmp_path: Path, method: str, options: dict[str, Any]
) -> None:
    made = stir(prepare(sd1, method, **options))
    plain, whole = predict(sd1), predicted_with(sd1, made)
    if method == "dreambooth":
        change = {name: tensor.clone() for name, tensor in made.state().items()}
        own = {
            f"{component}.{name}": place.original.detach()
            for component, places in made.places.items()  # type: ignore[attr-defined]
            for name, place in places.items()
        }
    else:
        file = made.export(tmp_path, FACTS)[0]
        with applied(sd1, [StackItem(path=str(file), strength=STRENGTH)]):
            expected = predict(sd1)
    made.scale(STRENGTH)
    scaled = predicted_with(sd1, made)
    assert not torch.equal(scaled, whole) and not torch.equal(scaled, plain)
    if method == "dreambooth":
        for name, tensor in made.state().items():
            between = torch.lerp(own[name].float(), change[name].float(), STRENGTH)
            assert_near(tensor.float(), between)
    else:
        assert (scaled - expected).abs().max() <= 2e-3 * expected.abs().max()


def test_what_cannot_hold_a_strength_says_so(sd1: Base) -> None:
    for method, options in (
        ("lora", {"dora": True}),
        ("hypernetwork", {"activation": "tanh", "activate_output": True}),
    ):
        with pytest.raises(InputError, match="cannot hold a strength") as error:
            prepare(sd1, method, **options).scale(STRENGTH)
        assert "0.6" in (error.value.remedy or "")


def test_the_last_layer_that_scales_is_found() -> None:
    assert last_scaling(sequence([1, 2, 1], "relu", activate_output=True)) == 2
    assert last_scaling(sequence([1, 2, 1], "tanh")) == 2
    assert last_scaling(sequence([1, 2, 1], "tanh", activate_output=True)) is None
    assert last_scaling(sequence([1, 2, 1], "tanh", is_layer_norm=True, activate_output=True)) == 5
