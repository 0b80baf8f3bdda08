"""Changes of any kind as whole weights or as the nearest LoRA of a rank, and how near that is."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from studio.formats import lora_plain
from studio.formats.lora import LoraModule
from tests.near import HALF, assert_near


def dora(out: int, inputs: int, window: tuple[int, ...] = ()) -> tuple[LoraModule, torch.Tensor]:
    """A weight-decomposed update whose change has full rank, and the weight it changes."""
    generator = torch.Generator().manual_seed(out)

    def numbers(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    weight = numbers(out, inputs, *window) * 0.1
    ones = [1] * len(window)
    lengths = weight.flatten(1).norm(dim=1) * (1 + 0.2 * numbers(out))
    parts = {
        "down": numbers(4, inputs, *window) * 0.1, "up": numbers(out, 4, *ones) * 0.1,
        "dora_scale": lengths.reshape(-1, 1, *ones),
    }  # fmt: skip
    return LoraModule("unet", f"x{out}", "dotted", "lora", parts, 4.0), weight


SIZES: Any = [(24, 16, ()), (8, 6, (3, 3)), (16, 40, (1, 1))]


def test_whole_weights_are_the_change_itself() -> None:
    given = [dora(*size) for size in SIZES]
    weights = {module.name: weight for module, weight in given}
    plain = lora_plain.as_weights([m for m, _ in given], lambda m: weights[m.name])
    assert plain.error < HALF
    for (module, weight), made in zip(given, plain.modules, strict=True):
        assert (made.kind, made.dora, made.key) == ("diff", False, module.key)
        assert_near(made.delta(torch.zeros_like(weight)), module.delta(weight), HALF)


@pytest.mark.parametrize("rank", [2, 5, 64])
def test_a_lora_is_the_nearest_of_its_rank_and_says_how_near(rank: int) -> None:
    given = [dora(*size) for size in SIZES]
    weights = {module.name: weight for module, weight in given}
    plain = lora_plain.as_low_rank([m for m, _ in given], lambda m: weights[m.name], rank)
    lost = total = measured = 0.0
    for (module, weight), made in zip(given, plain.modules, strict=True):
        wanted = module.delta(weight)
        values = torch.linalg.svdvals(wanted.flatten(1))
        lost, total = (
            lost + float(values[rank:].square().sum()),
            total + float(values.square().sum()),
        )
        assert made.rank == min(rank, *wanted.flatten(1).shape)
        assert made.scale == 1.0 and not made.dora
        change = made.delta(torch.zeros_like(weight))
        measured += float((change - wanted).square().sum())
    assert plain.error == pytest.approx((measured / total) ** 0.5, rel=1e-2)
    best = (lost / total) ** 0.5
    assert best - HALF <= plain.error <= best + HALF, "no better one exists (Eckart and Young)"
    if rank == 64:
        assert plain.error < HALF, "a rank as large as the layer keeps everything"


def test_large_layers_are_split_nearly_as_well() -> None:
    module, weight = dora(640, 600)
    plain = lora_plain.as_low_rank([module], lambda m: weight, 16)
    values = torch.linalg.svdvals(module.delta(weight))
    best = float((values[16:].square().sum() / values.square().sum()) ** 0.5)
    assert best <= plain.error * 1.001 and plain.error < best * 1.02
    before = torch.random.get_rng_state()
    lora_plain.as_low_rank([module], lambda m: weight, 16)
    assert torch.equal(before, torch.random.get_rng_state()), "generates nobody else's numbers"


def test_a_change_of_zeros_has_no_error() -> None:
    module = LoraModule(
        "unet", "x", "dotted", "lora", {"down": torch.zeros(2, 6), "up": torch.zeros(4, 2)}
    )
    for plain in (
        lora_plain.as_weights([module], lambda m: torch.ones(4, 6)),
        lora_plain.as_low_rank([module], lambda m: torch.ones(4, 6), 2),
    ):
        assert plain.error == 0.0
