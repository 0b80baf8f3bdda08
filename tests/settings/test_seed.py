"""−1 as a seed: one at random, the same for all lanes, and none that a grid could not repeat."""

from __future__ import annotations

import pytest

from studio.core.errors import SettingsError
from studio.settings.generation import GenerateSettings
from studio.settings.grid import Axis, GridSettings
from studio.settings.grid_cells import lay_out
from studio.settings.lanes import LanesSettings


def test_minus_one_becomes_a_seed_and_others_stay() -> None:
    found = {GenerateSettings(seed=-1).seeded().seed for _ in range(8)}
    assert len(found) > 1 and all(0 <= seed < 2**32 for seed in found)
    kept = GenerateSettings(seed=7)
    assert kept.seeded() is kept
    with pytest.raises(SettingsError):
        GenerateSettings.parse({"seed": -2})


def test_lanes_share_the_seed_that_was_taken() -> None:
    lanes = LanesSettings.parse({"common": {"seed": -1}, "lanes": [{}, {}]}).seeded()
    (_, one), (_, other) = lanes.batches()
    assert one.seed == other.seed >= 0


def test_an_axis_of_seeds_names_them() -> None:
    settings = GridSettings(generation=GenerateSettings(), x=Axis(kind="seed", values=["1", "-1"]))
    with pytest.raises(SettingsError, match="cannot be −1"):
        lay_out(settings)
