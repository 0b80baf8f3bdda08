"""Masks, crops and templates: the same place of image and mask, and what the loss makes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from studio.families.base import Base
from studio.formats.dataset import read_dataset
from studio.settings.training import DataSettings
from studio.train.cache import LatentCache
from studio.train.captions import training_caption
from studio.train.data import load_mask, load_pixels, read_items
from studio.train.loop import Trainer
from tests.matrix.conftest import make_trainer
from tests.train.conftest import QUIET


@pytest.fixture
def masked(tmp_path: Path) -> Path:
    """White where the mask is white: an image shows its own mask, so the two can be compared."""
    folder = tmp_path / "masked"
    folder.mkdir()
    shape = (np.indices((48, 80)).sum(0) % 40 < 15) * np.uint8(255)
    for name in ("1", "2"):
        Image.fromarray(np.dstack([shape] * 3)).save(folder / f"{name}.png")
        (folder / f"{name}.txt").write_text(f"image {name}")
    Image.fromarray(shape).save(folder / "1.mask.png")
    (folder / "masks").mkdir()
    Image.fromarray(shape).resize((160, 96), Image.Resampling.NEAREST).save(
        folder / "masks" / "2.webp", lossless=True
    )
    Image.fromarray(np.dstack([shape] * 4)).save(folder / "3.png")  # opaque where white
    (folder / "3.txt").write_text("image 3")
    return folder


def read(folder: Path, **settings: object) -> list:
    return read_items(read_dataset(folder), DataSettings.parse(settings), 32, 8)


def test_a_mask_is_cropped_mirrored_and_scaled_like_its_image(masked: Path) -> None:
    items = read(masked, mask="files", flip=True, crop="random", crops=3, crop_zoom=2)
    assert len(items) == 3 * 3 * 2
    assert len({(i.path, i.zoom, i.corner, i.flipped) for i in items}) == 18, "all differ"
    for item in items:
        if item.path.name == "3.png":
            assert item.mask is None
            continue
        shown, mask = (load_pixels(item)[:1] + 1) / 2, load_mask(item)
        assert mask.shape == shown.shape and 0 <= mask.min() <= mask.max() <= 1
        assert (mask - shown).abs().mean() < 0.08, item
        assert (mask.flip(2) - shown).abs().mean() > 0.15, "it would show if not"


def test_crops_lie_inside_and_stay_the_same_in_every_run(masked: Path) -> None:
    settings = {"crop": "random", "crops": 8, "crop_zoom": 1.5}
    items = read(masked, **settings)
    assert items == read(masked, **settings)
    first = [item for item in items if item.path.name == "1.png"]
    centre = read(masked)[0]
    assert torch.equal(load_pixels(first[0]), load_pixels(centre)), "the first is the whole image"
    assert all(load_pixels(item).shape == load_pixels(centre).shape for item in first)
    assert len({item.content_key() for item in first}) == 8
    assert max(item.zoom for item in first) > 1.2
    assert centre.content_key() == read(masked, mask="alpha")[0].content_key(), "latents are shared"


def test_transparency_is_a_mask(masked: Path) -> None:
    items = read(masked, mask="alpha")
    masks = {item.path.name: load_mask(item) for item in items}
    assert torch.equal(masks["1.png"], torch.ones_like(masks["1.png"])), "an opaque image: all"
    shown = load_mask(read(masked, mask="files")[0])
    torch.testing.assert_close(masks["3.png"], shown, atol=0.02, rtol=0)
    alpha, grey = items[2], read(masked, mask="files")[0]
    assert alpha.mask_key() != alpha.content_key() and alpha.mask_key() != grey.mask_key()


def test_masks_are_cached_and_follow_their_content(
    masked: Path, tiny: Base, tmp_path: Path
) -> None:
    def cached() -> torch.Tensor:
        found = LatentCache(tiny, tmp_path / "cache").masks(read(masked, mask="files")[:2])
        assert found is not None
        return found

    before = cached()
    scale = tiny.latent_scale
    item = read(masked, mask="files")[0]
    width, height = item.bucket
    assert before.shape == (2, 1, height // scale, width // scale)
    expected = load_mask(item).reshape(height // scale, scale, width // scale, scale).mean((1, 3))
    torch.testing.assert_close(before[0, 0], expected)
    files = set((tmp_path / "cache" / "masks").rglob("*.safetensors"))
    assert len(files) == 2 and torch.equal(cached(), before)
    assert set((tmp_path / "cache" / "masks").rglob("*.safetensors")) == files
    Image.new("L", (80, 48), 255).save(masked / "1.mask.png")
    assert cached()[0].min() == 1, "a changed mask is never stale"


def test_only_what_the_mask_shows_is_learnt(masked: Path, tiny: Base, tmp_path: Path) -> None:
    def trainer(*changes: str) -> Trainer:
        more = ("train.batch_size=1", "data.mask=files", *changes)
        return make_trainer(tiny, "lora", masked, tmp_path, *QUIET, *more)

    def gradient(run: Trainer) -> torch.Tensor:
        predicted: list[torch.Tensor] = []
        normal = run.objective.predict

        def kept(*arguments, **more):
            predicted.append(normal(*arguments, **more))
            predicted[-1].retain_grad()
            return predicted[-1]

        run.objective.predict = kept  # type: ignore[method-assign]
        with run.trainable.attached():
            run.batch_loss(0, 1).backward()
        assert predicted[0].grad is not None
        return predicted[0].grad[0]

    run = trainer("data.mask_rest=0")
    mask = run.batches.place_weights([run.items[run.plan.batch(0)[0]]])
    assert mask is not None and mask.min() == 0
    outside = (mask[0] == 0).expand(4, -1, -1)
    assert gradient(run)[outside].abs().max() == 0
    assert gradient(run)[~outside].abs().max() > 0
    assert gradient(trainer("data.mask_rest=0.5"))[outside].abs().max() > 0


def test_templates_are_sampled_per_step_and_filled() -> None:
    settings = DataSettings(
        trigger="zibbo", caption_dropout=0, template=["a photo of [name], [filewords]", "[name]"]
    )
    captions = [training_caption("red, [name]", settings, 1, step, 0) for step in range(60)]
    assert captions == [training_caption("red, [name]", settings, 1, step, 0) for step in range(60)]
    assert set(captions) == {"a photo of zibbo, red, [name]", "zibbo"}
    assert 15 < captions.count("zibbo") < 45
    one = settings.model_copy(update={"template": ["a [name] [x], [filewords]"]})
    assert training_caption("", one, 1, 1, 0) == "a zibbo [x]"
    assert training_caption("big", one, 1, 1, 0, name="other") == "a other [x], big"


def test_folders_of_several_concepts_fill_in_their_own_word(tmp_path: Path) -> None:
    for folder in ("3_sks dog", "2_zwx cat"):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (32, 32)).save(tmp_path / folder / "1.png")
    items = read(tmp_path, template=["[name]: [filewords]"])
    assert {(i.name, i.caption, i.repeats) for i in items} == {
        ("sks", "sks dog", 3),
        ("zwx", "zwx cat", 2),
    }
    (tmp_path / "2_zwx cat" / "1.png").unlink()
    assert read(tmp_path)[0].name == "", "a single concept is called by the run's trigger"
