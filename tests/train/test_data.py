"""Data: the same seed and step give the same batch; captions and crops are what they should be."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from studio.core.size import Size
from studio.formats.dataset import read_dataset
from studio.settings.training import DataSettings
from studio.train.buckets import bucket_for
from studio.train.captions import training_caption
from studio.train.data import (
    Item,
    Plan,
    load_pixels,
    read_items,
)


def item(number: int, bucket: tuple[int, int] = (32, 32), repeats: int = 1) -> Item:
    return Item(Path(f"{number}.png"), "a cat", bucket, False, repeats)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((512, 512), (512, 512)), ((1024, 512), (704, 384)), ((300, 3000), (384, 704))],
)
def test_buckets_keep_shape_and_area(size: tuple[int, int], expected: tuple[int, int]) -> None:
    bucket = bucket_for(*size, 512, 64)
    assert bucket == expected
    assert abs(bucket[0] * bucket[1] / 512**2 - 1) < 0.13


def test_training_image_to_image_and_references_see_srgb(tmp_path: Path) -> None:
    """A green in Display P3 is the green that it looks like, wherever images are used."""
    from studio.infer import init_latents
    from tests.formats import profiles

    path = tmp_path / "1.png"
    green = Image.new("RGB", (32, 32), (97, 196, 82))
    green.save(path, icc_profile=profiles.rgb(profiles.DISPLAY_P3))
    wanted = torch.tensor([39, 200, 59]) / 127.5 - 1
    pixels = load_pixels(Item(path, "", (32, 32), False, 1))
    assert torch.allclose(pixels.mean((1, 2)), wanted, atol=2 / 127.5)
    seen: list[torch.Tensor] = []

    class Base:
        def encode_images(self, pixels: torch.Tensor) -> torch.Tensor:
            seen.append(pixels)
            return torch.zeros(1, 8, 4, 4)

        def sample_latents(self, moments: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
            return noise

    init_latents.image_latents(Base(), str(path), Size(32, 32))  # type: ignore[arg-type]
    assert torch.allclose(seen[0][0].mean((1, 2)), wanted, atol=2 / 127.5)


def test_latents_of_an_earlier_way_of_reading_are_not_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studio.train import data

    Image.new("RGB", (32, 32)).save(tmp_path / "1.png")
    one = Item(tmp_path / "1.png", "", (32, 32), False, 1)
    before = one.content_key()
    monkeypatch.setattr(data, "READING", data.READING + 1)
    assert one.content_key() != before


def test_an_epoch_shows_every_image_as_often_as_it_should() -> None:
    items = [item(k, repeats=1 + k % 2) for k in range(7)]
    plan = Plan(items, 2, seed=3)
    seen = Counter(i for n in range(plan.batches_per_epoch) for i in plan.batch(n))
    assert all(seen[k] >= items[k].repeats for k in range(7))
    assert sum(seen.values()) - sum(i.repeats for i in items) < 2, "at most one batch is filled up"
    orders = {tuple(map(tuple, (plan.batch(n) for n in range(e * 5, e * 5 + 5)))) for e in range(3)}
    assert len(orders) == 3, "epochs differ in order"


def test_the_plan_depends_on_nothing_but_seed_and_step() -> None:
    items = [item(k, (32, 32) if k % 3 else (48, 16)) for k in range(10)]
    forward = [Plan(items, 4, seed=5).batch(n) for n in range(40)]
    plan = Plan(items, 4, seed=5)
    assert [plan.batch(n) for n in reversed(range(40))] == forward[::-1]
    for batch in forward:
        assert len({items[k].bucket for k in batch}) == 1 and len(batch) == 4


def test_captions_are_dropped_and_shuffled_statelessly() -> None:
    settings = DataSettings(caption_dropout=0.3, shuffle_tags=True, keep_tags=1)
    captions = [
        training_caption("zibbo, red, big, far", settings, 1, step, 0) for step in range(400)
    ]
    assert captions == [
        training_caption("zibbo, red, big, far", settings, 1, step, 0) for step in range(400)
    ]
    assert 0.2 < captions.count("") / 400 < 0.4
    kept = [caption for caption in captions if caption]
    assert all(caption.startswith("zibbo, ") for caption in kept)
    assert len(set(kept)) == 6, "all orders of three tags"


def test_orders_of_buckets_seeds_and_steps_are_independent() -> None:
    def orders(seed: int) -> list[list[int]]:
        """What an epoch shows of two buckets of forty items each, bucket by bucket."""
        items = [Item(Path(f"{k}.png"), "", (32, 32 + 32 * (k // 40)), False, 1) for k in range(80)]
        plan = Plan(items, 1, seed)
        shown = [plan.batch(number)[0] for number in range(80)]
        return [[k % 40 for k in shown if k // 40 == bucket] for bucket in (0, 1)]

    found = [order for seed in (7, 8, 9) for order in orders(seed)]
    assert len({tuple(order) for order in found}) == 6, "no bucket follows that of another seed"

    settings = DataSettings(caption_dropout=0, shuffle_tags=True, keep_tags=0)
    tags = ", ".join(str(k) for k in range(12))

    def shuffled(step: int, item: int) -> str:
        return training_caption(tags, settings, 1, step, item)

    assert shuffled(1, 1000) != shuffled(2, 0)
    assert shuffled(1, 2500) != shuffled(3, 500)


def test_pixels_are_cropped_flipped_and_flattened(tmp_path: Path) -> None:
    pixels = np.zeros((20, 40, 4), np.uint8)
    pixels[:, :20] = (255, 0, 0, 255)  # left red, right transparent
    Image.fromarray(pixels).save(tmp_path / "1.png")
    (tmp_path / "1.txt").write_text("half")
    settings = DataSettings(flip=True, buckets=False)
    plain, flipped = read_items(read_dataset(tmp_path), settings, 16, 16)
    shown = load_pixels(plain)
    assert shown.shape == (3, 16, 16)
    assert shown[:, 8, 2].tolist() == [1, -1, -1], "red"
    assert shown[:, 8, 13].tolist() == [1, 1, 1], "transparent becomes white"
    assert torch.equal(load_pixels(flipped), shown.flip(2))
    assert plain.content_key() != flipped.content_key()
