"""Measures against their definitions, and a CLIP that reads images of every kind alike."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from studio.compare import metrics
from studio.compare.statistics import resample, resample_means
from studio.core.errors import InputError


def directions(count: int, width: int = 16, seed: int = 0, shift: float = 0.0) -> torch.Tensor:
    """Random unit rows around a common direction."""
    rows = torch.randn(count, width, generator=torch.Generator().manual_seed(seed))
    rows[:, 0] += 2 + shift
    return torch.nn.functional.normalize(rows, dim=1)


def naive_kid(a: torch.Tensor, b: torch.Tensor) -> float:
    """The definition, pair by pair."""

    def kernel(x: list[float], y: list[float]) -> float:
        return (sum(p * q for p, q in zip(x, y, strict=True)) + 1) ** 3

    first, second = a.double().tolist(), b.double().tolist()

    def within(rows: list[list[float]]) -> float:
        n = len(rows)
        pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
        return sum(kernel(rows[i], rows[j]) for i, j in pairs) / (n * (n - 1))

    across = sum(kernel(x, y) for x in first for y in second) / (len(first) * len(second))
    return within(first) + within(second) - 2 * across


@pytest.mark.parametrize(("n", "m"), [(2, 2), (7, 12), (20, 9)])
def test_kid_equals_its_definition(n, m):
    a, b = directions(n, seed=1), directions(m, seed=2, shift=1.0)
    a, b = (torch.nn.functional.normalize(rows.double(), dim=1) for rows in (a, b))
    assert metrics.kid(a, b) == pytest.approx(naive_kid(a, b), rel=1e-9, abs=1e-12)


def test_kid_in_blocks_is_kid(monkeypatch):
    a, b = directions(30, seed=1), directions(25, seed=2)
    whole = metrics.kid(a, b)
    monkeypatch.setattr(metrics, "_BLOCK", 7)
    assert metrics.kid(a, b) == pytest.approx(whole, rel=1e-9)


def test_kid_does_not_mind_order_length_or_which_side_is_which():
    a, b = directions(12, seed=1), directions(15, seed=2, shift=0.5)
    assert metrics.kid(b, a) == pytest.approx(metrics.kid(a, b), rel=1e-12)
    assert metrics.kid(a.flip(0) * 7, b) == pytest.approx(metrics.kid(a, b), rel=1e-5)


def test_kid_is_unbiased_and_sees_a_difference():
    halves = [metrics.kid(*directions(60, seed=seed).split(30)) for seed in range(200)]
    spread = float(np.std(halves)) / len(halves) ** 0.5
    assert abs(float(np.mean(halves))) < 3 * spread
    assert min(halves) < 0 < max(halves)  # a biased estimate would never fall below zero
    far = metrics.kid(directions(30, seed=1), directions(30, seed=2, shift=3.0))
    assert far > 3 * max(halves)


@pytest.mark.parametrize("bad", [torch.zeros(1, 4), torch.full((4, 4), torch.nan)])
def test_kid_refuses_what_cannot_be_measured(bad):
    with pytest.raises(InputError):
        metrics.kid(bad, directions(5, 4))


def test_similarities_of_known_directions():
    x, y = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    both = torch.cat([x, y])
    assert metrics.own_prompt(both, both).tolist() == [1, 1]
    assert metrics.own_prompt(both, both.flip(0)).tolist() == [0, 0]
    assert metrics.moved(both, both.flip(0)).tolist() == [1, 1]
    assert metrics.to_references(both, x).tolist() == [1, 0]
    assert metrics.image_reference(x, both) == pytest.approx(0.5**0.5)


def jackknifed(measure, rows: torch.Tensor) -> torch.Tensor:
    """How each image pulls a measure, by leaving it out: (N − 1) · (whole − without it)."""
    whole, count = measure(rows), len(rows)
    kept = [torch.arange(count) != place for place in range(count)]
    return torch.tensor([(count - 1) * (whole - measure(rows[mask])) for mask in kept])


@pytest.mark.parametrize("name", ["kid", "vendi"])
def test_one_number_per_image_says_how_it_pulls_the_measure(name):
    rows, references = directions(60, seed=1, shift=-1.5), directions(40, seed=2)
    if name == "kid":
        values, measure = metrics.kid_values(rows, references), lambda r: metrics.kid(r, references)
    else:
        values, measure = metrics.vendi_values(rows), metrics.vendi
    assert float(values.mean()) == pytest.approx(measure(rows), rel=1e-9)
    pull = jackknifed(measure, rows)
    assert np.corrcoef(values, pull)[0, 1] > 0.99
    assert float(values.std()) == pytest.approx(float(pull.std()), rel=0.15)  # first order


def resampled_kid(images: torch.Tensor, references: torch.Tensor, counts: np.ndarray) -> np.ndarray:
    """KID of resampled images, from kernel sums; an image beside its own copy does not count."""
    a, b = images.double(), references.double()
    within, across = ((a @ a.T + 1) ** 3).numpy(), ((a @ b.T + 1) ** 3).mean(dim=1).numpy()
    np.fill_diagonal(within, 0)
    pairs = counts.sum(axis=1) ** 2 - (counts**2).sum(axis=1)
    return (counts @ within * counts).sum(axis=1) / pairs - 2 * counts @ across / counts.sum(axis=1)


def test_the_interval_of_a_difference_of_kids_is_that_of_resampled_pairs():
    references = directions(30, seed=3)
    base = directions(80, seed=4, shift=1.0)
    other = torch.nn.functional.normalize(base + 0.3 * directions(80, seed=5, shift=-3.0), dim=1)
    values = [metrics.kid_values(rows, references).numpy() for rows in (base, other)]
    by_values = resample_means(np.stack(values, axis=1), seed=0).spread((1, -1))
    by_pairs = resample(
        lambda counts: np.stack(
            [resampled_kid(rows, references, counts) for rows in (base, other)], axis=1
        ),
        80,
    ).spread((1, -1))
    assert by_values.variance**0.5 == pytest.approx(by_pairs.variance**0.5, rel=0.1)


def test_vendi_counts_wholly_different_images():
    assert metrics.vendi(torch.eye(7)) == pytest.approx(7)
    assert metrics.vendi(torch.eye(3).repeat(5, 1)) == pytest.approx(3)  # more images than features
    assert metrics.vendi(torch.ones(6, 4)) == pytest.approx(1)
    assert metrics.vendi(torch.eye(4).repeat_interleave(3, dim=1)[:, :12]) == pytest.approx(4)
    some, more = directions(40, seed=1, shift=6.0), directions(40, seed=1, shift=-2.0)
    assert 1 < metrics.vendi(some) < metrics.vendi(more) < 40


def test_copies_of_training_images_are_seen_and_new_images_of_the_concept_are_not():
    concept = directions(300, width=12, seed=6, shift=1.0)
    training, held_out, fresh = concept[:12], concept[12:36], concept[36:]
    new = metrics.nearness(fresh, training, held_out)
    assert float(new.memorised.mean()) <= 0.1 and new.by_chance == pytest.approx(0.05)
    noise = directions(60, width=12, seed=7, shift=-2.0)
    copies = torch.nn.functional.normalize(training.repeat(5, 1) + 0.05 * noise, dim=1)
    found = metrics.nearness(copies, training, held_out)
    assert float(found.memorised.mean()) > 0.6
    assert found.training.tolist() == list(range(12)) * 5
    assert found.held_out is not None and bool((found.cosines > found.held_out).all())


def test_what_a_caption_alone_brings_about_is_no_copy():
    """Images like a training image, because the prompt says all there is in it: the base makes them, too."""
    concept = directions(60, width=12, seed=9, shift=1.0)
    training, held_out = concept[:12], concept[12:36]
    noise = directions(72, width=12, seed=10, shift=-2.0)

    def near(spread: float, rows: slice) -> torch.Tensor:
        return torch.nn.functional.normalize(training.repeat(2, 1) + spread * noise[rows], dim=1)

    control, asked, copies = (
        near(0.3, slice(24)),
        near(0.3, slice(24, 48)),
        near(0.02, slice(48, 72)),
    )
    alone = metrics.nearness(asked, training, held_out)
    assert float(alone.memorised.mean()) > 0.3, "else this shows nothing"
    found = metrics.nearness(asked, training, held_out, control)
    assert float(found.memorised.mean()) <= 0.15 and found.threshold > alone.threshold
    assert float(metrics.nearness(control, training, held_out, control).memorised.sum()) == 0
    assert float(metrics.nearness(copies, training, held_out, control).memorised.mean()) > 0.6


def test_reference_images_that_are_training_images_are_not_held_out():
    concept = directions(60, width=12, seed=8, shift=1.0)
    training, fresh = concept[:12], concept[12:]
    alone = metrics.nearness(fresh, training, None)
    same = metrics.nearness(fresh, training, training.clone())
    assert same.held_out is None and same.threshold == alone.threshold
    assert alone.by_chance == pytest.approx(1 / 13)
    assert float(metrics.nearness(training, training, training).memorised.mean()) == 1


def test_the_threshold_holds_for_images_that_were_never_seen():
    """Exchangeable images are above it with the stated probability at most, over many concepts."""
    shares = []
    for seed in range(60):
        concept = directions(12 + 16 + 40, width=10, seed=seed, shift=1.0)
        shares.append(
            float(metrics.nearness(concept[28:], concept[:12], concept[12:28]).memorised.mean())
        )
    assert float(np.mean(shares)) <= 1 / 17 + 0.03
